"""The CPU time of a process."""

import os
import sys
import time

import pytest

from benchmarks.cpu import cpu_seconds, parse_stat
from benchmarks.errors import BenchmarkError

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux'")
STAT = "4242 ({name}) S 1 4242 4242 0 -1 4194304 9 8 7 6 {user} {system} 3 2 20 0 5 0 99 1 1"


@pytest.mark.parametrize("name", ["python", "a b", "a) S 1 (b", ""])
def test_user_and_system_time_are_found_whatever_the_programs_name(name: str) -> None:
    assert parse_stat(STAT.format(name=name, user=250, system=50), ticks=100) == 3.0


def test_time_is_in_clock_ticks() -> None:
    assert parse_stat(STAT.format(name="python", user=1_000, system=0), ticks=1_000) == 1.0


@LINUX
def test_work_of_this_process_is_counted_and_waiting_is_not() -> None:
    before = cpu_seconds(os.getpid())
    time.sleep(0.2)
    waited = cpu_seconds(os.getpid())
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    assert waited - before < 0.15
    assert cpu_seconds(os.getpid()) - waited == pytest.approx(0.2, abs=0.1)


@LINUX
def test_a_process_that_is_not_there_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="has ended"):
        cpu_seconds(2**22 + 1)  # beyond the largest id
