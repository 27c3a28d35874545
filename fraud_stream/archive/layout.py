"""Where the files of an archive are, and how many of them at once become part of it: all, or none.

A load writes its files under hidden names, then the state, which names them and the offsets they reach, by one atomic
rename: with that it has happened.  Then the files get their names; a load that was killed before is finished, or swept
away, by the next one.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from fraud_stream.errors import ArchiveError

#: Names that begin so are passed over by those who read a folder of Parquet files.
LABELS = "_labels"
_STATE = "_state.json"
_HIDDEN = "."


class State(msgspec.Struct):
    """What an archive has.

    Attributes:
        number: The newest load.
        files: Its files, relative to the archive.
        offsets: By topic and partition what is to be read next.
        seen: By partition of `scored` and of `transactions` the newest offsets that are there, ascending.
    """

    number: int = 0
    files: list[str] = []
    offsets: dict[str, dict[int, int]] = {}
    seen: dict[str, list[int]] = {}


class Archive:
    """The folder of an archive.

    Args:
        folder: Where it is; what a load that was killed has left is put right.

    Raises:
        ArchiveError: It cannot be read or written, or is none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.state = _read(folder)
            self._name_files()
            for hidden in folder.glob(f"*/{_HIDDEN}*.parquet"):
                hidden.unlink()
        except OSError as error:
            raise ArchiveError(f"{folder}: {error.strerror or error}; choose another --to") from None

    def load(self, tables: dict[str, pa.Table], state: State) -> None:
        """Make tables, by what their files are called, part of the archive, and what it has then.

        Raises:
            ArchiveError: They cannot be written.
        """
        state.number, state.files = self.state.number + 1, list(tables)
        try:
            for name, table in tables.items():
                path = _hidden(self.folder / name)
                path.parent.mkdir(exist_ok=True)
                pq.write_table(table, path, compression="zstd")
                _sync(path)
                _sync(path.parent)
            _sync(self.folder)
            _write(self.folder, state)
            self.state = state
            self._name_files()
        except OSError as error:
            raise ArchiveError(f"{self.folder}: {error.strerror or error}") from None

    def _name_files(self) -> None:
        for path in (self.folder / name for name in self.state.files):
            if _hidden(path).exists():
                _hidden(path).replace(path)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Archive]:
    """An archive that nobody else writes to as long as the block lasts.

    Raises:
        ArchiveError: Another program writes to it, or it cannot be read or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ArchiveError(f"{folder}: {error.strerror}; choose another --to") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Archive(folder)
    except BlockingIOError:
        raise ArchiveError(f"another program writes to {folder}; wait until it is through") from None
    finally:
        os.close(handle)


def scored_files(folder: Path) -> list[Path]:
    """The files of scored transactions, by day, those of a day in the order in which they were written."""
    return sorted(folder.glob("day=*/part-*.parquet"))


def label_files(folder: Path) -> list[Path]:
    """The files of labels, in the order in which they were written."""
    return sorted((folder / LABELS).glob("part-*.parquet"))


def is_archive(folder: Path) -> bool:
    """Whether a folder is an archive."""
    return (folder / _STATE).is_file()


def batches(path: Path, columns: list[str] | None, size: int) -> Iterator[pa.RecordBatch]:
    """The rows of a file, so many at a time.

    Raises:
        ArchiveError: It cannot be read.
    """
    try:
        yield from pq.ParquetFile(path).iter_batches(size, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise ArchiveError(f"{path}: {error}") from None


def _read(folder: Path) -> State:
    path = folder / _STATE
    if not path.exists():
        if any(one.name != _HIDDEN + _STATE for one in folder.iterdir()):
            raise ArchiveError(f"{folder} holds files, and is no archive; choose another --to")
        _write(folder, State())  # from now on it is one
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except msgspec.DecodeError as error:
        raise ArchiveError(f"{path} is damaged: {error}") from None


def _write(folder: Path, state: Any) -> None:
    path = folder / f"{_HIDDEN}{_STATE}"
    path.write_bytes(msgspec.json.encode(state))
    _sync(path)
    path.replace(folder / _STATE)
    _sync(folder)


def _hidden(path: Path) -> Path:
    return path.with_name(_HIDDEN + path.name)


def _sync(path: Path) -> None:
    """Have what was written survive a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
