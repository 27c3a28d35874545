"""The streaming protocol: nothing is learnt before life would tell it."""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.sliding import DAY
from fraud_stream.domain.transaction import Transaction
from fraud_stream.evaluation.prequential import Payment, Prequential
from fraud_stream.settings import Settings

START = 1_700_000_000.0 // DAY * DAY


def payments(days: float, flip_from: float = 1e9, seed: int = 3) -> Iterator[Payment]:
    """Frauds are at merchant M0 and large; from day `flip_from` on the labels say the opposite."""
    rnd = random.Random(seed)
    for n in range(int(days * 240)):
        time = START + n * DAY / 240
        is_odd = rnd.random() < 0.08
        merchant, amount = ("M0", rnd.uniform(200, 400)) if is_odd else (f"M{rnd.randrange(1, 9)}", rnd.uniform(5, 60))
        is_fraud = is_odd != (time >= START + flip_from * DAY)
        yield Payment(Transaction(f"T{n}", f"C{rnd.randrange(40)}", time, amount, merchant), is_fraud)


def test_labels_count_from_when_they_are_known_and_not_before() -> None:
    """Two files with the same payments, whose labels differ from a day on: scores may differ once those are known."""
    one, other = (Prequential(Settings(), 2 * DAY).run(payments(9, flip)) for flip in (1e9, 4.0))
    differs = [abs(one.scores[name] - other.scores[name]) > 1e-12 for name in ("online", "rules")]
    first = one.times[differs[0]].min()
    assert START + 6 * DAY <= first <= START + 6.5 * DAY  # scores move with the mean of the weights
    assert not differs[1].any()


def test_features_that_count_labels_know_them_to_the_second() -> None:
    judge = Prequential(Settings(), 1.5 * DAY)
    place = FeatureMaker().names.index("merchant_frauds_30d")
    flow = list(payments(4))
    judge.run(flow)
    parts = [*judge._labelled, *judge._unlearnt, *(part for _, part in judge._waiting)]
    known = {
        one.transaction.transaction_id: row[place]
        for part in parts
        for one, row in zip(part.payments, part.rows, strict=True)
    }
    assert len(known) == len(flow)
    for one in flow:
        tx = one.transaction
        expected = sum(
            other.is_fraud and other.transaction.merchant_id == tx.merchant_id
            for other in flow
            if other.transaction.timestamp + 1.5 * DAY <= tx.timestamp
        )
        assert known[tx.transaction_id] == expected


def test_models_learn_and_the_challenger_is_refit() -> None:
    judged = Prequential(Settings(), DAY).run(payments(20))
    late = judged.times > START + 15 * DAY
    frauds = judged.frauds[late]
    for name in ("online", "challenger", "blend"):
        scores = judged.scores[name][late]
        assert scores[frauds].mean() > 5 * scores[~frauds].mean()
    assert np.isnan(judged.scores["challenger"][0])


def test_models_learn_only_from_the_moment_that_is_told() -> None:
    judged = Prequential(Settings(), DAY, learn_from=START + 8 * DAY).run(payments(12))
    early = judged.times < START + 9 * DAY
    assert judged.scores["online"][early].tolist() == pytest.approx([0.01] * early.sum())
    assert judged.scores["online"][~early].max() > 0.02


def test_a_payment_that_comes_twice_counts_once() -> None:
    flow = list(payments(1))
    twice = [one for one in flow for _ in range(2)]
    assert len(Prequential(Settings(), DAY).run(twice).times) == len(flow)
