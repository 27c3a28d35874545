"""Windows stored as panes: as Faust reads them, and as the hot path does."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.engine.keys import WindowRange, encode_key, window_range
from fraud_stream.engine.panes import LEAST_RETENTION, WindowedTable, Windows
from tests.engine.bench import ListOutbox, Record, changelog, commit, make_app, processing, store_time, take

START = 1_700_000_040.0  # a full minute


class Bag:
    """The times of the events of a pane, and the newest offset; as plain as a statistic can be."""

    def __init__(self, offset: int = -1, times: Iterable[float] = ()) -> None:
        self.offset = offset
        self.times = list(times)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bag) and sorted(self.times) == sorted(other.times)

    def __repr__(self) -> str:
        return f"Bag({self.offset}, {self.times})"

    __hash__ = None  # type: ignore[assignment]


class BagCodec:
    def dump(self, value: Bag) -> bytes:
        return (value.offset + 1).to_bytes(8, "big") + repr(value.times).encode()

    def load(self, data: bytes) -> Bag:
        return Bag(int.from_bytes(data[:8], "big") - 1, [float(part) for part in data[9:-1].split(b",") if part])


def merge(panes: Iterable[Bag]) -> Bag:
    """Says in which order the panes came: a list keeps it."""
    found = list(panes)
    return Bag(max((pane.offset for pane in found), default=-1), [time for pane in found for time in pane.times])


def windowed(
    size: float, step: float, expires: float | None = 3_600.0, folder: Path | None = None
) -> tuple[WindowedTable, Any]:
    """A table and what Faust makes of it."""
    app = make_app(folder, store="rocksdb://" if folder else "memory://")
    table = app.windowed_table("w", rank=0, codec=BagCodec(), merge=merge, partitions=4)
    return table, table.tumbling(size, expires=expires) if size == step else table.hopping(size, step, expires=expires)


def hopping(**options: Any) -> tuple[WindowedTable, Any]:
    return windowed(300.0, 60.0, **options)


def add(table: WindowedTable, key: Any, time: float, partition: int = 0) -> bool:
    """Add one event as an agent does; False where it was too late."""
    table.clock.observe(partition, time)
    bag = Windows(table, partition, Bag).change(key, time)
    if bag is not None:
        bag.times.append(time)
        bag.offset += 1
    return bag is not None


def times_of(window: Any) -> list[float]:
    return [time - START for time in window.times]


def around(start: float, size: float = 300.0) -> WindowRange:
    return window_range(START + start, size)


# -- how it is stored


def test_an_event_is_written_once_whatever_the_overlap() -> None:
    table, _ = hopping()
    add(table, "C1", START + 61.5)
    outbox = ListOutbox()
    assert take(table, outbox) == 1
    assert outbox.records[0][2] == ("C1", (START + 60.0, START + 119.9))


def test_a_tumbling_window_is_its_only_pane() -> None:
    table, _ = windowed(3_600.0, 3_600.0)
    add(table, "C1", START)
    hour = START // 3_600 * 3_600
    assert [key for key, _ in table.entries([0])] == []
    commit(table)
    assert [key for key, _ in table.entries([0])] == [("C1", (hour, hour + 3_599.9))]
    assert table.panes_of((hour, hour + 3_599.9)).__next__() == (hour, hour + 3_599.9)


def test_the_windows_of_a_pane_are_those_that_have_it_among_their_panes() -> None:
    table, _ = hopping()
    pane = window_range(START, 60.0)
    windows = list(table.windows_of(pane))
    assert [window[0] - START for window in windows] == [-240.0, -180.0, -120.0, -60.0, 0.0]
    assert all(pane in list(table.panes_of(window)) for window in windows)
    assert pane not in list(table.panes_of(around(-300.0)))
    assert pane not in list(table.panes_of(around(60.0)))


@given(st.sampled_from([(300, 60), (60, 10), (3_600, 3_600), (120, 60), (7, 1)]), st.floats(9.4e8, 4.1e9))
@settings(max_examples=200, deadline=None)
def test_panes_and_windows_are_those_of_faust(sizes: tuple[int, int], time: float) -> None:
    table, _ = windowed(float(sizes[0]), float(sizes[1]))
    if time / table.step >= 2**31:  # Faust counts steps in 32 bits
        return
    assert table.earliest(time) == pytest.approx(table.window.earliest(time))
    found = list(table.windows_of(window_range(time // table.step * table.step, table.step)))
    assert found[-1] == pytest.approx(table.window.current(time))
    assert [pytest.approx(window) for window in table.window.ranges(time)] == found


# -- as Faust reads it


def filled() -> tuple[WindowedTable, Any]:
    """Events at -1, 0, 59, 61 and 299 seconds of partition 1."""
    table, view = hopping()
    for time in (-1.0, 0.0, 59.0, 61.0, 299.0):
        add(table, "C1", START + time, 1)
    return table, view


def test_fausts_current_window_is_merged_of_its_panes() -> None:
    _, view = filled()
    with processing(1, START + 61.0):
        assert times_of(view["C1"].current()) == [61.0, 299.0]
        assert times_of(view["C1"].value()) == [61.0, 299.0]
        assert "C1" in view
        assert "C2" not in view


def test_fausts_current_window_has_seen_at_most_one_step_before_the_event() -> None:
    """Why velocity is read from the earliest window."""
    table, view = filled()
    with processing(1, START + 299.0):
        assert times_of(view["C1"].current()) == [299.0]
    windows = Windows(table, 1, Bag)
    pane = windows.change("C1", START + 299.0)
    assert times_of(windows.window("C1", START + 299.0, START + 61.0, pane)) == [0.0, 59.0, 61.0, 299.0]


def test_fausts_window_of_a_while_ago_is_merged() -> None:
    _, view = filled()
    with processing(1, START + 299.0):
        assert times_of(view["C1"].delta(240.0)) == [0.0, 59.0, 61.0, 299.0]


def test_fausts_window_relative_to_a_time_is_merged() -> None:
    _, view = filled()
    at = view.relative_to(START)
    assert times_of(at["C1"].value()) == [0.0, 59.0, 61.0, 299.0]


def test_a_window_without_events_is_empty() -> None:
    _, view = filled()
    with processing(1, START + 10_000.0):
        assert view["C1"].current() == Bag()
        assert "C1" not in view


def test_faust_reads_the_partition_of_the_event() -> None:
    _, view = filled()
    with processing(2, START):
        assert view["C1"].current() == Bag()


def test_now_is_the_earliest_window_of_the_streams_time() -> None:
    _, view = filled()
    with processing(1, START):
        assert times_of(view["C1"].now()) == [0.0, 59.0, 61.0, 299.0]


def test_now_is_the_time_of_the_events_partition_or_outside_of_a_stream_of_the_newest() -> None:
    table, view = filled()
    add(table, "C2", START + 9_000.0, 2)
    with processing(1, START):
        assert times_of(view["C1"].now()) == [0.0, 59.0, 61.0, 299.0]
    assert times_of(view["C2"].now()) == [9_000.0]


def test_a_window_that_is_named_is_merged() -> None:
    _, view = filled()
    with processing(1, START):
        assert times_of(view["C1"][around(-240.0)]) == [-1.0, 0.0, 59.0]


def test_a_window_cannot_be_set_as_it_is_the_merge_of_its_panes() -> None:
    _, view = filled()
    with processing(1, START), pytest.raises(TypeError, match="a window of w cannot be set"):
        view["C1"] = Bag()


# -- as the pages read it


def test_every_window_of_a_key_that_has_something_in_it() -> None:
    table, _ = filled()
    found = [(window[0] - START, times_of(value)) for window, value in table.windows_of_key("C1", [1])]
    assert found == [
        (-300.0, [-1.0]),
        (-240.0, [-1.0, 0.0, 59.0]),
        (-180.0, [-1.0, 0.0, 59.0, 61.0]),
        (-120.0, [-1.0, 0.0, 59.0, 61.0]),
        (-60.0, [-1.0, 0.0, 59.0, 61.0]),
        (0.0, [0.0, 59.0, 61.0, 299.0]),
        (60.0, [61.0, 299.0]),
        (120.0, [299.0]),
        (180.0, [299.0]),
        (240.0, [299.0]),
    ]


def test_a_key_without_windows_has_none() -> None:
    table, _ = filled()
    assert table.windows_of_key("C2", [1]) == []
    assert table.windows_of_key("C1", [0]) == []


def test_windows_of_a_key_are_read_from_the_store_too(tmp_path: Path) -> None:
    table, _ = hopping(folder=tmp_path)
    add(table, 'C"é', START, 1)
    commit(table)
    assert len(table.windows_of_key('C"é', [1])) == 5


# -- as the hot path reads it

OFFSETS = st.sampled_from([0.0, 0.5, 1.0, 10.0, 59.0, 60.0, 61.0, 240.0, 299.0, 300.0, 301.0, 3_600.0])
SIZES = st.sampled_from([(300.0, 60.0), (60.0, 10.0), (3_600.0, 3_600.0), (60.0, 60.0), (7.0, 1.0)])


@given(SIZES, st.lists(st.tuples(OFFSETS, OFFSETS, st.sampled_from("AB"), st.booleans()), max_size=25))
@settings(max_examples=200, deadline=None)
def test_the_window_read_while_events_come_is_the_merge_by_definition(
    sizes: tuple[float, float], events: list[tuple[float, float, str, bool]]
) -> None:
    table, _ = windowed(*sizes, expires=86_400.0)
    seen: dict[str, list[float]] = {"A": [], "B": []}
    head = START
    for step, late, key, committed in events:
        head += step
        time = head - late
        last = max(seen[key], default=None)
        assert add(table, key, time)
        seen[key].append(time)
        start, end = table.earliest(time)
        expected = sorted(one for one in seen[key] if start <= one < end + 0.1)
        windows = Windows(table, 0, Bag)
        assert sorted(windows.window(key, time, last, windows.change(key, time)).times) == expected
        if committed:
            commit(table)


def test_the_value_of_a_window_with_one_pane_is_the_panes_own() -> None:
    """It is not copied: a merge would cost as much as all else."""
    table, _ = hopping()
    windows = Windows(table, 0, Bag)
    bag = windows.change("C1", START)
    assert windows.window("C1", START, None, bag) is bag
    assert windows.window("C1", START, START - 300.0, bag) is bag


def test_an_event_too_late_for_all_its_windows_is_not_added() -> None:
    table, _ = hopping(expires=600.0)
    table.clock.observe(0, START + 900.0)
    windows = Windows(table, 0, Bag)
    # the last window of a pane ends 300 s after the pane begins, and is kept 600 s more
    assert windows.change("C1", START - 0.001) is None
    assert windows.change("C1", START + 59.9) is None
    assert windows.change("C1", START + 60.0) is not None


def test_of_an_event_that_is_too_late_no_window_is_found_deleted_yet_or_not() -> None:
    table, _ = hopping(expires=600.0)
    add(table, "C1", START - 60.0)
    commit(table)
    table.clock.observe(0, START + 900.0)
    windows = Windows(table, 0, Bag)
    assert windows.window("C1", START, START - 60.0, windows.change("C1", START)).times == []


@pytest.mark.parametrize(("expires", "rounded"), [(1.0, 60.0), (60.0, 60.0), (90.0, 120.0)])
def test_windows_expire_by_whole_steps_which_is_how_well_the_time_is_known_after_a_crash(
    expires: float, rounded: float
) -> None:
    assert hopping(expires=expires)[0].expires == rounded


def test_an_event_is_late_exactly_when_its_last_window_has_expired() -> None:
    table, _ = hopping(expires=600.0)
    table.clock.observe(0, START + 899.999)
    assert not table.is_late(START + 30.0, 0)
    table.clock.observe(0, START + 900.0)
    assert table.is_late(START + 30.0, 0)
    assert not table.is_late(START + 30.0, 1)


def test_a_window_that_is_read_and_not_changed_is_not_written() -> None:
    table, _ = hopping()
    add(table, "C1", START)
    commit(table)
    assert Windows(table, 0, Bag).window("C1", START + 120.0, START, Bag()).times == [START]
    assert commit(table) == []


# -- expiry


def test_a_pane_expires_with_the_last_window_that_it_is_part_of() -> None:
    table, _ = hopping(expires=600.0)
    add(table, "C1", START + 30.0)
    commit(table)
    store_time(table, START + 899.0)
    assert table.expire() == 0
    store_time(table, START + 960.0)
    assert table.expire() == 1
    assert list(table.entries([0])) == []


def test_all_keys_of_a_pane_expire_with_it() -> None:
    table, _ = hopping(expires=600.0)
    for key, time in (("C1", START), ("C2", START + 59.0), ("C3", START), ("C4", START + 600.0)):
        add(table, key, time)
    commit(table)
    store_time(table, START + 960.0)
    assert table.expire() == 3
    assert [key[0] for key, _ in table.entries([0])] == ["C4"]


def test_an_expired_pane_sends_no_tombstone() -> None:
    """The changelog's own retention deletes windows."""
    table, _ = hopping(expires=600.0)
    add(table, "C1", START)
    commit(table)
    store_time(table, START + 10_000.0)
    assert table.expire() == 1
    assert commit(table) == []


async def test_what_comes_again_after_a_rebalance_finds_the_panes_before_it() -> None:
    """The time had gone on with what was forgotten: panes were deleted that the same events were to see again."""
    table, _ = hopping(expires=60.0)
    tp = TP(table.changelog_topic_name, 0)
    await table.on_rebalance({tp}, set(), {tp}, 1)
    add(table, "C1", START)
    commit(table)
    add(table, "C2", START + 2_000.0)  # decided, and not stored
    assert table.expire() == 0
    await table.on_rebalance({tp}, set(), set(), 2)
    assert table.expire() == 0
    windows = Windows(table, 0, Bag)
    assert add(table, "C1", START + 60.0)
    assert windows.window("C1", START + 60.0, START, windows.change("C1", START + 60.0)).times == [START, START + 60.0]


def recovered(table: WindowedTable, start: float, offset: int = 0) -> Record:
    return Record(offset, encode_key(("C1", window_range(start, table.step))), BagCodec().dump(Bag(0, [start])))


def test_recovered_panes_expire_and_tell_the_streams_time() -> None:
    table, _ = hopping(expires=600.0)
    table.absorb(changelog(table), [recovered(table, START), recovered(table, START + 2_000.0 // 60 * 60, 1)])
    assert table.clock.now(0) >= START + 1_980.0
    assert table.expire() == 1
    assert [key[1][0] for key, _ in table.entries([0])] == [START + 1_980.0]


async def test_panes_on_disk_expire_and_tell_the_streams_time(tmp_path: Path) -> None:
    before, _ = hopping(expires=600.0, folder=tmp_path)
    tp = TP(before.changelog_topic_name, 0)
    before.absorb(tp, [recovered(before, START)])
    await before.on_rebalance(set(), {tp}, set(), 1)
    table, _ = hopping(expires=600.0, folder=tmp_path)
    await table.on_rebalance({tp}, set(), {tp}, 1)
    await table.on_recovery_completed({tp}, set())
    assert table.clock.now(0) == START
    store_time(table, START + 2_000.0)
    assert table.expire() == 1


def test_windows_without_an_expiry_are_kept_for_ever() -> None:
    table, _ = hopping(expires=None)
    add(table, "C1", START)
    commit(table)
    store_time(table, START + 1e9)
    assert table.expire() == 0
    assert not table.is_late(START, 0)
    assert add(table, "C1", START + 1.0)


def test_windows_without_an_expiry_are_found_by_their_key() -> None:
    table, _ = hopping(expires=None)
    add(table, "C1", START)
    add(table, "C1", START + 400 * 86_400.0)
    assert len(table.windows_of_key("C1", [0])) == 10


def test_the_changelog_of_windows_is_kept_as_long_as_they_are() -> None:
    table, _ = hopping(expires=600.0)
    assert table.changelog_topic.retention == 600.0 + table.size + LEAST_RETENTION
    assert (table.changelog_topic.compacting, table.changelog_topic.deleting) == (True, True)
