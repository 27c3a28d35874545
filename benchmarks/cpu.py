"""The CPU time and the memory of another process, from Linux' ``/proc``."""

import os
import sys
from pathlib import Path

from benchmarks.errors import BenchmarkError


def cpu_seconds(pid: int) -> float:
    """User and system time that all threads of a process have taken, seconds, to the hundredth.

    Raises:
        BenchmarkError: This is not Linux, or there is no such process.
    """
    if sys.platform != "linux":
        raise BenchmarkError("CPU time is read from /proc, which only Linux has")
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        raise BenchmarkError(f"process {pid} has ended") from None
    return parse_stat(text, os.sysconf("SC_CLK_TCK"))


def resident_bytes(pid: int) -> int:
    """Bytes of memory that a process has.

    Raises:
        BenchmarkError: There is no such process.
    """
    try:
        text = Path(f"/proc/{pid}/statm").read_text()
    except OSError:
        raise BenchmarkError(f"process {pid} has ended") from None
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def parse_stat(text: str, ticks: int) -> float:
    """User and system time in the text of ``/proc/PID/stat``, seconds, at so many clock ticks a second.

    The program's name may hold blanks and brackets, so fields are counted from the last bracket.

    >>> parse_stat("7 (a) b) S 1 7 7 0 -1 4194304 99 0 0 0 150 50 0 0 20 0", 100)
    2.0
    """
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / ticks
