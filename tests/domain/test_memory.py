"""Windows in plain memory: what is over is forgotten when asked, and nothing else."""

from fraud_stream.domain.memory import DictWindows
from fraud_stream.domain.transaction import Transaction

HOUR = 3_600.0


def added(windows: DictWindows, *times: float) -> DictWindows:
    for n, time in enumerate(times):
        windows.change("C", time).add(Transaction(f"T{n}", "C", time, 10.0), n)
    return windows


def test_panes_that_were_over_are_forgotten() -> None:
    windows = added(DictWindows(HOUR, HOUR), 0.0, 2 * HOUR, 3 * HOUR)
    windows.forget(3 * HOUR)  # the second ends just then
    assert [start for _, start in windows.panes] == [2 * HOUR, 3 * HOUR]
    assert windows.window("C", 2.5 * HOUR, None, None).count == 1


def test_a_hopping_window_is_whole_while_its_panes_are_there() -> None:
    windows = added(DictWindows(300.0, 60.0), 0.0, 60.0, 130.0, 240.0)
    assert windows.window("C", 240.0, None, None).count == 4
    assert windows.window("C", 299.0, None, None).count == 4
    assert windows.window("C", 300.0, None, None).count == 3


def test_to_look_at_a_window_of_one_pane_changes_nothing() -> None:
    windows = added(DictWindows(HOUR, HOUR), 5.0, 6.0)
    assert [windows.window("C", 7.0, None, None).count for _ in range(3)] == [2, 2, 2]
