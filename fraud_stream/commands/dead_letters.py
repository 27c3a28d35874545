"""``fraud-stream dead-letters``: look at what could not be processed, and send it back once the cause is mended."""

import base64
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import click
import msgspec

from fraud_stream.audit import Change, audited
from fraud_stream.errors import BrokerError
from fraud_stream.printable import printable
from fraud_stream.redrive import Letter, Place, Plan, Selection, check_topics, letters, make_plan, redrive
from fraud_stream.settings import load
from fraud_stream.terminal import as_json, print_table, timestamp
from fraud_stream.user import operator

#: Characters of a value that are shown.
_SHOWN = 200
_STATES = ("waiting", "redriven", "foreign")


class PlaceType(click.ParamType):
    """A place as people write it: ``PARTITION:OFFSET``."""

    name = "partition:offset"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        """The place that the text names."""
        partition, _, offset = str(value).partition(":")
        if not (partition.isdecimal() and offset.isdecimal()):
            self.fail(f"{value!r} is not like 0:17", param, ctx)
        return Place(int(partition), int(offset))


_REASON = click.option("--reason", "reasons", multiple=True, help="Only letters of this reason; may be repeated.")
_LIMIT = click.option("--limit", type=click.IntRange(min=1), help="At most so many letters.")


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at dead letters and redrive them.

    A dead letter is a record that could not be processed, untouched, with the reason in its headers.
    """


@dead_letters.command("list")
@_REASON
@_LIMIT
@click.option("--counts", is_flag=True, help="How many there are of each reason.")
@click.option("--json", "json_", is_flag=True, help="Print JSON, one letter a line; bytes that are no text as base64.")
def list_(reasons: tuple[str, ...], limit: int | None, counts: bool, json_: bool) -> None:
    """List the dead letters, oldest first in each partition.

    Each begins with its place PARTITION:OFFSET on the topic. Its state is waiting, redriven, or foreign: a record
    that nobody here has sent there.
    """
    found = islice(_of_reasons(letters(load().settings), reasons), limit)
    if counts:
        _print_counts(found, json_)
        return
    for letter in found:
        click.echo(msgspec.json.encode(described(letter)).decode() if json_ else _lines(letter))


@dead_letters.command("redrive")
@_REASON
@_LIMIT
@click.option("--at", "places", type=PlaceType(), multiple=True, help="Only the letter at this place; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def redrive_(reasons: tuple[str, ...], limit: int | None, places: tuple[Place, ...], dry_run: bool, yes: bool) -> None:
    """Send dead letters back to the topic and partition they came from.

    Key, value and the record's own headers are sent as they were received; the header fraud-stream-redriven counts
    how often. Letters that come while this runs are left for the next time.

    Each letter is redriven once. For every reason it is remembered how far its letters were redriven, as offsets of
    the consumer group APP-redrive-REASON; so --reason passes over no letter of another reason, and --limit leaves the
    rest waiting. Kafka forgets the offsets of a group that was not used for offsets.retention.minutes (7 days unless
    set), after which a letter that is still on the topic counts as waiting again.

    --at sends a letter whether it was redriven or not and changes nothing of what is remembered.

    If this is broken off, letters sent last may be sent again next time. A payment that comes twice within 24 hours
    of its own time is recognised by its transaction id.
    """
    if places and (reasons or limit):
        raise click.UsageError("--at names the letters; leave out --reason and --limit")
    settings = load().settings
    plan = make_plan(letters(settings), Selection(frozenset(reasons), frozenset(places), limit))
    _check_places(plan, places)
    check_topics(settings, plan)
    _print_plan(plan, places)
    if not plan.chosen or dry_run or not (yes or click.confirm("Send them?", err=True)):
        return
    what = Change("redrive", plan.target, {"topics": plan.topics, "reasons": reasons, "places": plan.places})
    with audited(settings, operator(), what):
        sent = redrive(settings, plan, remember=not places)
    click.echo(f"Sent {sent}.")


def described(letter: Letter) -> dict[str, Any]:
    """A letter for programs: where it lies, what is known of it, its key and value."""
    about = msgspec.structs.asdict(letter.about) if letter.about else {}
    key, value = _as_text(letter.message.key()), _as_text(letter.message.value())
    return {
        "at": f"{letter.place.partition}:{letter.place.offset}",
        "state": letter.state,
        **about,
        "key": key[0],
        "key_encoding": key[1],
        "value": value[0],
        "value_encoding": value[1],
    }


def _as_text(data: bytes | None) -> tuple[str | None, str | None]:
    if data is None:
        return None, None
    try:
        return data.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(data).decode(), "base64"


def _of_reasons(found: Iterator[Letter], reasons: tuple[str, ...]) -> Iterator[Letter]:
    return (letter for letter in found if not reasons or (letter.about is not None and letter.about.reason in reasons))


def _lines(letter: Letter) -> str:
    place = click.style(f"{letter.place.partition}:{letter.place.offset}", bold=True)
    key, value = _start(letter.message.key()), _start(letter.message.value())
    if letter.about is None:
        return f"{place}  foreign  key {key}\n    {value}"
    about = letter.about
    head = (
        f"{timestamp(about.time)}  {about.reason}  {letter.state}  from {about.topic} {about.partition}:{about.offset}"
    )
    return f"{place}  {printable(head)}  key {key}\n    {printable(about.detail)}\n    {value}"


def _start(data: bytes | None) -> str:
    if data is None:
        return "(none)"
    text = data[: 4 * _SHOWN].decode(errors="backslashreplace")
    return printable(text[:_SHOWN]) + (f" … ({len(data)} bytes)" if len(text) > _SHOWN else "")


def _print_counts(found: Iterator[Letter], json_: bool) -> None:
    counts: dict[str, Counter[str]] = {}
    for letter in found:
        counts.setdefault(letter.about.reason if letter.about else "(foreign)", Counter())[letter.state] += 1
    if json_:
        click.echo(as_json({reason: {state: counts[reason][state] for state in _STATES} for reason in sorted(counts)}))
    else:
        rows = [(reason, *(counts[reason][state] for state in _STATES)) for reason in sorted(counts)]
        print_table("Dead letters", ("reason", *_STATES), rows)


def _check_places(plan: Plan, places: tuple[Place, ...]) -> None:
    missing = sorted(set(places) - plan.chosen)
    if missing:
        raise BrokerError(f"there is no dead letter of ours at {', '.join(f'{p}:{o}' for p, o in missing)}")


def _print_plan(plan: Plan, places: tuple[Place, ...]) -> None:
    for topic, count in sorted(plan.topics.items()):
        click.echo(f"{count} to send to {printable(topic)}")
    if not plan.chosen:
        click.echo("nothing to send")
    for why, count in sorted(plan.left.items() if not places else ()):
        click.echo(f"{count} left: {why}")
