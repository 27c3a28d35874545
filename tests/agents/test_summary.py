"""The summary of the last half minute: what it says, in the log and on its topic, and when it is silent."""

import logging

import numpy as np
import pytest

from agents import summary
from fraud_stream.domain.summary import Lately
from tests.agents.test_outputs import Outboxes, sent

__all__ = ["sent"]
MOMENT, NOW = 10_300.5, 1_700_000_000.0


@pytest.fixture
def lately(monkeypatch: pytest.MonkeyPatch) -> Lately:
    noted = Lately()
    monkeypatch.setattr(summary, "lately", noted)
    monkeypatch.setattr(summary.tally, "scored", 7_000)
    monkeypatch.setattr(summary.tally, "alerts", {("RULE", "HIGH"): 3, ("MODEL", "HIGH"): 4})
    return noted


def test_it_tells_of_the_interval_the_last_minute_and_five(lately: Lately, sent: Outboxes) -> None:
    for ago, amounts in ((200.0, [1_000.0]), (60.9, [7.0]), (45.0, [10.0, 20.0])):
        lately.note(MOMENT - ago, np.array(amounts))
    lately.take()
    for ago, amounts in ((20.0, [100.0, 300.0]), (1.0, [50.0])):
        lately.note(MOMENT - ago, np.array(amounts))
    summary.Teller(MOMENT - 30).tell(MOMENT, NOW)
    (one,) = sent.json("summaries")
    assert (one["since"], one["until"]) == (NOW - 30, NOW)
    assert (one["transactions"], one["total_amount"], one["average_amount"]) == (3, 450.0, 150.0)
    assert (one["smallest_amount"], one["largest_amount"], one["per_second"]) == (50.0, 300.0, 0.1)
    assert (one["last_minute"], one["last_5_minutes"]) == (5, 7)
    assert one["average_amount_5_minutes"] == pytest.approx(1_487 / 7)
    assert (one["processed"], one["alerted"]) == (7_000, 7)
    assert sent.records[0].key == one["worker"].encode()


def test_the_log_says_the_same(lately: Lately, sent: Outboxes, caplog: pytest.LogCaptureFixture) -> None:
    lately.note(MOMENT - 1, np.array([1_250.5, 0.5]))
    with caplog.at_level(logging.INFO):
        summary.Teller(MOMENT - 30).tell(MOMENT, NOW)
    assert caplog.messages == [
        "SUMMARY 30 s: 2 transactions, 0.1 a second; amounts 1,251.00 in all, 625.50 on average, 0.50 to 1,250.50; "
        "last minute 2, last 5 minutes 2 with 625.50 on average; since the start 7,000 processed, 7 alerted"
    ]


def test_an_interval_without_transactions_is_told_too(
    lately: Lately, sent: Outboxes, caplog: pytest.LogCaptureFixture
) -> None:
    """Else nobody knew whether there are no payments or no summaries."""
    with caplog.at_level(logging.INFO):
        summary.Teller(MOMENT - 30).tell(MOMENT, NOW)
    assert caplog.messages == [
        "SUMMARY 30 s: 0 transactions, 0.0 a second; amounts 0.00 in all, - on average, - to -; last minute 0, "
        "last 5 minutes 0 with - on average; since the start 7,000 processed, 7 alerted"
    ]
    (one,) = sent.json("summaries")
    assert (one["transactions"], one["average_amount"], one["smallest_amount"]) == (0, None, None)


def test_each_interval_tells_what_came_in_it(lately: Lately, sent: Outboxes) -> None:
    teller = summary.Teller(MOMENT)
    for n in (1, 2):
        lately.note(MOMENT + 30 * n - 5, np.array([float(n)]))
        teller.tell(MOMENT + 30 * n, NOW + 30 * n)
    assert [one["total_amount"] for one in sent.json("summaries")] == [1.0, 2.0]
