"""``fraud-stream train``: fit a challenger on labelled history, judge it, save it, and announce it to the workers."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import click

from fraud_stream.announced import announce, read_announced
from fraud_stream.archive.layout import is_archive
from fraud_stream.audit import Change, audited
from fraud_stream.commands.archived_history import learn_from_archive
from fraud_stream.commands.evaluate import labelled
from fraud_stream.commands.labelled_history import from_payments, from_topic
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.intake import Intake
from fraud_stream.domain.sliding import DAY
from fraud_stream.errors import ModelError
from fraud_stream.evaluation.refit import HELD_OUT, Fitted, refit
from fraud_stream.evaluation.training_set import TrainingSet
from fraud_stream.files.mapping import load_mapping, shipped
from fraud_stream.kafka import create_topics
from fraud_stream.models.artifact import digest, dump, libraries, trees_of
from fraud_stream.models.batch import KIND, NAME, BatchModel, Measures
from fraud_stream.options import Span, with_default, with_options
from fraud_stream.settings import Settings, load
from fraud_stream.terminal import as_json, print_table, timestamp
from fraud_stream.user import operator

_OPTIONS = (
    click.option(
        "--input", "input_", type=click.Path(exists=True, path_type=Path), help="Learn from this file or archive."
    ),
    click.option("--mapping", help=f"What the file's columns are called: {', '.join(shipped())}, or a file."),
    click.option(
        "--label-delay", type=Span(), help="Event time from a payment in the file to its label.  [default: 7d]"
    ),
    click.option("--history", type=Span(), help="Event time to learn from.  [default: that of [challenger] history]"),
    with_default("--most", 400_000, click.IntRange(1_000, 5_000_000), "Transactions to learn from at most."),
    click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to save it."),
    click.option("--no-announce", is_flag=True, help="Only save it; workers hear nothing of it."),
    click.option("--json", "json_", is_flag=True, help="Print JSON."),
)


class Source(NamedTuple):
    """A file, or an archive, to learn from, and how to read it."""

    file: Path
    mapping: str
    label_delay: float


@click.command()
@with_options(_OPTIONS)
def train(
    input_: Path | None, mapping: str | None, label_delay: float | None, history: float | None, **rest: Any
) -> None:
    """Fit a challenger on labelled history.

    Without --input the history is what workers have put onto the topic `labelled`.  The challenger is judged by the
    newest part of it, beside the scores that the online model gave in the stream, then fitted on all, saved, and
    announced on the topic `models`.  Every worker scores with it from then on; `fraud-stream promote` has it decide.

    \b
    fraud-stream train --input payments.parquet --mapping handbook --no-announce
    """  # noqa: D301 - click's mark for lines it must not join
    settings = load().settings
    source = _source(input_, mapping, label_delay)
    if history == 0:
        raise click.BadParameter("there is nothing to learn from in 0s", param_hint="--history")
    version = 1 if source and rest["no_announce"] else _next_version(settings)
    found = TrainingSet(history or settings.challenger.history, rest["most"])
    maker = FeatureMaker(settings.feature_settings)
    _feed(settings, source, maker, found)
    fitted = _fitted(found)
    model = _model(fitted, version, maker)
    trees_of(model, maker.names)  # what workers would refuse is not announced
    path = _save(model, rest["output"] or settings.store.datadir / "models" / f"{model.id}.skops")
    if not rest["no_announce"]:
        facts = {"learnt": model.learnt, "frauds": model.frauds, "sha256": model.sha256}
        with audited(settings, operator(), Change("announce", model.id, facts)):
            announce(settings, model)
    _show(model, path, json_=rest["json_"], announced=not rest["no_announce"])


def _source(file: Path | None, mapping: str | None, label_delay: float | None) -> Source | None:
    if file is None and (mapping is not None or label_delay is not None):
        raise click.UsageError("--mapping and --label-delay say how to read a file: name it with --input")
    if file is not None and file.is_dir():
        _check_archive(file, mapping, label_delay)
    delay = 7 * DAY if label_delay is None else label_delay
    return None if file is None else Source(file, mapping or "identity", delay)


def _check_archive(folder: Path, mapping: str | None, label_delay: float | None) -> None:
    if not is_archive(folder):
        raise click.BadParameter(f"{folder} is no archive; fraud-stream archive writes one", param_hint="--input")
    if mapping is not None or label_delay is not None:
        raise click.UsageError("--mapping and --label-delay say how to read a file; an archive needs neither")


def _next_version(settings: Settings) -> int:
    create_topics(settings)
    return read_announced(settings).next_version


def _feed(settings: Settings, source: Source | None, maker: FeatureMaker, history: TrainingSet) -> None:
    if source is None:
        _tell(f"reading {settings.topics.labelled!r} at {settings.broker.url}")
        feed = from_topic(settings, maker, history)
    elif source.file.is_dir():
        _tell(f"reading the archive {source.file}")
        feed = learn_from_archive(source.file, maker, history)
    else:
        _tell(f"reading {source.file} as the stream would")
        payments = labelled(source.file, load_mapping(source.mapping), Intake(limits=settings.intake_limits))
        feed = from_payments(settings, payments, source.label_delay, history)
    for why, count in feed.left_out.items():
        _tell(f"left out {count:,} {why}")


def _fitted(history: TrainingSet) -> Fitted:
    share = "" if history.share == 1.0 else f", keeping {history.share:.3%} of the genuine ones"
    _tell(f"read {history.read:,} labelled transactions{share}")
    began = time.monotonic()
    fitted = refit(history)
    _tell(f"fitted on {len(fitted.columns.frauds):,} in {time.monotonic() - began:.1f} s")
    return fitted


def _model(fitted: Fitted, version: int, maker: FeatureMaker) -> BatchModel:
    columns, data = fitted.columns, dump(fitted.challenger.classifier)
    return BatchModel(
        NAME,
        KIND,
        version,
        list(maker.names),
        maker.version,
        len(columns.frauds),
        int(columns.frauds.sum()),
        float(columns.times[0]),
        float(columns.times[-1]),
        fitted.held_out,
        libraries(),
        digest(data),
        time.time(),
        data,
    )


def _save(model: BatchModel, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.data)
    except OSError as error:
        raise ModelError(f"cannot save the model as {path}: {error.strerror}; choose another --output") from None
    return path


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _show(model: BatchModel, path: Path, *, json_: bool, announced: bool) -> None:
    if json_:
        body = {name: getattr(model, name) for name in model.__struct_fields__ if name not in {"data", "features"}}
        click.echo(as_json({**body, "file": path, "announced": announced}))
        return
    span = f"{timestamp(model.trained_from)} to {timestamp(model.trained_to)}"
    title = f"{model.id}: {model.learnt:,} transactions, {model.frauds:,} frauds, {span}"
    print_table(title, ("held out", "average precision", "ROC AUC"), _rows(model))
    said = "announced: workers score with it" if announced else "not announced"
    click.echo(f"saved as {path}; {said}")


def _rows(model: BatchModel) -> list[tuple[str, str, str]]:
    held = model.held_out
    if held is None:
        return [(f"too few frauds are known in the newest {HELD_OUT:.0%}, or before them", "-", "-")]
    found = {"challenger": held.challenger, "online model, as it scored them": held.online, "blend": held.blend}
    what = f"{held.transactions:,} transactions, {held.frauds:,} frauds"
    return [(what, "", ""), *((name, *_cells(one)) for name, one in found.items())]


def _cells(one: Measures | None) -> tuple[str, str]:
    return ("-", "-") if one is None else (f"{one.average_precision:.3f}", f"{one.roc_auc:.3f}")
