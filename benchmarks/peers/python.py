"""The Python peer that needs other versions of packages than this application: it has an environment of its own."""

import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.errors import BenchmarkError

LOCK = Path(__file__).parent / "requirements.lock"
FOLDER = Path(__file__).parent / ".venv"
_PATIENCE = 600.0


def interpreter() -> str:
    """The Python of that environment, which is made first if it is not as `LOCK` wants it.

    Raises:
        BenchmarkError: The packages cannot be installed.
    """
    python, done = FOLDER / "bin" / "python", FOLDER / "installed.lock"
    if not done.is_file() or done.read_text() != LOCK.read_text():
        venv.create(FOLDER, clear=True, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK)]
        found = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        if found.returncode:
            raise BenchmarkError(f"cannot install Quix Streams for {sys.version.split()[0]}:\n{found.stderr[-2_000:]}")
        done.write_text(LOCK.read_text())
    return str(python)
