import json
from collections.abc import Iterator
from typing import Any

import pytest

from agents import deciding, detection
from agents.detection import Taken, customer_state, take_in
from agents.outputs import broker_time
from fraud_stream.app import app
from fraud_stream.engine.app import Chunk
from fraud_stream.models.live.threshold import Threshold
from tests.agents.test_outputs import Outboxes, as_record, fresh_tables
from tests.engine.bench import Record

#: Wednesday 31 January 2024, 12:00:00 in UTC.
NOON = 1_706_702_400.0


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outboxes]:
    with fresh_tables():
        yield Outboxes(monkeypatch)


def payment(offset: int, time: float = 0.0, amount: Any = 10.0, **more: Any) -> Record:
    body = {"transaction_id": f"T{offset}", "customer_id": "C1", "timestamp": NOON + time, "amount": amount, **more}
    return as_record(json.dumps(body).encode(), offset=offset, partition=1, timestamp=int((NOON + time) * 1_000))


def chunk(*records: Record) -> Chunk:
    async def acknowledge() -> None: ...

    return Chunk("transactions", 1, list(records), acknowledge, acknowledge)


async def decide(*records: Record) -> None:
    """What the agent does with a chunk."""
    await detection.detection.fun.__wrapped__(chunk(*records))


def feature(taken: list[Taken], name: str) -> list[float]:
    column = detection.maker.rows([one.facts for one in taken])[:, detection.maker.names.index(name)]
    found: list[float] = column.tolist()
    return found


async def test_a_chunk_is_decided_in_order(sent: Outboxes) -> None:
    await decide(payment(0), payment(1, 10.0, 1_250.0), payment(2, 20.0))
    scored = sent.json("scored")
    assert [one["transaction"]["transaction_id"] for one in scored] == ["T0", "T1", "T2"]
    assert [one["verdict"] for one in scored] == ["accept", "block", "accept"]
    assert [one["features"]["history_count"] for one in scored] == [0, 1, 2]
    (alert,) = sent.json("alerts")
    assert alert["message"] == "Transaction amount $1,250.00 exceeds threshold of $1,000.00"
    assert {one.partition for one in sent.records} == {1}


async def test_what_cannot_be_read_is_a_dead_letter_and_the_rest_is_decided(sent: Outboxes) -> None:
    bad = as_record(b"{", offset=1, partition=1)
    await decide(payment(0), bad, payment(2, 20.0), as_record(None, offset=3, partition=1))
    assert [one["offset"] for one in sent.json("scored")] == [0, 2]
    dead = [one for one in sent.records if one.topic == "transactions-dead"]
    assert [(one.partition, one.value) for one in dead] == [(1, b"{"), (1, None)]


async def test_a_chunk_of_nothing_that_can_be_decided_sends_no_decision(sent: Outboxes) -> None:
    await decide(as_record(b"{", offset=0, partition=1))
    assert sent.topics() == ["transactions-dead"]


async def test_a_chunk_that_is_read_again_is_not_decided_again(sent: Outboxes) -> None:
    records = payment(0), payment(1, 10.0, 1_250.0)
    await decide(*records)
    before = list(sent.records)
    await decide(*records)
    assert sent.records == before


async def test_a_duplicate_is_not_decided(sent: Outboxes) -> None:
    await decide(payment(0), payment(1, 5.0, transaction_id="T0"))
    assert len(sent.json("scored")) == 1


def test_velocity_is_read_from_the_earliest_window_that_contains_the_event() -> None:
    """Faust's current window would have seen one: the minute of the event itself."""
    taken = take_in(chunk(*(payment(n, n * 61.0) for n in range(5))))
    assert feature(taken, "hopping_count_5m") == [1, 2, 3, 4, 5]
    hopping = customer_state(1).hopping
    assert hopping.window("C1", NOON + 244.0, NOON + 244.0, hopping.change("C1", NOON + 244.0)).count == 5


def test_windows_slide_on() -> None:
    taken = take_in(chunk(*(payment(n, n * 100.0) for n in range(6))))
    assert feature(taken, "hopping_count_5m") == [1, 2, 3, 3, 3, 3]
    assert feature(taken, "tumbling_count_1h")[-1] == 6


def test_each_window_is_read_by_its_own_panes() -> None:
    taken = take_in(chunk(*(payment(n, n * 600.0) for n in range(2))))
    assert feature(taken, "hopping_count_5m") == [1, 1]
    assert feature(taken, "tumbling_count_1h") == [1, 2]


def test_a_transaction_too_late_for_its_windows_is_marked() -> None:
    on_time, late = take_in(chunk(payment(0, 86_400.0 * 3), payment(1)))
    assert (on_time.is_late, late.is_late) == (False, True)


def test_the_streams_time_is_that_of_the_newest_transaction() -> None:
    take_in(chunk(payment(0, 100.0), payment(1, 50.0)))
    assert app.clock.now(1) == NOON + 100.0


def test_the_streams_time_does_not_stretch_how_far_ahead_a_transaction_may_lie() -> None:
    app.clock.observe(1, NOON + 500.0)
    assert broker_time(payment(0)) == NOON


async def test_a_transaction_too_far_ahead_is_refused_and_moves_no_clock(sent: Outboxes) -> None:
    ahead = payment(0, 3_601.0)._replace(timestamp=int(NOON * 1_000))
    await decide(ahead)
    assert sent.topics() == ["transactions-dead"]
    assert app.clock.now(1) == 0.0


async def test_a_chunk_is_decided_by_the_threshold_in_force_and_says_so(
    sent: Outboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding.judge, "thresholds", deciding.judge.thresholds)
    await decide(payment(0))
    monkeypatch.setattr(deciding.board, "_thresholds", {"online": Threshold(0.25, "best-f1", "of the test")})
    await decide(payment(1, 10.0, 1_250.0))
    assert [one["threshold"] for one in sent.json("scored")] == [0.5, 0.25]
    assert [one["threshold"] for one in sent.json("alerts")] == [0.25]
    assert deciding.judge.thresholds == (0.25, 0.9, 0.2)
