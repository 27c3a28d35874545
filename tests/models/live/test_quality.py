from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from fraud_stream.domain.once import Join
from fraud_stream.domain.sliding import DAY
from fraud_stream.models.live.cards import card_numbers
from fraud_stream.models.live.day import ContestantRecord, EvaluationDay, LabelledColumns, Source
from fraud_stream.models.live.figures import figures_of, label_delays, sent
from fraud_stream.models.live.quality import MOST_DAYS, LiveQuality

FIRST = 19_675


@dataclass
class Stream:
    """Labelled transactions, and where each was read."""

    columns: LabelledColumns
    sources: list[Source]

    def only(self, chosen: np.ndarray) -> "Stream":
        sources = [source for source, taken in zip(self.sources, chosen.tolist(), strict=True) if taken]
        return Stream(self.columns.only(chosen), sources)


def stream(number: int = 600, days: int = 3, seed: int = 1) -> Stream:
    rnd = np.random.default_rng(seed)
    times = (FIRST + np.sort(rnd.random(number)) * days) * DAY
    scores = rnd.random(number)
    scores[: number // 10] = np.nan
    columns = LabelledColumns(
        times,
        rnd.exponential(3_600, number),
        card_numbers(f"C{n}" for n in rnd.integers(0, 50, number)),
        rnd.random(number) < 0.3,
        rnd.random(number) < 0.4,
        {"deciding": scores, "online": rnd.random(number)},
    )
    return Stream(columns, [Source(n, f"T{n}", Join(n % 3, (n, n))) for n in range(number)])


def noted(*streams: Stream, into: LiveQuality | None = None) -> LiveQuality:
    quality = into or LiveQuality(5)
    for one in streams:
        quality.note(one.columns, one.sources)
    return quality


def told(quality: LiveQuality) -> list[EvaluationDay]:
    return [day.record() for day in quality.days()]


def test_what_is_noted_in_parts_is_what_is_noted_at_once() -> None:
    whole = stream()
    parts = [whole.only(np.arange(600) // 37 == n) for n in range(17)]
    at_once, in_parts = noted(whole), noted(*parts)
    for one, other in zip(at_once.days(), in_parts.days(), strict=True):
        for name in ("deciding", "online"):
            np.testing.assert_allclose(figures_of([one], name, 0.5, 5), figures_of([other], name, 0.5, 5))
    assert [day.noted for day in at_once.days()] == [day.noted for day in in_parts.days()]


def test_each_labelled_transaction_counts_once() -> None:
    whole = stream()
    again = whole.only(np.arange(600) < 200)
    assert told(noted(whole, again, whole)) == told(noted(whole))


def test_another_worker_goes_on_from_what_was_published() -> None:
    whole = stream()
    first, rest = whole.only(np.arange(600) < 300), whole.only(np.arange(600) >= 100)
    published = [msgspec.json.decode(msgspec.json.encode(record), type=EvaluationDay) for record in told(noted(first))]
    other = LiveQuality(5)
    for record in published:
        other.take(record)
    assert [day.noted for day in noted(rest, into=other.copy()).days()] == [day.noted for day in noted(whole).days()]
    assert told(noted(rest, into=other)) == told(noted(first, rest))


def test_of_a_day_the_record_that_knows_more_stays() -> None:
    whole = stream()
    less, more = told(noted(whole.only(np.arange(600) < 100)))[0], told(noted(whole))[0]
    quality = LiveQuality(5)
    for record in (more, less):
        quality.take(record)
    assert told(quality) == [more]


def test_a_contestant_that_was_not_asked_has_fewer_transactions() -> None:
    quality = noted(stream())
    assert [figures_of(quality.days(), name, 0.5, 5).transactions for name in ("deciding", "online")] == [540, 600]


def test_alerts_are_judged_as_they_were_sent() -> None:
    whole = stream()
    found, columns = sent(noted(whole).days()), whole.columns
    right = int((columns.alerted & columns.frauds).sum())
    assert (found.labelled, found.frauds, found.alerted) == (600, columns.frauds.sum(), columns.alerted.sum())
    assert found.rates.precision == right / columns.alerted.sum()
    assert found.rates.recall == right / columns.frauds.sum()


def test_label_delays_are_told() -> None:
    whole = stream()
    expected = np.quantile(whole.columns.delays, [0.5, 0.9, 0.99], method="inverted_cdf")
    assert list(label_delays(noted(whole).days()).values()) == pytest.approx(expected.tolist(), rel=0.041)


def test_only_changed_days_are_published_and_forgotten_ones_told() -> None:
    whole = stream(days=3)
    quality = noted(whole)
    assert [day.day for day in quality.changed()] == [FIRST, FIRST + 1, FIRST + 2]
    assert list(noted(whole, into=quality).changed()) == []
    noted(stream(3_000, days=40, seed=2), into=quality)
    assert [day.day for day in quality.days()] == list(range(FIRST + 10, FIRST + 40))
    assert [day.day for day in quality.changed()] == list(range(FIRST + 10, FIRST + 40))
    assert quality.forgotten() == list(range(FIRST, FIRST + 10))
    assert quality.forgotten() == []


def test_memory_is_bounded_and_one_event_far_ahead_forgets_one_day_only() -> None:
    quality = noted(stream(3_000, days=MOST_DAYS))
    ahead = stream(1)
    ahead.columns.times[0] = 1e11
    noted(ahead, into=quality)
    assert len(quality.days()) == MOST_DAYS
    assert quality.days()[-2].day == FIRST + MOST_DAYS - 1
    before = stream(5, days=1)
    before.columns.times[:] = 1e9
    assert noted(before, into=quality).too_old == 5


def record(**changes: object) -> EvaluationDay:
    return msgspec.structs.replace(told(noted(stream(50, days=1)))[0], **changes)


CONTESTANT = record().contestants["deciding"]


def damaged(**changes: bytes) -> dict[str, ContestantRecord]:
    return {"deciding": msgspec.structs.replace(CONTESTANT, **changes)}


@pytest.mark.parametrize(
    "changes",
    [
        {"day": -1},
        {"day": 10**9},
        {"outcomes": [1, 2, 3]},
        {"outcomes": [1, 2, 3, -1]},
        {"delays": b"1234567"},
        {"contestants": {f"c{n}": CONTESTANT for n in range(9)}},
        {"contestants": {'"': CONTESTANT}},
        {"contestants": damaged(scores=b"")},
        {"contestants": damaged(calibration=np.full(30, np.nan).tobytes())},
        {"contestants": damaged(cards=b"1")},
        {"contestants": damaged(highest=b"")},
        {"contestants": damaged(frauds=b"")},
        {"contestants": damaged(cards=b"1234" * 200_000, highest=b"12345678" * 200_000, frauds=b"1" * 200_000)},
    ],
    ids=str,
)
def test_a_damaged_record_changes_nothing(changes: dict[str, object]) -> None:
    quality = LiveQuality(5)
    with pytest.raises(ValueError, match="evaluation"):
        quality.take(record(noted=10**6, **changes))
    assert quality.days() == []
