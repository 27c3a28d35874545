import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_stream.domain.sliding import DAY
from fraud_stream.evaluation.measures import card_precision
from fraud_stream.evaluation.prequential import Judged
from fraud_stream.models.live.cards import Payments, TopCards, card_numbers, card_precisions


def payments(seed: int, number: int, customers: int) -> Payments:
    rnd = np.random.default_rng(seed)
    cards = rnd.integers(0, customers, number)
    return Payments(cards, rnd.random(number), rnd.random(number) < 0.2)


def top(whole: Payments, most: int, parts: int = 7) -> TopCards:
    made = TopCards(most)
    for places in np.array_split(np.arange(len(whole.cards)), parts):
        made.add(whole.only(places))
    return made


@given(st.integers(0, 1_000), st.integers(1, 5), st.integers(1, 60), st.integers(1, 10))
def test_card_precision_is_the_evaluations_within_the_bound(seed: int, days: int, customers: int, most: int) -> None:
    parts = [payments(seed + day, 80, customers) for day in range(days)]
    judged = Judged(
        np.repeat(np.arange(days) * DAY, 80),
        np.concatenate([part.cards for part in parts]),
        np.concatenate([part.frauds for part in parts]),
        {"model": np.concatenate([part.scores for part in parts])},
        np.zeros(80 * days),
    )
    found = list(card_precisions([top(part, 60).kept() for part in parts], most))
    assert np.mean(found) == pytest.approx(card_precision(judged, judged.scores["model"], most))


def test_beyond_the_bound_the_highest_customers_are_still_right() -> None:
    whole = payments(3, 20_000, 5_000)
    kept = top(whole, 100, parts=40).kept()
    best = np.full(5_000, -1.0)
    np.maximum.at(best, whole.cards, whole.scores)
    assert kept.cards.tolist() == np.argsort(-best)[:100].tolist()
    np.testing.assert_array_equal(kept.scores, np.sort(best)[::-1][:100])


def test_memory_does_not_grow_with_the_payments() -> None:
    made = top(payments(1, 50_000, 50_000), 100, parts=100)
    assert len(made._kept.scores) == 100
    assert made._waiting <= 100


def test_customers_have_numbers_of_their_own_whatever_their_names() -> None:
    assert len(set(card_numbers(["C1", "C2", "é", "\ud800", ""]).tolist())) == 5
    assert card_numbers(["C1"]).tolist() == card_numbers(["C1"]).tolist()
