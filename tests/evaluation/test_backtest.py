"""What a rule would have done: figures counted another way, labels that are missing, records that come again."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fraud_stream.domain.rules import CompiledRule, Rule
from fraud_stream.domain.sliding import DAY
from fraud_stream.evaluation.backtest import Backtest, Figures, Period, Trial
from fraud_stream.evaluation.past import Past

START = 1_700_000_000.0
NAMES = ("amount", "count")
TRIED = CompiledRule(Rule("tried", "amount > 60 and count >= 3"), NAMES)
IN_FORCE = [
    CompiledRule(Rule("large", "amount > 80"), NAMES),
    CompiledRule(Rule("place", "location in ('Oslo', 'Bergen') and amount > 40"), NAMES),
]


def frame(count: int = 2_000, seed: int = 1, share_known: float = 0.7) -> pd.DataFrame:
    """Payments of ten days; large ones are frauds more often; some places are not known."""
    rng = np.random.default_rng(seed)
    amounts = rng.uniform(0, 100, count).round(2)
    labels = np.where(rng.random(count) < share_known, (rng.random(count) < amounts / 300).astype(object), None)
    return pd.DataFrame(
        {
            "transaction_id": [f"T{n}" for n in range(count)],
            "customer_id": [f"C{n % 50}" for n in range(count)],
            "time": START + np.sort(rng.uniform(0, 10 * DAY, count)),
            "amount": amounts,
            "count": rng.integers(1, 6, count).astype(float),
            "location": rng.choice(np.array(["Oslo", "Bergen", "Rome", None], dtype=object), count),
            "label": [None if label is None else bool(label) for label in labels],
        }
    )


def past(found: pd.DataFrame) -> Past:
    columns = {"amount": found["amount"].to_numpy(), "count": found["count"].to_numpy()}
    columns["location"] = np.array([None if pd.isna(one) else one for one in found["location"]], dtype=object)
    ids = found["customer_id"].tolist(), found["transaction_id"].tolist()
    labels = [None if pd.isna(one) else bool(one) for one in found["label"]]
    return Past.of(ids, found["time"].to_numpy(), found["amount"].to_numpy(), labels, columns)


def tried(*frames: pd.DataFrame, period: Period | None = None, examples: int = 5) -> Backtest:
    trial = Trial(TRIED, IN_FORCE, period, examples)
    for one in frames:
        trial.add(past(one))
    found = trial.result()
    assert found is not None
    return found


def masks(found: pd.DataFrame) -> tuple["pd.Series[bool]", ...]:
    """What each rule hits, by pandas."""
    by_amount = (found["amount"] > 60) & (found["count"] >= 3)
    return by_amount, found["amount"] > 80, found["location"].isin(["Oslo", "Bergen"]) & (found["amount"] > 40)


def counted(found: pd.DataFrame, hits: "pd.Series[bool]") -> dict[str, Any]:
    """The figures, by pandas."""
    days = (found["time"].max() - found["time"].min()) / DAY
    hit, frauds = found[hits], found[found["label"] == True]  # noqa: E712 - labels may be missing
    right, wrong = hit[hit["label"] == True], hit[hit["label"] == False]  # noqa: E712
    return {
        "hits": len(hit),
        "hits_a_day": len(hit) / days,
        "frauds": len(right),
        "genuine": len(wrong),
        "unknown": int(hit["label"].isna().sum()),
        "precision": len(right) / (len(right) + len(wrong)),
        "recall": len(right) / len(frauds),
        "saved": right["amount"].sum(),
        "cost": wrong["amount"].sum(),
        "false_a_day": len(wrong) / days,
    }


def check(figures: Figures, expected: dict[str, Any]) -> None:
    assert {name: getattr(figures, name) for name in expected} == pytest.approx(expected)


def test_figures_are_those_that_pandas_counts() -> None:
    whole = frame()
    by_tried, large, place = masks(whole)
    found = tried(whole[:700], whole[700:1_500], whole[1_500:])
    assert (found.transactions, found.repeated, found.labelled) == (2_000, 0, whole["label"].notna().sum())
    assert (found.frauds, found.begin, found.end) == (
        (whole["label"] == True).sum(),  # noqa: E712
        whole["time"].iloc[0],
        whole["time"].iloc[-1],
    )
    assert found.fraud_amount == pytest.approx(whole.loc[whole["label"] == True, "amount"].sum())  # noqa: E712
    check(found.figures, counted(whole, by_tried))
    check(found.in_force, counted(whole, large | place))
    check(found.together, counted(whole, by_tried | large | place))
    check(found.alone, counted(whole, by_tried & ~large & ~place))
    assert found.shared == (by_tried & (large | place)).sum() > 0
    assert [(one.id, one.shared) for one in found.rules] == [
        ("large", (by_tried & large).sum()),
        ("place", (by_tried & place).sum()),
    ]
    check(found.rules[0].figures, counted(whole, large))
    check(found.rules[1].figures, counted(whole, place))


def test_a_record_that_comes_again_counts_once_and_a_payment_of_the_same_id_later_is_another() -> None:
    whole = frame()
    later = whole[:3].assign(time=whole["time"][:3] + 11 * DAY)
    found = tried(whole, whole[100:300], later)
    assert (found.transactions, found.repeated) == (2_003, 200)
    check(found.figures, counted(pd.concat([whole, later]), masks(pd.concat([whole, later]))[0]))


def test_only_the_period_is_looked_at() -> None:
    whole = frame()
    begin, end = START + 2 * DAY, START + 6 * DAY
    inside = whole[(whole["time"] >= begin) & (whole["time"] < end)]
    found = tried(whole[:900], whole[900:], period=Period(begin, end))
    assert found.transactions == len(inside)
    check(found.figures, counted(inside, masks(inside)[0]))
    latest = whole[whole["time"] > whole["time"].max() - DAY]
    check(tried(whole, period=Period(last=DAY)).figures, counted(latest, masks(latest)[0]))
    before = inside[inside["time"] > inside["time"].max() - DAY]
    check(tried(whole, period=Period(begin, end, DAY)).figures, counted(before, masks(before)[0]))


def test_examples_are_the_newest_hits_of_each_kind() -> None:
    whole = frame()
    found = tried(whole[:500], whole[500:900], whole[400:], examples=4).examples
    hits = whole[masks(whole)[0]]
    for label, named in ((True, found.frauds), (False, found.genuine)):
        newest = hits[hits["label"] == label]["transaction_id"].tolist()[-4:]
        assert [one.transaction_id for one in named] == newest[::-1]
    assert [one.transaction_id for one in found.unknown] == hits[hits["label"].isna()]["transaction_id"].tolist()[
        :-5:-1
    ]
    last = found.frauds[0]
    assert whole.set_index("transaction_id").loc[last.transaction_id, ["customer_id", "time", "amount"]].tolist() == [
        last.customer_id,
        last.time,
        last.amount,
    ]
    one_day = tried(whole, period=Period(last=DAY / 4), examples=1_000).examples
    assert min(one.time for one in one_day.genuine) > whole["time"].max() - DAY / 4
    assert tried(whole, examples=0).examples.frauds == []


def test_without_any_label_nothing_is_said_of_frauds() -> None:
    found = tried(frame(share_known=0.0))
    one = found.figures
    assert (found.labelled, found.frauds) == (0, 0)
    assert one.hits == one.unknown > 0
    assert (one.precision, one.recall, one.saved, one.cost, one.false_a_day) == (None,) * 5
    assert found.shared + found.alone.hits == one.hits


def test_a_rule_without_hits_and_a_history_of_one_moment_have_no_shares() -> None:
    single = frame(1, share_known=1.0).assign(amount=5.0, label=False)
    found = tried(single)
    assert (found.days, found.figures.hits) == (0.0, 0)
    assert (found.figures.hits_a_day, found.figures.precision, found.figures.recall) == (None, None, None)
    assert (found.figures.saved, found.figures.cost) == (0.0, 0.0)


def test_where_nothing_is_in_the_period_nothing_is_told_but_what_there_is() -> None:
    trial = Trial(TRIED, [], Period(until=START))
    assert (trial.result(), trial.oldest, trial.newest) == (None, math.inf, -math.inf)
    whole = frame(10)
    trial.add(past(whole))
    assert trial.result() is None
    assert (trial.read, trial.oldest, trial.newest) == (10, whole["time"].iloc[0], whole["time"].iloc[-1])


def test_without_rules_in_force_all_is_gained() -> None:
    trial = Trial(TRIED, [])
    trial.add(past(frame()))
    found = trial.result()
    assert found is not None
    assert found.alone == found.figures == found.together
    assert (found.in_force.hits, found.shared, found.rules) == (0, 0, [])
