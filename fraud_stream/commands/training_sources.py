"""Where `fraud-stream train` has its labelled history from.

A further source is one more class here, with what it is called and `feed`, and one more line in `chosen`.
"""

from pathlib import Path
from typing import NamedTuple, Protocol

import click

from fraud_stream.archive.layout import is_archive
from fraud_stream.commands.archived_history import learn_from_archive
from fraud_stream.commands.evaluate import labelled
from fraud_stream.commands.labelled_history import Feed, from_payments, from_topic
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.intake import Intake
from fraud_stream.domain.sliding import DAY
from fraud_stream.evaluation.training_set import TrainingSet
from fraud_stream.files.mapping import load_mapping
from fraud_stream.settings import Settings


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


def chosen(settings: Settings, file: Path | None, mapping: str | None, label_delay: float | None) -> Source:
    """The source that was asked for.

    Raises:
        click.UsageError: It was said how to read a file, and not which, or a folder is no archive.
    """
    if file is not None and file.is_dir():
        return _archive(file, is_described=mapping is not None or label_delay is not None)
    if file is not None:
        return File(file, mapping or "identity", 7 * DAY if label_delay is None else label_delay)
    if mapping is not None or label_delay is not None:
        raise click.UsageError("--mapping and --label-delay say how to read a file: name it with --input")
    return Topic(f"topic {settings.topics.labelled} at {settings.broker.url}")


def _archive(folder: Path, *, is_described: bool) -> Archive:
    if not is_archive(folder):
        raise click.BadParameter(f"{folder} is no archive; fraud-stream archive writes one", param_hint="--input")
    if is_described:
        raise click.UsageError("--mapping and --label-delay say how to read a file; an archive needs neither")
    return Archive(folder)
