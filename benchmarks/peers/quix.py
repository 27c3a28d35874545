"""The same work on Quix Streams: statistics, habits and rules; no model.

It is meant to be good at that.  A customer's state is kept under three keys, each read and written once for a payment:
Quix' own windows would write five values for each payment here, one for each window that has it, and give them one by
one, not beside each other as rules need them.  The hopping window is kept as parts of a minute, as this application
does.
"""

import logging
import os
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from quixstreams import Application

from benchmarks.peers.work import add, add_payment, check_rules, make_features, merged, no_habits, no_stats

HOUR, MINUTE, PARTS = 3_600, 60, 5
FIELDS = ("merchant_id", "product_category", "payment_method", "device_type", "device_id", "location")
log = logging.getLogger("quix.alerts")


def judge(body: dict[str, Any], state: Any) -> dict[str, Any]:
    """Take a payment in, and say what is wrong with it."""
    tx = SimpleNamespace(**{**dict.fromkeys(FIELDS), **body, "timestamp": moment(body["timestamp"])})
    hour, recent = of_hour(tx, state), of_last_minutes(tx, state)
    before = state.get("habits") or no_habits()
    habits = add_payment(before, tx)
    state.set("habits", habits)
    reasons = check_rules(tx, make_features(tx, hour, recent, before, habits))
    return {"transaction_id": tx.transaction_id, "amount": tx.amount, "reasons": reasons}


def moment(text: str) -> datetime:
    """A payment's time; without a zone it is UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def of_hour(tx: Any, state: Any) -> dict[str, Any]:
    """The tumbling window with the payment in it."""
    start = tx.timestamp.timestamp() // HOUR * HOUR
    known = state.get("hour")
    stats = add(known["stats"] if known and known["start"] == start else no_stats(), tx)
    state.set("hour", {"start": start, "stats": stats})
    return stats


def of_last_minutes(tx: Any, state: Any) -> dict[str, Any]:
    """The hopping window with the payment in it."""
    now = int(tx.timestamp.timestamp() // MINUTE)
    parts = {start: part for start, part in (state.get("minutes") or {}).items() if int(start) > now - PARTS}
    parts[str(now)] = add(parts.get(str(now)) or no_stats(), tx)
    state.set("minutes", parts)
    return merged(list(parts.values()))


def tell(alert: dict[str, Any]) -> None:
    """Log an alert."""
    log.info("ALERT %s: %s", alert["transaction_id"], ", ".join(alert["reasons"]))


def main() -> None:
    """Run until it is stopped."""
    app = Application(
        broker_address=os.environ["FRAUD_STREAM_BROKER_URL"].removeprefix("kafka://"),
        consumer_group="quix",
        auto_offset_reset="earliest",
        commit_interval=1.0,
        state_dir=os.environ["PEER_STATE"],
    )
    transactions = app.topic("transactions", key_deserializer="str", value_deserializer="json")
    alerts = app.topic("quix-alerts", key_serializer="str", value_serializer="json")
    found = app.dataframe(transactions).apply(judge, stateful=True)
    found = found[found["reasons"].apply(bool)]
    found.update(tell).to_topic(alerts)
    app.run()


if __name__ == "__main__":
    main()
