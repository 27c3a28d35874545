"""Where `fraud-stream train` has its labelled history from.

A further source is one more class here, with what it is called and `feed`, and one more line in `chosen`.
"""

from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import click

from fraud_stream.archive.layout import is_archive
from fraud_stream.batch.opening import warehouse
from fraud_stream.commands.archived_history import learn_from_archive
from fraud_stream.commands.evaluate import labelled
from fraud_stream.commands.labelled_history import Feed, from_payments, from_topic
from fraud_stream.commands.warehoused_history import learn_from_warehouse
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.intake import Intake
from fraud_stream.domain.sliding import DAY
from fraud_stream.evaluation.training_set import TrainingSet
from fraud_stream.files.mapping import load_mapping
from fraud_stream.sections import WarehouseSettings
from fraud_stream.settings import Settings


class Asked(NamedTuple):
    """What was asked for.

    Attributes:
        file: A file, or the folder of an archive.
        mapping: What the file's columns are called.
        label_delay: Seconds of event time from a payment in the file to its label.
        is_warehouse: Whether to learn from the warehouse.
    """

    file: Path | None = None
    mapping: str | None = None
    label_delay: float | None = None
    is_warehouse: bool = False

    @property
    def is_described(self) -> bool:
        """Whether it was said how to read a file."""
        return self.mapping is not None or self.label_delay is not None


class Source(Protocol):
    """Labelled transactions with the features of this application."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def feed(self, settings: Settings, maker: FeatureMaker, history: TrainingSet) -> Feed:
        """Add what it has, in the order in which it was labelled, to the history."""
        ...


class Topic(NamedTuple):
    """The topic `labelled`: what workers have scored, with the features as they were then."""

    name: str

    def feed(self, settings: Settings, maker: FeatureMaker, history: TrainingSet) -> Feed:
        """Read it to its end."""
        return from_topic(settings, maker, history)


class File(NamedTuple):
    """A file of payments with labels, gone through as the stream would.

    Attributes:
        path: Where it is.
        mapping: What its columns are called.
        label_delay: Seconds of event time from a payment to its label.
    """

    path: Path
    mapping: str
    label_delay: float

    @property
    def name(self) -> str:
        """Where it is."""
        return str(self.path)

    def feed(self, settings: Settings, maker: FeatureMaker, history: TrainingSet) -> Feed:
        """Go through it in order of time."""
        payments = labelled(self.path, load_mapping(self.mapping), Intake(limits=settings.intake_limits))
        return from_payments(settings, payments, self.label_delay, history)


class Archive(NamedTuple):
    """What `fraud-stream archive` has written."""

    path: Path

    @property
    def name(self) -> str:
        """Where it is."""
        return f"the archive {self.path}"

    def feed(self, settings: Settings, maker: FeatureMaker, history: TrainingSet) -> Feed:
        """Read what is labelled of it."""
        return learn_from_archive(self.path, maker, history)


class Warehoused(NamedTuple):
    """What `fraud-stream pipeline` has written."""

    settings: WarehouseSettings

    @property
    def name(self) -> str:
        """Where it is, without what lets one in."""
        parts = urlsplit(self.settings.url)
        return f"the warehouse {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def feed(self, settings: Settings, maker: FeatureMaker, history: TrainingSet) -> Feed:
        """Read what is labelled of it."""
        with warehouse(self.settings, is_read=True) as opened:
            return learn_from_warehouse(opened, maker, history)


def chosen(settings: Settings, asked: Asked) -> Source:
    """The source that was asked for.

    Raises:
        click.UsageError: Two were, it was said how to read a file, and not which, or a folder is no archive.
    """
    if asked.is_warehouse:
        return _warehouse(settings, asked)
    if asked.file is not None and asked.file.is_dir():
        return _archive(asked.file, is_described=asked.is_described)
    if asked.file is not None:
        delay = 7 * DAY if asked.label_delay is None else asked.label_delay
        return File(asked.file, asked.mapping or "identity", delay)
    if asked.is_described:
        raise click.UsageError("--mapping and --label-delay say how to read a file: name it with --input")
    return Topic(f"topic {settings.topics.labelled} at {settings.broker.url}")


def _warehouse(settings: Settings, asked: Asked) -> Warehoused:
    if asked.file is not None:
        raise click.UsageError("--warehouse and --input name two sources: give one of them")
    if asked.is_described:
        raise click.UsageError("--mapping and --label-delay say how to read a file; the warehouse needs neither")
    return Warehoused(settings.warehouse)


def _archive(folder: Path, *, is_described: bool) -> Archive:
    if not is_archive(folder):
        raise click.BadParameter(f"{folder} is no archive; fraud-stream archive writes one", param_hint="--input")
    if is_described:
        raise click.UsageError("--mapping and --label-delay say how to read a file; an archive needs neither")
    return Archive(folder)
