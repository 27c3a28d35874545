"""Topics as pandas DataFrames, for looking back: a period of them, and not more rows than wanted.

Each frame is in order of its column `time`: when the record was put on its topic, by Kafka's timestamp.  A decision is
put on `scored` within milliseconds, so that is when it was decided; when it was paid is `event_time`.  A record that a
crash has had sent twice is there once.  Times are UTC, to the millisecond; lengths of time are seconds.

>>> list(SCORED.dtypes)[:4]
['time', 'partition', 'offset', 'transaction_id']
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import msgspec
import pandas as pd

from fraud_stream.domain.rules import SEVERITY_SCORE
from fraud_stream.history import Period, find, read
from fraud_stream.records import Alert, Drift, Labelled, read_alert
from fraud_stream.redrive import described
from fraud_stream.settings import Settings

#: Rows of a frame at most, unless told otherwise: of `scored` half a gigabyte while they are read, and some seconds.
MOST = 500_000
#: The reason of a dead letter that nobody here has sent.
FOREIGN = "(foreign)"
_MOMENT = "datetime64[ms, UTC]"
_SEVERITY = pd.CategoricalDtype(list(SEVERITY_SCORE), ordered=True)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
#: Seconds from 1970 to the end of the year 9999: beyond it there are no dates.
_LAST_SECOND = 253_402_300_799
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=_LAST_SECOND)]
_Whole = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Row = tuple[Any, ...]


class Kind(NamedTuple):
    """How the records of a topic become rows.

    Attributes:
        dtypes: The columns, and what they hold.
        identity: The columns that tell a record from all others.
        row: The values of all columns but `time`; None of a record that is of another kind.
    """

    dtypes: Mapping[str, Any]
    identity: list[str]
    row: Callable[[Any], Row | None]


class Found(NamedTuple):
    """What was read of a topic.

    Attributes:
        frame: A row for each record.
        period: Of which time: it begins later than asked for where there was more than wanted.
        unreadable: How many records were left out, as they are none of this application's.
    """

    frame: pd.DataFrame
    period: Period
    unreadable: int


class _Paid(msgspec.Struct, gc=False):
    """What is wanted of a transaction; to read the rest would cost more."""

    transaction_id: str
    customer_id: str
    timestamp: _Seconds
    amount: float


class _Scored(msgspec.Struct, gc=False):
    """What is wanted of a scored transaction: all but the features, of which there are many."""

    transaction: _Paid
    score: float | None
    risk_score: float
    verdict: str
    model_version: str
    rules_version: str
    is_late: bool
    partition: _Whole
    offset: _Whole
    latency: float


_scored = msgspec.json.Decoder(_Scored).decode
_labelled = msgspec.json.Decoder(Labelled).decode


def _scored_row(message: Any) -> Row:
    one = _scored(message.value() or b"")
    paid = one.transaction
    return (
        one.partition,
        one.offset,
        paid.transaction_id,
        paid.customer_id,
        _milliseconds(paid.timestamp),
        paid.amount,
        one.verdict,
        one.verdict != "accept",
        one.score,
        one.risk_score,
        one.is_late,
        one.latency,
        one.model_version,
        one.rules_version,
    )


def _alert_row(message: Any) -> Row | None:
    one = read_alert(message.value() or b"")
    if isinstance(one, Drift):
        return None
    return (
        one.alert_id,
        one.transaction_id,
        one.customer_id,
        _milliseconds(_seconds(one.event_time)),
        one.amount,
        one.severity,
        one.type,
        _component(one),
        _rules(one),
        one.risk_score,
        one.verdict,
    )


def _component(alert: Alert) -> str:
    """Who has made an alert: a list before all, then rules, what is unusual where no rule hits, and the model."""
    sources = {reason.source for reason in alert.reasons}
    if "list" in sources:
        return "lists"
    return "rules" if "rule" in sources else "anomaly" if "anomaly" in sources else "model"


def _rules(alert: Alert) -> tuple[str, ...]:
    """The rules that hit, the strongest first; a rule has a reason for each of its comparisons."""
    return tuple(dict.fromkeys(reason.name for reason in alert.reasons if reason.source == "rule"))


def _dead_letter_row(message: Any) -> Row:
    about = described(message)
    if about is None or not (0 <= about.partition < 2**31 and 0 <= about.offset < 2**63):
        return FOREIGN, "", message.topic(), message.partition(), message.offset()
    return about.reason, about.detail, about.topic, about.partition, about.offset


def _labelled_row(message: Any) -> Row:
    one = _labelled(message.value() or b"")
    return (
        one.customer_id,
        one.transaction_id,
        _milliseconds(one.timestamp),
        _milliseconds(one.labelled_at),
        one.amount,
        one.is_fraud,
        one.kind,
        one.score,
        one.verdict,
        one.verdict != "accept",
    )


def _seconds(moment: datetime) -> float:
    """Seconds since 1970; a time without a zone is UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _milliseconds(seconds: float) -> int:
    """A time as the frames hold it.

    Raises:
        msgspec.ValidationError: There is no such date.
    """
    if not 0 <= seconds <= _LAST_SECOND:
        raise msgspec.ValidationError(f"{seconds} is no time from 1970 to 9999")
    return round(seconds * 1_000)


#: Decisions.  `score` is NaN where no model was asked; `partition` and `offset` are those of the transaction.
SCORED = Kind(
    {
        "time": _MOMENT,
        "partition": "int64",
        "offset": "int64",
        "transaction_id": "str",
        "customer_id": "str",
        "event_time": _MOMENT,
        "amount": "float64",
        "verdict": "category",
        "is_alert": "bool",
        "score": "float64",
        "risk_score": "float64",
        "is_late": "bool",
        "latency": "float64",
        "model_version": "category",
        "rules_version": "category",
    },
    ["partition", "offset"],
    _scored_row,
)
#: Alerts of transactions; drifts, which are on the same topic, are not among them.  `component` is who has made the
#: alert: rules, anomaly or model; `rules` holds the ids of the rules that hit.
ALERTS = Kind(
    {
        "time": _MOMENT,
        "alert_id": "str",
        "transaction_id": "str",
        "customer_id": "str",
        "event_time": _MOMENT,
        "amount": "float64",
        "severity": _SEVERITY,
        "type": "category",
        "component": "category",
        "rules": "object",
        "risk_score": "float64",
        "verdict": "category",
    },
    ["alert_id"],
    _alert_row,
)
#: Dead letters; `topic`, `partition` and `offset` are where the record came from.
DEAD_LETTERS = Kind(
    {
        "time": _MOMENT,
        "reason": "category",
        "detail": "str",
        "topic": "category",
        "partition": "int64",
        "offset": "int64",
    },
    ["topic", "partition", "offset"],
    _dead_letter_row,
)
#: Scored transactions with their labels; `time` is when the two were joined, `labelled_at` when the label became known.
LABELLED = Kind(
    {
        "time": _MOMENT,
        "customer_id": "str",
        "transaction_id": "str",
        "event_time": _MOMENT,
        "labelled_at": _MOMENT,
        "amount": "float64",
        "is_fraud": "bool",
        "kind": "category",
        "score": "float64",
        "verdict": "category",
        "is_alert": "bool",
    },
    ["customer_id", "transaction_id"],
    _labelled_row,
)


def scored(settings: Settings, period: Period, most: int = MOST) -> Found:
    """The decisions of a period, as `SCORED` says; a topic that is not there has none.

    Args:
        settings: Where the broker is, and what the topic is called.
        period: When they were decided.
        most: Rows at most: where there are more, those of the end of the period.

    Raises:
        BrokerError: The broker does not answer.
    """
    return _read(settings, settings.topics.scored, SCORED, period, most)


def alerts(settings: Settings, period: Period, most: int = MOST) -> Found:
    """The alerts of a period, as `ALERTS` says; arguments and errors are those of `scored`."""
    return _read(settings, settings.topics.alerts, ALERTS, period, most)


def dead_letters(settings: Settings, period: Period, most: int = MOST) -> Found:
    """The dead letters of a period, as `DEAD_LETTERS` says; arguments and errors are those of `scored`."""
    return _read(settings, settings.topics.dead, DEAD_LETTERS, period, most)


def labelled(settings: Settings, period: Period, most: int = MOST) -> Found:
    """What was labelled in a period, as `LABELLED` says; arguments and errors are those of `scored`."""
    return _read(settings, settings.topics.labelled, LABELLED, period, most)


def _read(settings: Settings, topic: str, kind: Kind, period: Period, most: int) -> Found:
    stretch = find(settings, topic, period, most)
    rows, unreadable = _rows(read(settings, topic, stretch), kind)
    return _newest(Found(_frame(rows, kind), stretch.period, unreadable), most)


def _newest(found: Found, most: int) -> Found:
    """No more rows than wanted: the embedded broker does not say where the newest begin."""
    if len(found.frame) <= most:
        return found
    frame = found.frame.tail(most).reset_index(drop=True)
    return found._replace(frame=frame, period=found.period._replace(begin=frame["time"].iloc[0].timestamp()))


def _rows(messages: Iterable[Any], kind: Kind) -> tuple[list[Row], int]:
    """The rows, each with its time, and how many messages make none."""
    rows, unreadable = [], 0
    for message in messages:
        try:
            row = kind.row(message)
        except _UNREADABLE:
            unreadable += 1
        else:
            if row is not None:
                rows.append((message.timestamp()[1], *row))
    return rows, unreadable


def _frame(rows: list[Row], kind: Kind) -> pd.DataFrame:
    """Rows as a frame, in order of time, the first of those that tell of the same."""
    raw = pd.DataFrame(rows, columns=list(kind.dtypes))
    frame = pd.DataFrame({name: _column(raw[name], dtype) for name, dtype in kind.dtypes.items()})
    ordered = frame.sort_values("time", kind="stable").drop_duplicates(kind.identity)
    return ordered.reset_index(drop=True)


def _column(values: "pd.Series[Any]", dtype: Any) -> "pd.Series[Any]":
    if dtype is _MOMENT:
        return values.astype("int64").astype("datetime64[ms]").dt.tz_localize("UTC")
    return values.astype(dtype)
