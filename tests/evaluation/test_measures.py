"""The measures, by hand and against the Handbook's protocol."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fraud_stream.domain.sliding import DAY
from fraud_stream.evaluation.measures import best_f1, between, card_precision, quality, recall_at, without_known_cards
from fraud_stream.evaluation.prequential import Judged


def judged(*payments: tuple[float, int, bool, float]) -> Judged:
    """Payments: day, customer, whether it is fraud, score."""
    days, customers, frauds, scores = (np.array(column) for column in zip(*payments, strict=True))
    return Judged(days * DAY, customers, frauds.astype(bool), {"model": scores.astype(float)}, np.ones(len(days)))


def test_perfect_scores() -> None:
    found = quality(judged((0, 1, True, 0.9), (0, 2, False, 0.1), (1, 3, True, 0.8)), "model")
    assert found is not None
    assert found._replace(card_precision=0.0) == (1.0, 1.0, 0.0, 1.0, 1.0)
    assert found.card_precision == pytest.approx(0.01)


def test_without_both_kinds_or_without_scores_there_is_no_quality() -> None:
    assert quality(judged((0, 1, True, 0.9)), "model") is None
    assert quality(judged((0, 1, False, 0.9)), "model") is None
    assert quality(judged((0, 1, True, 0.9), (0, 2, False, float("nan"))), "model") is None


def test_recall_at_a_false_positive_rate() -> None:
    frauds = np.array([True, True, *[False] * 100])
    scores = np.array([1.0, 0.5, 0.9, 0.8, *[0.1] * 98])
    assert recall_at(frauds, scores, 0.0) == 0.5
    assert recall_at(frauds, scores, 0.01) == 0.5
    assert recall_at(frauds, scores, 0.02) == 1.0


def test_best_f1() -> None:
    assert best_f1(np.array([True, True, False, True]), np.array([0.9, 0.8, 0.7, 0.6])) == pytest.approx(6 / 7)


def test_card_precision_counts_a_card_once_and_looks_at_the_highest() -> None:
    found = judged(
        (0, 1, True, 0.9), (0, 1, True, 0.8), (0, 2, False, 0.7), (0, 3, True, 0.6),
        (1, 1, True, 0.9), (1, 3, True, 0.5), (1, 4, False, 0.4),
    )  # fmt: skip
    assert card_precision(found, found.scores["model"], 2) == (1 / 2 + 1 / 2) / 2


def test_a_test_of_some_days() -> None:
    whole = judged(*((day, day, day % 2 == 0, 0.5) for day in range(10)))
    assert between(whole, 3 * DAY, 6 * DAY).customers.tolist() == [3, 4, 5]


def test_a_customer_whose_fraud_is_known_is_left_out_from_then_on() -> None:
    whole = judged(
        (12, 1, True, 0.5),
        (5, 2, True, 0.5),
        *((day, customer, False, 0.1) for day in (20, 21) for customer in (1, 2, 3)),
    )
    left = without_known_cards(whole, 20 * DAY, 22 * DAY, 7 * DAY)
    assert left.customers.tolist() == [2, 3, 2, 3]  # the fraud of customer 2 was before the training days
    slower = without_known_cards(whole, 20 * DAY, 22 * DAY, 8 * DAY)
    assert slower.customers.tolist() == [1, 3, 3]  # the fraud of 1 is known a day later, that of 2 is in the training


def test_the_test_week_and_its_measures_are_the_handbooks(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(shared_data.parent / "prototypes"))
    import handbook_protocol as protocol  # noqa: PLC0415

    tx = pd.read_parquet(shared_data / "handbook" / "transactions.parquet")
    tx = tx[tx.TX_TIME_DAYS >= 110]
    start = pd.Timestamp("2018-08-08")
    rows = protocol.test_rows(tx, (start - pd.Timestamp("2018-04-01")).days)
    rows = rows.assign(score=rows.TX_AMOUNT + rows.TX_FRAUD * 60.0)
    expected = protocol.evaluate(rows)
    seconds = tx.TX_DATETIME.astype("datetime64[s]").astype("int64").to_numpy(dtype=float)
    scores = (tx.TX_AMOUNT + tx.TX_FRAUD * 60.0).to_numpy(dtype=float)
    whole = Judged(
        seconds, tx.CUSTOMER_ID.to_numpy(), tx.TX_FRAUD.to_numpy() > 0, {"model": scores}, np.ones(len(seconds))
    )
    tested = without_known_cards(whole, start.timestamp(), start.timestamp() + 7 * DAY, 7 * DAY)
    assert (len(tested.frauds), int(tested.frauds.sum())) == (58_264, 385)
    found = quality(tested, "model")
    assert found is not None
    assert found.average_precision == pytest.approx(expected["average_precision"], abs=1e-12)
    assert found.roc_auc == pytest.approx(expected["auc"], abs=1e-12)
    assert found.card_precision == pytest.approx(expected["card_precision_100"], abs=1e-12)
