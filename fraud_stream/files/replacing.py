"""Writing files whole or not at all."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud_stream.errors import OutputFileError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write to, beside `path`, which it takes the place of once all is written; else nothing is left.

    Raises:
        OutputFileError: It cannot be written there.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        if partial.exists():
            partial.replace(path)
    except OSError as error:
        raise OutputFileError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)


def check_free(paths: Iterable[Path], *, force: bool) -> None:
    """Make sure that nothing is overwritten that was not meant to be.

    Raises:
        OutputFileError: Something is there.
    """
    there = [str(path) for path in paths if path.exists()]
    if there and not force:
        raise OutputFileError(f"{', '.join(there)}: there already; --force overwrites it")
