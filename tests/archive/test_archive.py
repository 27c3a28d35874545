"""The archive: each transaction once, whatever comes between, and what reads it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from fraud_stream.archive import layout, write
from fraud_stream.archive.layout import Archive, is_archive, label_files, opened, scored_files
from fraud_stream.commands.archived_history import from_archive, learn_from_archive
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.errors import ArchiveError, BrokerError, InputFileError
from fraud_stream.evaluation.past import FRAUD, GENUINE, UNKNOWN, Needed
from fraud_stream.evaluation.training_set import TrainingSet
from fraud_stream.records import Label, ScoredTransaction, Transaction
from fraud_stream.retention import Gone
from fraud_stream.settings import Settings

MAKER = FeatureMaker(Settings().feature_settings)
DAY = 86_400.0
START = 1_706_659_200.0  # 2024-01-31


class Message:
    """A message as the broker gives it."""

    def __init__(self, offset: int, value: bytes | None, partition: int = 0) -> None:
        self._told = partition, offset, value

    def partition(self) -> int:
        return self._told[0]

    def offset(self) -> int:
        return self._told[1]

    def value(self) -> bytes | None:
        return self._told[2]

    def timestamp(self) -> tuple[int, int]:
        return 1, round((START + 30 * DAY) * 1_000)


class Topics:
    """Topics in memory, in place of a broker's."""

    def __init__(self) -> None:
        self.held: dict[str, list[Message]] = {"scored": [], "labels": []}
        self.begin = 0

    def tail(
        self, settings: Settings, topic: str, *, places: dict[int, int], on_lost: Callable[[Gone], object]
    ) -> Iterator[Message]:
        begin = max(self.begin, places.get(0, 0))
        if places and self.begin > places.get(0, 0):
            on_lost(Gone(topic, 0, places[0], self.begin - places[0]))
        return (one for one in self.held[topic] if one.offset() >= begin)

    def send(self, topic: str, *records: Any) -> None:
        held = self.held[topic]
        held += [Message(len(held) + n, msgspec.json.encode(one)) for n, one in enumerate(records)]


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> Topics:
    found = Topics()
    monkeypatch.setattr(write, "tail", found.tail)
    monkeypatch.setattr(write, "TOGETHER", 4)
    return found


def scored(number: int, names: tuple[str, ...] = MAKER.names) -> ScoredTransaction:
    """The decision of the transaction at an offset; four of them a day."""
    transaction = Transaction(f"T{number}", f"C{number % 3}", START + number * DAY / 4, 10.0 + number)
    features = {name: float(number) for name in names} | {"amount": 10.0 + number}
    told: Any = (0.5, 0.5, "accept", None, ["r"], [], [], "m", "v", False, 0, number, START, 0.01)
    return ScoredTransaction(transaction, features, *told, online_score=0.25)


def label(number: int, is_fraud: bool) -> Label:
    return Label(f"T{number}", f"C{number % 3}", is_fraud, START + 9 * DAY, "test")


def test_each_transaction_is_there_once_by_day(topics: Topics, tmp_path: Path) -> None:
    topics.send("scored", *map(scored, range(6)), *map(scored, range(3, 10)), {"no": "decision"})
    found = write.write(Settings(), Archive(tmp_path / "a"))
    assert found == (
        10,
        0,
        Counter({"decisions that were sent again": 3, "records that are no scored transactions": 1}),
    )
    days = {path.parent.name for path in scored_files(tmp_path / "a")}
    assert days == {"day=2024-01-31", "day=2024-02-01", "day=2024-02-02"}
    frame = pd.read_parquet(tmp_path / "a")  # as anybody would read it, without the labels
    assert sorted(one["transaction_id"] for one in frame["transaction"]) == sorted(f"T{n}" for n in range(10))
    assert {str(day) for day in frame["day"]} == {"2024-01-31", "2024-02-01", "2024-02-02"}


def test_it_goes_on_where_it_was_and_knows_what_was_sent_again(topics: Topics, tmp_path: Path) -> None:
    topics.send("scored", *map(scored, range(6)))
    assert write.write(Settings(), Archive(tmp_path)).scored == 6
    assert write.write(Settings(), Archive(tmp_path)).scored == 0
    topics.send("scored", *map(scored, (4, 5, 6, 7)))
    assert write.write(Settings(), Archive(tmp_path)) == (2, 0, Counter({"decisions that were sent again": 2}))


def test_labels_are_those_that_the_stream_takes(topics: Topics, tmp_path: Path) -> None:
    """A wrong one must not hide the right one behind it."""
    milliseconds = msgspec.structs.replace(label(2, True), labelled_at=(START + 9 * DAY) * 1_000)
    wrong = [msgspec.structs.replace(label(1, False), labelled_at=time) for time in (6e8, 9e9, float("nan"))]
    topics.send("labels", *wrong, label(1, True), milliseconds)
    found = write.write(Settings(), Archive(tmp_path))
    assert (found.labels, found.left_out) == (2, {"records that are no labels": 3})
    tables = [pq.read_table(file) for file in label_files(tmp_path)]
    assert [time for table in tables for time in table["labelled_at"].to_pylist()] == [START + 9 * DAY] * 2


def test_what_retention_took_between_two_runs_is_told_once(topics: Topics, tmp_path: Path) -> None:
    lost = list[Gone]()
    topics.send("scored", *map(scored, range(3)))
    write.write(Settings(), Archive(tmp_path), tell_lost=lost.append)
    assert lost == []
    topics.send("scored", *map(scored, range(3, 10)))
    topics.begin = 8  # of offsets 3 to 7
    assert write.write(Settings(), Archive(tmp_path), tell_lost=lost.append).scored == 2
    assert lost == [Gone("scored", 0, 3, 5)]
    assert "5 records of topic 'scored', partition 0 (offsets 3 to 7), were deleted by its" in str(lost.pop())
    write.write(Settings(), Archive(tmp_path), tell_lost=lost.append)
    assert lost == []


def test_what_retention_took_is_told_though_the_rest_fails(
    topics: Topics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run goes on behind it, and would know nothing of it."""
    topics.send("labels", label(1, True))
    write.write(Settings(), Archive(tmp_path))
    topics.send("labels", *(label(n, True) for n in range(2, 9)))
    topics.begin, lost = 5, list[Gone]()

    def tail(settings: Settings, topic: str, **options: Any) -> Any:
        if topic == "scored":
            raise BrokerError("the broker is away")
        return topics.tail(settings, topic, **options)

    monkeypatch.setattr(write, "tail", tail)
    with pytest.raises(BrokerError, match="away"):
        write.write(Settings(), Archive(tmp_path), tell_lost=lost.append)
    assert lost == [Gone("labels", 0, 1, 4)]


@pytest.mark.parametrize("step", range(12))
def test_a_kill_at_any_moment_loses_nothing_and_repeats_nothing(
    topics: Topics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    topics.send("scored", *map(scored, range(10)))
    topics.send("labels", label(1, True))
    count = 0

    class Killed(BaseException):
        """What no code takes for its own."""

    def until(real: Any) -> Any:
        def kill(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count > step:
                raise Killed
            return real(*arguments, **named)

        return kill

    archive = Archive(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(layout.pq, "write_table", until(layout.pq.write_table))
        patched.setattr(Path, "replace", until(Path.replace))
        with pytest.raises(Killed):
            write.write(Settings(), archive)
    ids = Counter(rows(tmp_path))
    assert all(times == 1 for times in ids.values())
    write.write(Settings(), Archive(tmp_path))
    assert Counter(rows(tmp_path)) == Counter(f"T{n}" for n in range(10))
    assert [len(pq.read_table(path)) for path in label_files(tmp_path)] == [1]
    assert not list(tmp_path.glob("*/.*"))


def rows(folder: Path) -> list[str]:
    tables = [pq.ParquetFile(path).read(["transaction"]) for path in scored_files(folder)]
    return [one["transaction_id"] for table in tables for one in table["transaction"].to_pylist()]


def test_a_backtest_reads_it_with_the_first_label_of_each(topics: Topics, tmp_path: Path) -> None:
    topics.send("scored", *map(scored, range(6)))
    topics.send("labels", label(1, True), label(2, False), label(1, False), {"no": "label"})
    write.write(Settings(), Archive(tmp_path))
    needed, left_out = Needed(("amount",), ("location",)), Counter[str]()
    pasts = list(from_archive(tmp_path, needed, left_out))
    labels = {ident: int(one) for past in pasts for ident, one in zip(past.transaction_ids, past.labels, strict=True)}
    assert labels == {"T0": UNKNOWN, "T1": FRAUD, "T2": GENUINE, "T3": UNKNOWN, "T4": UNKNOWN, "T5": UNKNOWN}
    assert np.concatenate([past.columns["amount"] for past in pasts]).tolist() == [10.0 + n for n in range(6)]


def test_training_reads_what_is_labelled_and_has_the_same_features(topics: Topics, tmp_path: Path) -> None:
    topics.send("scored", *map(scored, range(6)), scored(6, MAKER.names[:5]))
    topics.send("labels", *(label(n, n == 1) for n in (1, 2, 6)))
    write.write(Settings(), Archive(tmp_path))
    history = TrainingSet(100 * DAY, 1_000)
    feed = learn_from_archive(tmp_path, MAKER, history)
    assert feed.left_out == {
        "transactions without a label": 4,
        "transactions of other features than this application makes": 1,
    }
    found = history.columns()
    assert found.frauds.tolist() == [True, False]
    assert found.known.tolist() == [START + 9 * DAY] * 2
    assert found.rows[:, MAKER.names.index("amount")].tolist() == [11.0, 12.0]
    assert found.online.tolist() == [0.25, 0.25]


def test_without_labels_there_is_nothing_to_learn(topics: Topics, tmp_path: Path) -> None:
    topics.send("scored", scored(0))
    write.write(Settings(), Archive(tmp_path))
    with pytest.raises(InputFileError, match="no transaction of the archive has a label"):
        learn_from_archive(tmp_path, MAKER, TrainingSet(DAY, 1_000))


def test_two_programs_do_not_write_to_one_archive(tmp_path: Path) -> None:
    """The second would sweep away what the first has written and not named yet."""
    with opened(tmp_path / "a"), pytest.raises(ArchiveError, match="another program writes to"), opened(tmp_path / "a"):
        pass
    with opened(tmp_path / "a") as again:
        assert again.state.number == 0


def test_a_damaged_file_is_told(topics: Topics, tmp_path: Path) -> None:
    topics.send("scored", scored(0))
    write.write(Settings(), Archive(tmp_path))
    (path,) = scored_files(tmp_path)
    path.write_bytes(b"garbage")
    with pytest.raises(InputFileError, match=f"cannot read {path} as Parquet"):
        list(from_archive(tmp_path, Needed(("amount",), ()), Counter()))


def test_a_folder_of_other_files_and_a_damaged_state_are_refused(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(ArchiveError, match="holds files, and is no archive"):
        Archive(tmp_path)
    assert not is_archive(tmp_path)
    (tmp_path / "_state.json").write_text("{")
    with pytest.raises(ArchiveError, match="is damaged"):
        Archive(tmp_path)


def test_a_topic_that_was_made_anew_is_refused(topics: Topics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    topics.send("scored", *map(scored, range(3)))
    write.write(Settings(), Archive(tmp_path))
    monkeypatch.setattr(write, "tail", lambda settings, topic, **_: iter(topics.held[topic][:1]))
    with pytest.raises(ArchiveError, match="topic 'scored' was made anew"):
        write.write(Settings(), Archive(tmp_path))
    assert json.loads((tmp_path / "_state.json").read_text())["offsets"] == {"scored": {"0": 3}}
