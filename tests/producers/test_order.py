import math
from typing import Any

import click
import pytest

from producers.generate import generate
from producers.order import ENDLESS_SPAN, FILE_START, Order

NOW = 1_800_000_000.5


def order(**changes: Any) -> Order:
    """An order with the command's own defaults."""
    defaults = generate.make_context("generate", []).params
    return Order(**{**defaults, **changes})


def test_1000_an_hour_for_6_hours_are_6000_records_in_real_time_from_now() -> None:
    asked = order(rate=1_000 / 3_600, hours=6.0)
    recipe = asked.recipe(NOW)
    assert (recipe.count, asked.pace, recipe.start) == (6_000, 1.0, math.floor(NOW))
    assert recipe.end == pytest.approx(recipe.start + 6 * 3_600)


def test_a_file_begins_on_a_fixed_day_and_says_what_is_fraud() -> None:
    recipe = order(sample=10).recipe(NOW)
    assert (recipe.start, recipe.count, recipe.truth, recipe.kinds) == (FILE_START, 10, True, False)
    assert order(sample=10, truth="t.jsonl").recipe(NOW).kinds


def test_the_topic_is_told_nothing_of_the_truth_unless_asked() -> None:
    assert not order(truth="t.jsonl").recipe(NOW).truth
    assert order(with_truth=True).recipe(NOW).truth


def test_max_keeps_the_density_of_people_and_ends_now() -> None:
    asked = order(rate=math.inf, count=10_000, customers=5_000)
    recipe = asked.recipe(NOW)
    assert asked.pace == math.inf
    assert recipe.rate == pytest.approx(1_000 / 3_600)
    assert recipe.end == pytest.approx(NOW, abs=1)
    assert order(rate=math.inf).recipe(NOW).start == pytest.approx(NOW - ENDLESS_SPAN, abs=1)


def test_a_stream_faster_than_time_catches_up_with_it_at_its_end() -> None:
    recipe = order(speed=180.0, seconds=60.0).recipe(NOW)
    assert recipe.start + 180 * 60 == pytest.approx(NOW + 60, abs=1)


def test_an_explicit_start_is_kept() -> None:
    assert order(rate=math.inf, count=5, start=1_700_000_000.0).recipe(NOW).start == 1_700_000_000.0


def test_many_payments_a_customer_are_worth_a_note() -> None:
    assert order().advice() is None
    assert "--customers 900000" in str(order(rate=50.0).advice())


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"sample": 5, "count": 5}, "give one of them"),
        ({"hours": 1.0, "count": 5}, "give one of them"),
        ({"hours": 0.0001}, "gives no record"),
        ({"output": "x.jsonl"}, "needs an end"),
        ({"sample": 5, "speed": 2.0}, "for Kafka"),
        ({"sample": 5, "flush_labels": True}, "for Kafka"),
        ({"fraud_rate": 0.9, "outlier_rate": 0.2}, "not be more than 1"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(click.UsageError, match=complaint):
        order(**changes)
