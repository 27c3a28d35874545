"""``fraud-stream train``: fit a challenger on labelled history, judge it, save it, and announce it to the workers."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from fraud_stream.announced import read_announced
from fraud_stream.commands.announce import announce_model
from fraud_stream.commands.trained import Origin, Trained, model_of, save, trained
from fraud_stream.commands.training_sources import Asked, Source, chosen
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.evaluation.refit import HELD_OUT, Fitted, refit
from fraud_stream.evaluation.training_set import TrainingSet
from fraud_stream.files.mapping import shipped
from fraud_stream.kafka import create_topics
from fraud_stream.models.artifact import trees_of
from fraud_stream.models.batch import BatchModel, Measures
from fraud_stream.models.card import Card
from fraud_stream.models.learners import Learner, learners
from fraud_stream.options import Span, with_default, with_options
from fraud_stream.settings import Settings, load
from fraud_stream.terminal import as_json, print_table, timestamp

_OPTIONS = (
    with_default(
        "--model",
        "boosting",
        click.Choice(["boosting", "forest"]),
        "Gradient boosting on all features, or a random forest on twenty.",
    ),
    click.option(
        "--input", "input_", type=click.Path(exists=True, path_type=Path), help="Learn from this file or archive."
    ),
    click.option("--warehouse", "is_warehouse", is_flag=True, help="Learn from the warehouse of [warehouse] url."),
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


@click.command()
@with_options(_OPTIONS)
def train(
    input_: Path | None,
    mapping: str | None,
    label_delay: float | None,
    is_warehouse: bool,
    history: float | None,
    **rest: Any,
) -> None:
    """Fit a challenger on labelled history.

    The history is what workers have put onto the topic `labelled`; with --input it is a file or an archive, with
    --warehouse what `fraud-stream pipeline` has loaded, features and labels.  The challenger is judged by the newest
    part of it, beside the scores that the online model gave in the stream, then fitted on all, saved, and announced on
    the topic `models`.  Every worker scores with it from then on; `fraud-stream promote` has it decide.  Beside the
    saved model are its figures, as JSON, and pictures.

    \b
    fraud-stream train --input payments.parquet --mapping handbook --no-announce
    fraud-stream train --model forest --warehouse
    """  # noqa: D301 - click's mark for lines it must not join
    settings = load().settings
    source = chosen(settings, Asked(input_, mapping, label_delay, is_warehouse))
    if history == 0:
        raise click.BadParameter("there is nothing to learn from in 0s", param_hint="--history")
    version = 1 if (input_ or is_warehouse) and rest["no_announce"] else _next_version(settings)
    maker = FeatureMaker(settings.feature_settings)
    learner = learners(maker.names)[rest["model"]]
    origin = _read(settings, source, maker, TrainingSet(history or settings.challenger.history, rest["most"]))
    fitted = _fitted(origin.history, learner, maker.names)
    model = model_of(fitted, learner, maker.version, version)
    trees_of(model, maker.names)  # what workers would refuse is not announced
    name = f"{model.id}-not-announced" if rest["no_announce"] else model.id
    path = rest["output"] or settings.store.datadir / "models" / f"{name}.skops"
    made = trained(fitted, model, origin, settings.model.alert_threshold, path.name)
    for written in save(made, path):
        _tell(f"wrote {written}")
    if not rest["no_announce"]:
        announce_model(settings, model)
    _show(made, path, json_=rest["json_"], announced=not rest["no_announce"])


def _next_version(settings: Settings) -> int:
    create_topics(settings)
    return read_announced(settings).next_version


def _read(settings: Settings, source: Source, maker: FeatureMaker, history: TrainingSet) -> Origin:
    _tell(f"reading {source.name}")
    left_out = source.feed(settings, maker, history).left_out
    for why, count in left_out.items():
        _tell(f"left out {count:,} {why}")
    return Origin(source.name, history, left_out)


def _fitted(history: TrainingSet, learner: Learner, made: tuple[str, ...]) -> Fitted:
    share = "" if history.share == 1.0 else f", keeping {history.share:.3%} of the genuine ones"
    _tell(f"read {history.read:,} labelled transactions{share}")
    began = time.monotonic()
    fitted = refit(history, learner, made)
    _tell(f"fitted on {len(fitted.columns.frauds):,} in {time.monotonic() - began:.1f} s")
    return fitted


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _show(made: Trained, path: Path, *, json_: bool, announced: bool) -> None:
    model, card = made.model, made.card
    if json_:
        body = {name: getattr(model, name) for name in model.__struct_fields__ if name not in {"data", "features"}}
        more = {"threshold": card.threshold, "test": card.test, "file": path, "announced": announced}
        click.echo(as_json({**body, **more}))
        return
    span = f"{timestamp(model.trained_from)} to {timestamp(model.trained_to)}"
    title = f"{model.id}: {model.learnt:,} transactions, {model.frauds:,} frauds, {span}"
    print_table(title, ("held out", "average precision", "ROC AUC"), _rows(model))
    for line in _of_test(card):
        click.echo(line)
    said = "announced: workers score with it" if announced else "not announced"
    click.echo(f"saved as {path}; {said}")


def _of_test(card: Card) -> Iterator[str]:
    if card.test is None:
        return
    found, counts = card.test, card.test.confusion_matrix
    yield f"from {card.threshold.value:.3f} on, chosen by {card.threshold.chosen_by}: " + ", ".join(
        f"{name} {getattr(found, name):.3f}" for name in ("accuracy", "precision", "recall", "f1")
    )
    yield (
        f"{counts.true_positives:,} frauds found, {counts.false_negatives:,} missed, "
        f"{counts.false_positives:,} genuine ones taken for frauds, {counts.true_negatives:,} not"
    )


def _rows(model: BatchModel) -> list[tuple[str, str, str]]:
    held = model.held_out
    if held is None:
        return [(f"too few frauds are known in the newest {HELD_OUT:.0%}, or before them", "-", "-")]
    found = {"challenger": held.challenger, "online model, as it scored them": held.online, "blend": held.blend}
    what = f"{held.transactions:,} transactions, {held.frauds:,} frauds"
    return [(what, "", ""), *((name, *_cells(one)) for name, one in found.items())]


def _cells(one: Measures | None) -> tuple[str, str]:
    return ("-", "-") if one is None else (f"{one.average_precision:.3f}", f"{one.roc_auc:.3f}")
