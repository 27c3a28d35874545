"""``fraud-stream replay``: transactions of a file onto the topic, at the file's own pace or any other."""

import contextlib
import functools
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from fraud_stream.files.mapping import FieldMapping, load_mapping, shipped
from fraud_stream.files.rows import Rows, mapped_rows
from fraud_stream.files.translation import Translated, Translator
from fraud_stream.kafka import create_topics
from fraud_stream.options import Moment, Span, with_default, with_options
from fraud_stream.sections import TopicSettings
from fraud_stream.settings import Settings, load
from producers.labels import DelayedLabels
from producers.options import Speed
from producers.pace import Pace
from producers.player import Player
from producers.sending import Sender

#: The progress bar is moved after so many records.
_MOVE_EVERY = 500
_OPTIONS = (
    click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    with_default("--mapping", "identity", click.STRING, f"What columns are called: {', '.join(shipped())}, or a file."),
    with_default(
        "--speed", "max", Speed(), "original keeps the file's gaps, 60 is sixty times as fast, max waits never."
    ),
    click.option("--limit", type=click.IntRange(1), help="Stop after so many records."),
    click.option("--from", "begin", type=Moment(), help="Only rows from this event time on."),
    click.option("--to", "end", type=Moment(), help="Only rows before this event time."),
    click.option(
        "--sort/--no-sort", default=None, help="Sort rows by time, in memory.  [default: as the mapping says]"
    ),
    with_default("--label-delay", "7d", Span(), "Event time from a transaction to its label: 10s, 7d."),
    click.option("--no-labels", is_flag=True, help="Send no labels."),
    click.option("--flush-labels", is_flag=True, help="At the end send the labels that are not due yet."),
    click.option("--topic", help="Where to; made if it is missing.  [default: the setting]"),
    click.option("--quiet", is_flag=True, help="Tell no progress."),
)


@dataclass(frozen=True)
class _Order:
    """The command's options; each field is an option of the same name, `begin` and `end` are --from and --to."""

    file: Path
    mapping: str
    speed: float
    limit: int | None
    begin: float | None
    end: float | None
    sort: bool | None
    label_delay: float
    no_labels: bool
    flush_labels: bool
    topic: str | None
    quiet: bool


@click.command()
@with_options(_OPTIONS)
def replay(**given: Any) -> None:
    """Send a file of transactions to the topic: JSON lines, CSV or Parquet.

    Nothing is mended on the way: a value the worker cannot take becomes a dead letter.  Labels in the file are sent on
    their own topic, each when the stream's time has come to it.  Rows whose time cannot be read are sent without a
    label and without waiting; --from and --to leave them out.

    \b
    fraud-stream replay sample.jsonl --speed original
    fraud-stream replay transactions.parquet --mapping handbook --from 2018-07-25 --to 2018-08-15
    """  # noqa: D301 - click's mark for lines it must not join
    order = _Order(**given)
    mapping = load_mapping(order.mapping)
    settings = _settings(order)
    rows = _rows(order, mapping)
    create_topics(settings)
    translated = _chosen(order, map(Translator(mapping).translate, rows))
    with _bar(order, rows) as move:
        _play(order, settings, itertools.islice(translated, order.limit), move)


def _settings(order: _Order) -> Settings:
    """The settings, with the topic that was asked for as the one of transactions."""
    settings = load().settings
    if order.topic is None:
        return settings
    try:
        topics = TopicSettings.model_validate({**settings.topics.model_dump(), "transactions": order.topic})
    except ValidationError:
        raise click.BadParameter("a topic's name has letters, digits, . _ and - only", param_hint="--topic") from None
    return settings.model_copy(update={"topics": topics})


def _rows(order: _Order, mapping: FieldMapping) -> Rows:
    in_order = mapping.sort is not None if order.sort is None else order.sort
    return mapped_rows(order.file, mapping, in_order=in_order)


def _chosen(order: _Order, translated: Iterable[Translated]) -> Iterable[Translated]:
    """What lies between --from and --to."""
    if order.begin is None and order.end is None:
        return translated
    begin, end = order.begin or 0.0, order.end or math.inf
    return (record for record in translated if record.time is not None and begin <= record.time < end)


def _play(order: _Order, settings: Settings, records: Iterable[Translated], move: Callable[[], object]) -> None:
    sender, begun = Sender(settings.broker), time.monotonic()
    labels = DelayedLabels(functools.partial(sender.send, settings.topics.labels), "replay", order.label_delay)
    player = Player(sender, settings.topics.transactions, labels, Pace(order.speed, idle=_both(sender.serve, move)))
    try:
        with sender:
            for number, record in enumerate(records):
                player.play(record.time, record.customer_id, record.value)
                if not order.no_labels:
                    _label(record, labels)
                if number % _MOVE_EVERY == 0:
                    move()
            if order.flush_labels:
                labels.flush()
    finally:
        move()
        _tell(order, sender.sent - labels.sent, time.monotonic() - begun, labels)


def _both(*actions: Callable[[], object]) -> Callable[[], None]:
    def act() -> None:
        for action in actions:
            action()

    return act


def _label(record: Translated, labels: DelayedLabels) -> None:
    if record.is_fraud is None or record.time is None or not record.transaction_id or not record.customer_id:
        return
    labels.add(record.transaction_id, record.customer_id, record.time, record.is_fraud, record.kind)


def _tell(order: _Order, count: int, seconds: float, labels: DelayedLabels) -> None:
    if not order.quiet:
        pace = f"{seconds:.1f} s, {count / max(seconds, 1e-3):,.0f} records/s"
        fate = f"{labels.sent:,} labels sent, {labels.waiting:,} not due yet"
        click.echo(f"total: {count:,} records; {pace}; {fate}", err=True)


@contextlib.contextmanager
def _bar(order: _Order, rows: Rows) -> Iterator[Callable[[], object]]:
    """A bar of how much of the file is read; gives what moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=order.quiet) as progress:
        task = progress.add_task(order.file.name, total=rows.size)
        yield lambda: progress.update(task, completed=rows.position)
