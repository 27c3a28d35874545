"""The summaries of a worker: together they tell of each transaction once."""

from pathlib import Path

import pytest

from tests.exact import payments
from tests.harness import count, produce, settings_for, values, wait_until, worker

pytestmark = pytest.mark.broker


def test_the_summaries_add_up_to_what_was_scored(broker_port: int, tmp_path: Path) -> None:
    changes = {
        "FRAUD_STREAM_MODEL_ENABLED": "false",
        "FRAUD_STREAM_SUMMARY_INTERVAL": "1s",
        "FRAUD_STREAM_DRIFT_DELTA": "0.9",  # drifts there are, and none of them is a transaction that alerted
    }
    settings, environ = settings_for(broker_port, tmp_path, **changes)
    sent = list(payments(3_000))
    produce(settings, "transactions", sent[:2_000])
    with worker(environ, tmp_path) as running:
        wait_until(lambda: count(settings, "summaries") >= 1)
        produce(settings, "transactions", sent[2_000:])
        many = len({key + value.decode() for key, value in sent})  # some are sent twice
        wait_until(lambda: sum(one["transactions"] for one in values(settings, "summaries")) >= many)
        found, scored = values(settings, "summaries"), values(settings, "scored")
        assert len(scored) == found[-1]["processed"] == sum(one["transactions"] for one in found) == many
        total = sum(one["transaction"]["amount"] for one in scored)
        assert sum(one["total_amount"] for one in found) == pytest.approx(total)
        assert max(one["largest_amount"] or 0.0 for one in found) == max(one["transaction"]["amount"] for one in scored)
        alerts = values(settings, "alerts")
        assert found[-1]["alerted"] == sum(one["type"] != "DRIFT" for one in alerts) < len(alerts)
        for one in found:
            seconds = f"{one['until'] - one['since']:.0f}"
            assert f"SUMMARY {seconds} s: {one['transactions']:,} transactions, " in running.text()
        assert running.stop() == 0
