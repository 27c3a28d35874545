"""``fraud-stream alerts``: the alerts topic in a terminal."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

import click
import msgspec

from fraud_stream.alert_filter import SEVERITIES, AlertFilter
from fraud_stream.options import FiniteRange
from fraud_stream.printable import printable
from fraud_stream.reading import tail
from fraud_stream.records import Alert, Drift, Reason, read_alert
from fraud_stream.settings import load

_STYLES: dict[str, dict[str, Any]] = {
    "LOW": {"fg": "cyan"},
    "MEDIUM": {"fg": "yellow"},
    "HIGH": {"fg": "red"},
    "CRITICAL": {"fg": "bright_white", "bg": "red", "bold": True},
}


@click.command()
@click.option("--from-beginning", is_flag=True, help="Begin with the oldest alert instead of the next one.")
@click.option("--follow/--no-follow", default=True, help="--no-follow shows the alerts that are there, and ends.")
@click.option("--limit", type=click.IntRange(min=1), help="End after so many alerts.")
@click.option("--severity", type=click.Choice(SEVERITIES, case_sensitive=False), help="At least so severe.")
@click.option("--type", help="Of this type, for example VELOCITY or DRIFT.")
@click.option("--customer", help="Of this customer.")
@click.option("--verdict", type=click.Choice(["review", "block"]), help="With this verdict.")
@click.option("--min-score", type=FiniteRange(0, 1), help="With at least this risk.")
@click.option("--rule", help="With this rule's id among the reasons.")
@click.option("--brief", is_flag=True, help="One line for each alert, without its reasons.")
@click.option("--json", "json_", is_flag=True, help="Print JSON, one alert a line.")
def alerts(from_beginning: bool, follow: bool, limit: int | None, brief: bool, json_: bool, **wanted: Any) -> None:
    """Show alerts as they come.

    Times are UTC. Alerts of one customer come in order; those of different customers may not. Ctrl-C ends it.
    """
    found = _read(from_beginning=from_beginning, follow=follow)
    admitted = filter(AlertFilter(**wanted).admits, found)
    for alert in islice(admitted, limit):
        click.echo(msgspec.json.encode(alert) if json_ else lines(alert, brief=brief))


def _read(*, from_beginning: bool, follow: bool) -> Iterator[Alert | Drift]:
    settings = load().settings
    topic = settings.topics.alerts
    messages = tail(
        settings,
        topic,
        from_start=from_beginning or not follow,
        follow=follow,
        on_end=partial(_tell, f"waiting for alerts on {topic!r}; Ctrl-C ends" if follow else ""),
        on_trouble=partial(_tell, f"no broker answers at {settings.broker.url}; trying again"),
    )
    for message in messages:
        try:
            yield read_alert(message.value() or b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            place = f"{topic} {message.partition()}:{message.offset()}"
            _tell(f"{place} is no alert: {printable(str(error))}")


def _tell(text: str) -> None:
    if text:
        click.echo(text, err=True)


def lines(alert: Alert | Drift, *, brief: bool = False) -> str:
    """An alert for people: one line, and one for each reason unless `brief`."""
    head = _time(alert.event_time), click.style(f"{alert.severity:<8}", **_STYLES[alert.severity])
    if isinstance(alert, Drift):
        return "  ".join((*head, alert.type, alert.stream, printable(alert.message)))
    parts = (
        *head,
        f"{alert.verdict:<6}",
        f"{alert.risk_score:.2f}",
        printable(alert.customer_id),
        f"{alert.amount:,.2f}",
        printable(alert.transaction_id),
        printable(alert.message),
        *([f"(number {alert.group_position} of {alert.group_id})"] if alert.group_position else []),
    )
    reasons = () if brief else (f"    {reason_text(reason)}" for reason in alert.reasons)
    return "\n".join(("  ".join(parts), *reasons))


def reason_text(reason: Reason) -> str:
    """What spoke for an alert: the value seen, and the limit of a rule or what it added.

    >>> reason_text(Reason("rule", "velocity-count", "hopping_count_5m", 7.0, ">=", 6.0))
    'velocity-count: hopping_count_5m is 7, limit >= 6'
    >>> reason_text(Reason("model", "model", "amount_zscore", 6.25, contribution=1.5))
    'model: amount_zscore is 6.25, adds 1.50 to the log odds'
    >>> reason_text(Reason("anomaly", "anomaly", "is_new_device", 1.0, contribution=0.08))
    'anomaly: is_new_device is 1, adds 0.08 to the anomaly score'
    """
    text = f"{reason.name}: {reason.feature} is {_value(reason.value)}"
    if reason.operator is not None:
        text += f", limit {reason.operator} {_value(reason.limit)}"
    if reason.contribution is not None:
        whole = "anomaly score" if reason.source == "anomaly" else "log odds"
        text += f", adds {reason.contribution:.2f} to the {whole}"
    return printable(text)


def _value(value: float | str | list[str] | None) -> str:
    if value is None:
        return "not known"
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, str):
        return value
    return f"{value:,.2f}".removesuffix(".00") if abs(value) >= 1 else f"{value:.3g}"


def _time(moment: datetime) -> str:
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
