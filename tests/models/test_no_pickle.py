"""A model travels as plain numbers: reading a pickle runs whatever code it holds."""

import ast
from collections.abc import Iterator

import pytest

from tests.harness import ROOT

MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
NAMES = {"read_pickle", "to_pickle", "allow_pickle", "joblib", "load_model"}


def offences(source: str) -> Iterator[str]:
    """The imports, attributes and keywords of a source that have to do with pickles."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            parts = {(node.module or "").split(".")[0], *(alias.name for alias in node.names)}
            yield from parts & (MODULES | NAMES)
        elif isinstance(node, ast.Attribute | ast.keyword):
            name = node.attr if isinstance(node, ast.Attribute) else node.arg
            yield from {name or ""} & NAMES


@pytest.mark.parametrize("folder", ["fraud_stream", "agents", "tables", "producers"])
def test_no_pickle_is_written_or_read(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    found = {str(path.relative_to(ROOT)): list(offences(path.read_text())) for path in files}
    assert not {path: names for path, names in found.items() if names}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import joblib.numpy_pickle as x",
        "from cloudpickle import dumps",
        "from sklearn.externals import joblib",
        "pandas.read_pickle('x')",
        "numpy.load('x', allow_pickle=True)",
    ],
)
def test_a_pickle_would_be_found(source: str) -> None:
    assert list(offences(source))
