"""Every link of the documents leads somewhere, and every file, test and command that they name is there."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from fraud_stream.cli import COMMANDS
from tests.harness import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_NAMED = re.compile(r"`((?:fraud_stream|agents|tables|producers|deploy|tests|benchmarks|notebooks|docs)/[\w./-]+)`")


def text_of(path: Path) -> str:
    """What a page says, or all that a notebook does beside its code."""
    if path.suffix != ".ipynb":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def anchors(page: Path) -> set[str]:
    """The places within a page that GitHub makes of its headings."""
    headings = (re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", one) for one in _HEADING.findall(_CODE.sub("", text_of(page))))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for link in _LINK.findall(_CODE.sub("", text_of(page))):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda path: path.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda path: path.name)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = {one.partition("::")[0] for one in _NAMED.findall(text_of(page))}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_test_that_is_named_is_there(page: Path) -> None:
    named = set(re.findall(r"`(test_\w+)`", text_of(page)))
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in sorted(named) if f"def {name}(" not in tests] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_command_that_is_named_is_there(page: Path) -> None:
    named = set(re.findall(r"(?:^|[`|(/]\s*)fraud-stream ([a-z][a-z-]+)", text_of(page), re.MULTILINE))
    assert named <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda path: path.name)
def test_the_readme_leads_to_every_page(page: Path) -> None:
    assert f"(docs/{page.name}" in (ROOT / "README.md").read_text()


def test_a_link_that_leads_nowhere_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `b`, c\n[1](#a-b-c) [2](#none) [3](page.md#a-b-c) [4](gone.md) [5](https://example.com/x)\n")
    assert broken(page) == ["#none", "gone.md"]
