"""What a browser is given: nothing that the content security policy forbids, and all that is named is there."""

import hashlib
import re
import tomllib

import pytest

from fraud_stream.web.dashboard.pages import FOLDER
from tests.harness import ROOT

OURS = [path for path in FOLDER.rglob("*") if path.is_file() and "vendor" not in path.parts]
VENDOR = FOLDER / "vendor"


def text_of(name: str) -> str:
    return (FOLDER / name).read_text()


def test_what_others_have_made_is_unchanged_and_has_its_licence():
    folders = [folder for folder in VENDOR.iterdir() if folder.is_dir()]
    assert folders
    for folder in folders:
        assert re.fullmatch(r"[a-z]+-\d+\.\d+\.\d+", folder.name)
        sums = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
        there = {path.name for path in folder.iterdir()} - {"SHA256SUMS"}
        assert there == sums.keys()
        assert "LICENSE" in there
        for name, known in sums.items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == known, name


def test_the_page_names_only_what_is_there():
    names = re.findall(r'(?:href|src)="(static/[^"]+)"', text_of("index.html"))
    assert len(names) >= 5
    for name in names:
        assert (FOLDER.parent / name).is_file(), name


def test_every_import_of_a_script_is_there():
    scripts = [path for path in OURS if path.suffix == ".js"]
    assert len(scripts) > 8
    for script in scripts:
        for name in re.findall(r'from "([^"]+)"', script.read_text()):
            assert (script.parent / name).resolve() in scripts, f"{script} imports {name}"


@pytest.mark.parametrize(
    "path", [path for path in OURS if path.suffix in {".html", ".js", ".css"}], ids=lambda p: p.name
)
def test_nothing_is_from_another_host_and_no_text_is_read_as_markup(path):
    text = path.read_text()
    assert not re.search(r"https?://|//[a-z]+\.", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text)


def test_the_page_has_no_script_nor_style_within():
    text = text_of("index.html")
    assert re.findall(r"<script[^>]*>", text) == [tag for tag in re.findall(r"<script[^>]*>", text) if " src=" in tag]
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text)


def test_the_package_takes_all_of_it_along():
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"][
        "fraud_stream.web"
    ]
    package = FOLDER.parent
    taken = {path for pattern in data for path in package.glob(pattern)}
    assert {path for path in FOLDER.rglob("*") if path.is_file()} <= taken
