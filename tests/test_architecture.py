"""Who may import whom, and what the Faust command line finds."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.harness import ROOT

OURS = {"fraud_stream", "agents", "tables", "producers"}
#: What neither the domain nor the models may know of.
FRAMEWORKS = {
    "faust",
    "mode",
    "aiokafka",
    "aiohttp",
    "confluent_kafka",
    "rocksdict",
    "pydantic",
    "click",
    "rich",
    "uvloop",
}
#: For each part of the house, which parts it may import beside itself.
MAY_IMPORT = {
    "fraud_stream/archive": {
        "fraud_stream.domain",
        "fraud_stream.errors",
        "fraud_stream.label_intake",
        "fraud_stream.reading",
        "fraud_stream.records",
        "fraud_stream.retention",
        "fraud_stream.settings",
    },
    "fraud_stream/batch": {
        "fraud_stream.domain",
        "fraud_stream.errors",
        "fraud_stream.evaluation.taking",
        "fraud_stream.files",
        "fraud_stream.label_intake",
        "fraud_stream.reading",
        "fraud_stream.records",
        "fraud_stream.retention",
        "fraud_stream.sections",
        "fraud_stream.settings",
    },
    "fraud_stream/overview": {"fraud_stream.frames", "fraud_stream.history"},
    "fraud_stream/domain": {"fraud_stream.errors"},
    "fraud_stream/engine": {"fraud_stream.errors"},
    "fraud_stream/evaluation": {
        "fraud_stream.errors",
        "fraud_stream.domain",
        "fraud_stream.models",
        "fraud_stream.sections",
        "fraud_stream.settings",
    },
    "fraud_stream/files": {"fraud_stream.domain", "fraud_stream.errors", "fraud_stream.records"},
    "fraud_stream/models": {"fraud_stream.domain", "fraud_stream.errors"},
    "fraud_stream/monitor": {"fraud_stream.errors"},
    "fraud_stream/prediction": {
        "fraud_stream.domain",
        "fraud_stream.errors",
        "fraud_stream.evaluation",
        "fraud_stream.files",
        "fraud_stream.models",
        "fraud_stream.settings",
    },
    "fraud_stream/web": {
        "fraud_stream.access",
        "fraud_stream.alert_filter",
        "fraud_stream.app",
        "fraud_stream.audit",
        "fraud_stream.backwards",
        "fraud_stream.delivery",
        "fraud_stream.domain",
        "fraud_stream.engine",
        "fraud_stream.errors",
        "fraud_stream.kafka",
        "fraud_stream.reading",
        "fraud_stream.records",
        "fraud_stream.redrive",
        "fraud_stream.schemas",
        "fraud_stream.sections",
        "fraud_stream.settings",
        "fraud_stream.steering",
        "fraud_stream.version",
        "agents",
        "tables",
    },
    "tables": {"fraud_stream.app", "fraud_stream.domain", "fraud_stream.engine"},
    "agents": {
        "fraud_stream.alert_log",
        "fraud_stream.app",
        "fraud_stream.domain",
        "fraud_stream.engine",
        "fraud_stream.label_intake",
        "fraud_stream.models",
        "fraud_stream.records",
        "fraud_stream.reports",
        "tables",
    },
    "producers": {
        "fraud_stream.errors",
        "fraud_stream.files",
        "fraud_stream.kafka",
        "fraud_stream.options",
        "fraud_stream.records",
        "fraud_stream.sections",
        "fraud_stream.settings",
    },
}


class Import(NamedTuple):
    """An import: in which file, of which module, and which names of it."""

    path: Path
    module: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)} imports {self.module} ({', '.join(self.names)})"


def imports_of(path: Path) -> Iterator[Import]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (Import(path, alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield Import(path, node.module or "", tuple(alias.name for alias in node.names))


def imports_in(folder: str) -> list[Import]:
    found = [one for path in sorted((ROOT / folder).rglob("*.py")) for one in imports_of(path)]
    assert found, f"there is nothing in {folder}"
    return found


def is_of(module: str, part: str) -> bool:
    return module == part or module.startswith(part + ".")


def targets(one: Import) -> list[str]:
    """What is imported, with submodules that are imported as names."""
    return [f"{one.module}.{name}" for name in one.names] or [one.module]


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_each_part_imports_only_those_it_may(folder: str) -> None:
    allowed = {folder.replace("/", "."), *MAY_IMPORT[folder]}
    ours = [one for one in imports_in(folder) if one.module.split(".")[0] in OURS]
    wrong = [one for one in ours if not all(any(is_of(name, part) for part in allowed) for name in targets(one))]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("folder", ["fraud_stream/domain", "fraud_stream/models"])
def test_the_domain_and_the_models_know_no_framework(folder: str) -> None:
    wrong = [one for one in imports_in(folder) if one.module.split(".")[0] in FRAMEWORKS]
    assert not wrong, "\n".join(map(str, wrong))


def test_the_domain_needs_little_beyond_python() -> None:
    modules = {one.module.split(".")[0] for one in imports_in("fraud_stream/domain")}
    assert modules - sys.stdlib_module_names - {"fraud_stream"} == {"msgspec", "numpy"}


def test_the_application_is_made_of_nothing_that_is_made_for_it() -> None:
    """Faust finds agents, tables and pages; the rest of the package knows none of them, nor the producers."""
    beyond = [one for one in imports_in("fraud_stream") if "web" not in one.path.relative_to(ROOT).parts]
    wrong = [one for one in beyond if one.module.split(".")[0] in {"agents", "tables", "producers"}]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("folder", sorted(OURS))
def test_nobody_imports_what_is_private_to_another_module_or_to_the_tests(folder: str) -> None:
    ours = [one for one in imports_in(folder) if one.module.split(".")[0] in {*OURS, "tests", "benchmarks"}]
    wrong = [one for one in ours if is_of(one.module, "tests") or is_of(one.module, "benchmarks")]
    wrong += [one for one in ours if any(name.startswith("_") for name in (*one.names, *one.module.split(".")))]
    assert not wrong, "\n".join(map(str, wrong))


def start(*command: str, **variables: str) -> subprocess.Popen[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FRAUD_STREAM_")}
    environ.update({"FRAUD_STREAM_CONF": str(ROOT / "faust.conf"), **variables})
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environ, stdout=pipe, stderr=pipe, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, err
    return out


def imported_by(package: str) -> set[str]:
    """The top names of all modules that are there once every module of a package was imported."""
    code = (
        f"import importlib, pkgutil, sys, {package}\n"
        f"for module in pkgutil.walk_packages({package}.__path__, '{package}.'): importlib.import_module(module.name)\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    return set(finish(start("-c", code, FRAUD_STREAM_CONF="no-such-file.conf")).split())


def test_importing_the_domain_imports_no_framework_and_needs_no_settings() -> None:
    imported = imported_by("fraud_stream.domain")
    assert {"fraud_stream", "msgspec", "numpy"} <= imported
    assert not imported & (FRAMEWORKS | {"agents", "tables", "producers"})


def test_importing_the_models_imports_no_framework_and_needs_no_settings() -> None:
    assert not imported_by("fraud_stream.models") & (FRAMEWORKS - {"rich"})  # scikit-learn's, for its own progress


@pytest.fixture(scope="module")
def outputs() -> dict[str, str]:
    """What commands print; they start together, as each imports for seconds."""
    faust = ("-m", "faust", "--json", "-A", "fraud_stream")
    started = {
        "agents": start(*faust, "agents"),
        "tables": start(*faust, "tables"),
        "import": start("-c", "import agents.labels; print(agents.labels.app.conf.id)"),
    }
    return {name: finish(process) for name, process in started.items()}


def test_an_agent_may_be_imported_by_itself(outputs: dict[str, str]) -> None:
    assert outputs["import"].strip() == "fraud-stream"


def test_faust_lists_our_agents(outputs: dict[str, str]) -> None:
    found = {agent["name"]: (agent["topic"], agent["help"]) for agent in json.loads(outputs["agents"])}
    assert {name: topic for name, (topic, _) in found.items()} == {
        "@detection": "transactions",
        "@labels": "labels",
        "@labelled": "labelled",
    }
    assert all(explanation for _, explanation in found.values())


def test_faust_lists_our_tables(outputs: dict[str, str]) -> None:
    found = {table["name"]: table["help"] for table in json.loads(outputs["tables"])}
    assert found.keys() == {"customer_tumbling", "customer_hopping", "customer_profile", "customer_frauds", "pending"}
    assert all(found.values())
