"""Executes notebooks, and reads what the cells of notebooks/dashboard.ipynb show."""

import base64
import os
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.image
import nbformat
import numpy as np
from nbclient import NotebookClient

from fraud_stream.settings import Settings
from tests.harness import ROOT

NOTEBOOK = ROOT / "notebooks" / "dashboard.ipynb"
#: The cells that show a picture, and those that show a table, where there is something to show.
PICTURES = ("records", "closer", "latency", "errors", "components", "types", "rules", "severity", "quality")
TABLES = ("latency-table", "quality-table")


class Run(NamedTuple):
    """An executed notebook, and the settings of what it looked at."""

    settings: Settings
    cells: dict[str, Any]

    def text(self, cell: str) -> str:
        """The plain text that a cell shows."""
        return str(self._data(cell)["text/plain"])

    def rows(self, cell: str) -> dict[str, list[str]]:
        """The lines of the plain text: by the first word the rest, split where it is wide."""
        parts = (re.split(r"\s{2,}", line.strip()) for line in self.text(cell).splitlines())
        return {first: rest for first, *rest in parts}

    def picture(self, cell: str) -> np.ndarray:
        """The pixels of the picture that a cell shows."""
        png = base64.b64decode(self._data(cell)["image/png"])
        return np.asarray(matplotlib.image.imread(BytesIO(png), format="png"))

    def has_picture(self, cell: str) -> bool:
        return "image/png" in self._data(cell)

    def _data(self, cell: str) -> Mapping[str, Any]:
        (output,) = self.cells[cell]["outputs"]
        found: Mapping[str, Any] = output["data"]
        return found


def execute(settings: Settings, environ: Mapping[str, str], folder: Path) -> Run:
    """Run notebooks/dashboard.ipynb."""
    return Run(settings, run_cells(NOTEBOOK, environ, folder))


def run_cells(notebook: Path, environ: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Run a notebook as people do, in its own folder; its cells by their ids.  A cell that fails is an error here."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FRAUD_STREAM_")}
    variables = {**ours, **environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / "ipython")}
    place = {"metadata": {"path": str(notebook.parent)}}
    client = NotebookClient(nbformat.read(notebook, as_version=4), timeout=120, kernel_name="python3", resources=place)
    done = client.execute(env=variables)
    nbformat.write(done, folder / "executed.ipynb")
    return {cell["id"]: cell for cell in done["cells"] if cell["cell_type"] == "code"}
