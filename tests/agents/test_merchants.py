import msgspec
import pytest

from agents import merchants as module
from agents.merchants import Notes
from fraud_stream.domain.once import Join
from fraud_stream.domain.packed import Doubles, Longs
from fraud_stream.records import Labelled, MerchantRisk
from tests.agents.test_outputs import Outboxes


class Reader:
    """Gives what another worker has published when it is asked to catch up."""

    def __init__(self, *records: bytes) -> None:
        self.asked = 0
        self._records = records

    async def catch_up(self) -> None:
        self.asked += 1
        for record in self._records:
            module.take(b"k", record)


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Notes:
    found = Notes()
    monkeypatch.setattr(module, "notes", found)
    monkeypatch.setattr(module, "reader", Reader())
    return found


def labelled(offset: int, merchant: str | None = "M1", is_fraud: bool = True) -> tuple[int, Labelled]:
    return offset, Labelled(
        f"T{offset}", "C1", 0.0, 5.0, is_fraud, 60.0 + offset, "analyst", None, None, 0.0, "accept", "none", b"", "v",
        merchant, Join(2, (offset, offset)),
    )  # fmt: skip


def risk(noted: int, read: int, times: list[float], labels: list[int], frauds: list[int]) -> bytes:
    counts = Longs.of(labels).tobytes(), Longs.of(frauds).tobytes()
    return msgspec.json.encode(MerchantRisk("M1", noted, read, Doubles.of(times).tobytes(), *counts))


async def test_a_merchant_is_published_once_a_commit_however_often_it_is_noted(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = Outboxes(monkeypatch)
    await notes.note([labelled(0), labelled(1, is_fraud=False), labelled(2, None), labelled(3, "M2")])
    module.publish(0.0)
    module.publish(0.0)
    assert [(one.topic, one.partition, one.key) for one in sent.records] == [
        ("merchant-risk", 0, b"M1"),
        ("merchant-risk", 0, b"M2"),
    ]
    one = msgspec.json.decode(sent.records[0].value, type=MerchantRisk)
    assert (one.noted, one.read, one.history().outcomes.labels.tolist()) == (2, 1, [1, 2])


async def test_what_is_published_is_what_others_score_with(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Outboxes(monkeypatch)
    await notes.note([labelled(n) for n in range(4)])
    module.publish(0.0)
    other = Notes()
    monkeypatch.setattr(module, "notes", other)
    module.take(b"k", sent.records[0].value)
    assert other.merchants.histories == notes.merchants.histories


async def test_after_a_rebalance_it_first_reads_what_another_has_published(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = risk(7, 9, [50.0], [7], [7])
    reader = Reader(published)
    monkeypatch.setattr(module, "reader", reader)
    await notes.note([labelled(9)])
    await notes.note([labelled(10)])
    assert reader.asked == 1
    assert notes.merchants.histories["M1"].noted == 8
    notes.forget()
    assert notes.merchants.histories["M1"].noted == 7
    await notes.note([labelled(10)])
    assert reader.asked == 2
    assert notes.merchants.histories["M1"].noted == 8


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{}",
        b"[1]",
        b'{"merchant_id": "\xff"}',
        b'{"x": ' + b"[" * 100_000,
        risk(9, 9, [1.0, 2.0], [1], [1]),
        risk(9, 9, [2.0, 1.0], [1, 2], [1, 1]),
        risk(9, 9, [1.0, 2.0], [2, 1], [1, 1]),
        risk(9, 9, [float("nan")] * 2, [1, 2], [1, 1]),
        risk(9, 9, [1.0], [1], [1])[:-40],
    ],
    ids=["none", "empty", "missing", "list", "not UTF-8", "deep", "lengths", "times", "labels", "nan", "cut off"],
)
def test_what_is_no_history_is_passed_over(value: bytes | None, notes: Notes) -> None:
    module.take(b"k", risk(1, 1, [1.0], [1], [1]))
    module.take(b"k", value)
    assert notes.merchants.histories["M1"].noted == 1


async def test_histories_are_published_at_most_once_an_interval(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Outboxes(monkeypatch)
    for n in range(3):
        await notes.note([labelled(n)])
        module.publish_if_due()
    assert len(sent.records) == 1
    notes.published_at -= module.INTERVAL
    module.publish_if_due()
    assert len(sent.records) == 2
