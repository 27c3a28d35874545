"""The same work on Quix Streams: statistics, habits and rules; no model.  In two forms.

``panes`` is what someone would write who knows what this application knows.  A customer's state is kept under three
keys, each read and written once for a payment, and the hopping window as parts of a minute.

``windows`` is what its documentation shows: its own windows.  They write five values for each payment here, one for
each hopping window that has it, and give them one by one; the earliest has the whole span before the payment, and goes
on to the tumbling window with the payment in it.
"""

import logging
import os
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from quixstreams import Application
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.dataframe.windows import Aggregator, Latest

from benchmarks.peers.work import Stats, add, add_payment, check_rules, make_features, merged, no_habits, no_stats

HOUR, MINUTE, PARTS = 3_600, 60, 5
#: Milliseconds that a payment may be late: the generator's are not all in order.
GRACE = 3_600_000
FIELDS = ("merchant_id", "product_category", "payment_method", "device_type", "device_id", "location")
log = logging.getLogger("quix.alerts")


def by_panes(transactions: StreamingDataFrame) -> StreamingDataFrame:
    """Judge payments with statistics kept in three values of a customer."""
    return transactions.apply(judge, stateful=True)


def judge(body: dict[str, Any], state: Any) -> dict[str, Any]:
    """Take a payment in, and say what is wrong with it."""
    tx = payment(body)
    return judge_by(tx, of_hour(tx, state), of_last_minutes(tx, state), state)


def judge_by(tx: Any, hour: Stats, recent: Stats, state: Any) -> dict[str, Any]:
    """Take a payment into the customer's habits, and say what is wrong with it."""
    before = state.get("habits") or no_habits()
    habits = add_payment(before, tx)
    state.set("habits", habits)
    reasons = check_rules(tx, make_features(tx, hour, recent, before, habits))
    return {"transaction_id": tx.transaction_id, "amount": tx.amount, "reasons": reasons}


def payment(body: dict[str, Any]) -> SimpleNamespace:
    """A payment as the work takes it."""
    return SimpleNamespace(**{**dict.fromkeys(FIELDS), **body, "timestamp": moment(body["timestamp"])})


def moment(text: str) -> datetime:
    """A payment's time; without a zone it is UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def of_hour(tx: Any, state: Any) -> Stats:
    """The tumbling window with the payment in it."""
    start = tx.timestamp.timestamp() // HOUR * HOUR
    known = state.get("hour")
    stats = add(known["stats"] if known and known["start"] == start else no_stats(), tx)
    state.set("hour", {"start": start, "stats": stats})
    return stats


def of_last_minutes(tx: Any, state: Any) -> Stats:
    """The hopping window with the payment in it."""
    now = int(tx.timestamp.timestamp() // MINUTE)
    parts = {start: part for start, part in (state.get("minutes") or {}).items() if int(start) > now - PARTS}
    parts[str(now)] = add(parts.get(str(now)) or no_stats(), tx)
    state.set("minutes", parts)
    return merged(list(parts.values()))


class Statistics(Aggregator):  # type: ignore[misc]  # Quix is installed in an environment of its own
    """The statistics of a window, kept by Quix."""

    state_suffix = "statistics"

    def initialize(self) -> Stats:
        """An empty window."""
        return no_stats()

    def agg(self, old: Stats, new: Any, timestamp: int) -> Stats:
        """The window with a payment more."""
        return add(old, payment(new["body"]))

    def result(self, value: Stats) -> Stats:
        """Everything that is known of it."""
        return value


def by_windows(transactions: StreamingDataFrame) -> StreamingDataFrame:
    """Judge payments with the windows of Quix."""
    wrapped = transactions.apply(lambda body: {"body": body})
    recent = wrapped.hopping_window(PARTS * MINUTE * 1000, MINUTE * 1000, grace_ms=GRACE)
    found = recent.agg(statistics=Statistics(), latest=Latest()).current()
    found = found[found.apply(is_earliest)]
    found = found.apply(lambda window: {"body": window["latest"]["body"], "recent": window["statistics"]})
    found = found.set_timestamp(lambda value, *_: time_of(value["body"]))  # Quix gives a window its start's
    both = found.tumbling_window(HOUR * 1000, grace_ms=GRACE).agg(statistics=Statistics(), latest=Latest()).current()
    return both.apply(judge_windows, stateful=True)


def is_earliest(window: dict[str, Any]) -> bool:
    """Whether it is the hopping window that began longest before the payment."""
    return bool(window["start"] + (PARTS - 1) * MINUTE * 1000 <= time_of(window["latest"]["body"]))


def judge_windows(window: dict[str, Any], state: Any) -> dict[str, Any]:
    """Say what is wrong with the payment that came into both windows last."""
    latest = window["latest"]
    return judge_by(payment(latest["body"]), window["statistics"], latest["recent"], state)


def time_of(body: dict[str, Any], *_: Any) -> int:
    """When a payment was made, in milliseconds: what windows go by."""
    return int(moment(body["timestamp"]).timestamp() * 1000)


def tell(alert: dict[str, Any]) -> None:
    """Log an alert."""
    log.info("ALERT %s: %s", alert["transaction_id"], ", ".join(alert["reasons"]))


FORMS = {"panes": by_panes, "windows": by_windows}


def main() -> None:
    """Run a form until it is stopped."""
    form = sys.argv[1]
    app = Application(
        broker_address=os.environ["FRAUD_STREAM_BROKER_URL"].removeprefix("kafka://"),
        consumer_group=f"quix-{form}",
        auto_offset_reset="earliest",
        commit_interval=1.0,
        state_dir=os.environ["PEER_STATE"],
    )
    time = time_of if form == "windows" else None
    transactions = app.topic(
        "transactions", key_deserializer="str", value_deserializer="json", timestamp_extractor=time
    )
    alerts = app.topic(f"quix-{form}-alerts", key_serializer="str", value_serializer="json")
    found = FORMS[form](app.dataframe(transactions))
    found = found[found["reasons"].apply(bool)]
    found.update(tell).to_topic(alerts)
    app.run()


if __name__ == "__main__":
    main()
