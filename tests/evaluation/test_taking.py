"""Going through a long file: the facts are the same whether old windows are forgotten on the way or not."""

import random

import pytest

from fraud_stream.domain.transaction import Transaction
from fraud_stream.evaluation import taking
from fraud_stream.evaluation.taking import Taker, TakerOfLabelled
from fraud_stream.settings import load

DAY = 86_400.0


def payments(count: int = 4_000) -> list[Transaction]:
    rnd, time, found = random.Random(3), 1_700_000_000.0, []
    for n in range(count):
        time += rnd.expovariate(1 / 600)
        found.append(Transaction(f"T{n}", f"C{rnd.randrange(9)}", time, rnd.uniform(1, 90), f"M{rnd.randrange(3)}"))
    return found


def facts(delay: float = 2 * DAY) -> tuple[list[list[float] | None], Taker]:
    taker = Taker(load().settings)
    labelled = TakerOfLabelled(taker, delay)
    return [labelled.take(one, n % 7 == 0) for n, one in enumerate(payments())], taker


def panes(taker: Taker) -> int:
    return len(taker._state.tumbling.panes) + len(taker._state.hopping.panes)


def test_forgetting_changes_no_fact_and_bounds_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, keeping = facts()
    monkeypatch.setattr(taking, "_LOOK_EVERY", 100)
    found, forgetting = facts()
    assert found == whole
    assert panes(forgetting) < panes(keeping) / 5


def test_a_label_counts_from_its_time_on_and_never_for_its_own_payment() -> None:
    taker = Taker(load().settings)
    labelled, names = TakerOfLabelled(taker, DAY), taker.maker.names
    place, start = names.index("merchant_frauds_30d"), 1_700_000_000.0
    times = (0.0, DAY - 1, DAY, DAY + 1)
    found = [
        labelled.take(Transaction(f"T{n}", f"C{n}", start + time, 5.0, "M"), True if n == 0 else None)
        for n, time in enumerate(times)
    ]
    rows = taker.maker.rows([one for one in found if one is not None])
    assert rows[:, place].tolist() == [0.0, 0.0, 1.0, 1.0]
