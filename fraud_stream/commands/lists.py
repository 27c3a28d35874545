"""``fraud-stream lists``: customers, merchants and devices that are allowed, denied or snoozed, in every worker."""

import time
from typing import Any, get_args

import click

from fraud_stream.domain.intake import LONGEST_ID
from fraud_stream.domain.listing import Listed, ListName, What
from fraud_stream.options import Span, with_options
from fraud_stream.settings import load
from fraud_stream.steering import announce_change, read_rulebook
from fraud_stream.terminal import as_json, print_table, timestamp
from fraud_stream.user import operator, reason_option, user_name

#: Seconds that an entry may be given: ten years.
LONGEST = 3_650 * 86_400.0
_COLUMNS = ("list", "what", "value", "until", "since", "by", "reason")
_ENTRY = [
    click.argument("name", metavar="LIST", type=click.Choice(get_args(ListName))),
    click.argument("what", type=click.Choice(get_args(What))),
    click.argument("value"),
]


@click.group()
def lists() -> None:
    """Allow, deny or snooze customers, merchants and devices, in every worker at once.

    What is on the deny list is blocked, what is on the allow list accepted, whatever rules and model say; deny is
    stronger.  The alerts of a snoozed customer are decided and not sent.  Who said so, when and why is recorded.
    """


@lists.command("list")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def list_(json_: bool) -> None:
    """List the entries that have not ended."""
    settings = load().settings
    entries = read_rulebook(settings).lists.entries(time.time())
    if json_:
        click.echo(as_json(entries))
        return
    print_table(f"Lists at {settings.broker.url}", _COLUMNS, map(_row, entries))


@lists.command()
@with_options(_ENTRY)
@click.option("--for", "seconds", type=Span(), help="How long, like 2h or 30d; without it, until it is removed.")
@reason_option
def add(name: Any, what: Any, value: str, seconds: float | None, reason: str) -> None:
    """Put something on a list; what was said of it before is replaced."""
    if seconds is not None and not 0 < seconds <= LONGEST:
        raise click.BadParameter("longer than nothing and at most ten years", param_hint="--for")
    settings, now = load().settings, time.time()
    book = read_rulebook(settings)  # a topic that is not there yet must not be made by writing to it
    entry = _entry(name, what, value, (now, None if seconds is None else now + seconds), reason)
    book.lists.take(entry, now)  # as the workers will, or will not
    announce_change(settings, entry, operator())
    until = f"until {timestamp(entry.until)}" if entry.until is not None else "until it is removed"
    click.echo(f"announced to every worker: {what} {value} is on the {name} list {until}")


@lists.command()
@with_options(_ENTRY)
@reason_option
def remove(name: Any, what: Any, value: str, reason: str) -> None:
    """Take something off a list."""
    settings, now = load().settings, time.time()
    entry = _entry(name, what, value, (now, now), reason)
    if entry.key not in {there.key for there in read_rulebook(settings).lists.entries(now)}:
        raise click.ClickException(f"{what} {value} is not on the {name} list; `fraud-stream lists list` shows what is")
    announce_change(settings, entry, operator())
    click.echo(f"announced to every worker: {what} {value} is on the {name} list no more")


def _entry(name: Any, what: Any, value: str, span: tuple[float, float | None], reason: str) -> Listed:
    if not 0 < len(value) <= LONGEST_ID:
        raise click.BadParameter(f"{len(value)} letters; an id has 1 to {LONGEST_ID}", param_hint="VALUE")
    try:
        return Listed(name, what, value, *span, user_name(), reason)
    except ValueError as error:
        raise click.UsageError(f"{error}: give --for, like --for 2h") from None


def _row(entry: Listed) -> tuple[str, ...]:
    until = "-" if entry.until is None else timestamp(entry.until)
    return entry.list, entry.what, entry.value, until, timestamp(entry.since), entry.by, entry.reason
