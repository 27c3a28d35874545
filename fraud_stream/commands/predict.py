"""``fraud-stream predict``: what a model says of every transaction of a file."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from fraud_stream.announced import read_announced
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.errors import ModelError, OutputFileError
from fraud_stream.files.mapping import load_mapping, shipped
from fraud_stream.files.replacing import check_free, replacing
from fraud_stream.options import FiniteRange, Span, with_default, with_options
from fraud_stream.prediction.columnar import columnar
from fraud_stream.prediction.jsonl import json_columns
from fraud_stream.prediction.output import check_ending, rejecting, table_of, writing
from fraud_stream.prediction.parts import Reader
from fraud_stream.prediction.predictor import Cuts, Predictor, of_announced, of_file
from fraud_stream.prediction.replayed import Order, Replayed
from fraud_stream.prediction.summary import NAME, Origin, Summary, Tally
from fraud_stream.settings import Settings, load
from fraud_stream.terminal import as_json, print_table

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option("--input", "input_", type=_FILE, required=True, help="The transactions: CSV, JSON lines or Parquet."),
    click.option(
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        required=True,
        help="Where predictions go: .csv, .jsonl or .parquet.",
    ),
    click.option("--model", type=_FILE, help="The model, as train saved it.  [default: the challenger on the topic]"),
    click.option(
        "--threshold", type=FiniteRange(0, 1), help="Probability taken for fraud.  [default: what train chose]"
    ),
    with_default("--mapping", "identity", click.STRING, f"What columns are called: {', '.join(shipped())}, or a file."),
    with_default("--label-delay", "7d", Span(), "Event time from a payment to its label, where the file has labels."),
    click.option(
        "--sort",
        is_flag=True,
        help="Sort the file by time first, in memory, as is done where the mapping says what to sort by.",
    ),
    click.option(
        "--summary",
        type=click.Path(dir_okay=False, path_type=Path),
        help=f"Where what came of it goes.  [default: {NAME} beside the output]",
    ),
    click.option("--force", is_flag=True, help="Overwrite what is there."),
    click.option("--quiet", is_flag=True, help="Tell no progress."),
    click.option("--json", "json_", is_flag=True, help="Print the summary as JSON."),
)


class Places(NamedTuple):
    """What is written."""

    output: Path
    rejects: Path
    summary: Path

    @classmethod
    def beside(cls, output: Path, summary: Path | None) -> "Places":
        """The predictions, and what goes beside them unless told otherwise."""
        return cls(output, output.with_name(f"{output.stem}.rejects.jsonl"), summary or output.with_name(NAME))


@click.command()
@with_options(_OPTIONS)
def predict(input_: Path, output: Path, model: Path | None, **rest: Any) -> None:
    """Tell what a model says of every payment of a file.

    A file that has the model's features (an archive of the topic `scored`, say) is predicted column by column.  Of any
    other file the features are computed, in its order, as the stream would have computed them from the payments before;
    where it has labels, they count --label-delay later.  Rules and lists have no say.

    Rows that cannot be predicted go to a file of rejects beside the output, with line and reason; what came of all goes
    to prediction_summary.json.

    \b
    fraud-stream predict --model challenger-1.skops --input payments.csv --output predictions.csv
    """  # noqa: D301 - click's mark for lines it must not join
    settings = load().settings
    places = Places.beside(output, rest["summary"])
    check_ending(output)
    _check_apart([input_, *([model] if model else [])], places)
    check_free(places, force=rest["force"])
    maker = FeatureMaker(settings.feature_settings)
    predictor = _predictor(settings, model, maker)
    cuts = _cuts(settings, predictor, rest["threshold"])
    mapping = load_mapping(rest["mapping"])
    order = Order(mapping, rest["label_delay"], rest["sort"] or mapping.sort is not None)
    reader = _reader(input_, order, predictor, settings)
    told = _run(reader, predictor, cuts, places, input_, quiet=rest["quiet"])
    _show(told, places, json_=rest["json_"])


def _check_apart(sources: list[Path], places: Places) -> None:
    """See that no file is written over another of the same command."""
    for source in sources:
        if source.resolve() in {path.resolve() for path in places}:
            raise OutputFileError(f"{source} would be overwritten by what is said of it; choose another --output")
    if len({path.resolve() for path in places}) < len(places):
        raise OutputFileError(f"{places.summary} is to be two files at once; choose another --summary")


def _predictor(settings: Settings, path: Path | None, maker: FeatureMaker) -> Predictor:
    """The model that was named, or the one that workers score with."""
    if path is not None:
        return of_file(path, maker.names)
    there = read_announced(settings).challenger
    if there is None:
        raise ModelError("no challenger is announced; name a file with --model, which `fraud-stream train` saves")
    return of_announced(there, maker.names)


def _cuts(settings: Settings, predictor: Predictor, threshold: float | None) -> Cuts:
    block, usual = settings.model.block_threshold, settings.model.alert_threshold
    if threshold is not None:
        return Cuts(threshold, block, "--threshold")
    if predictor.threshold is not None:
        return Cuts(predictor.threshold, block, "the model's card")
    return Cuts(usual, block, "[model] alert_threshold")


def _reader(path: Path, order: Order, predictor: Predictor, settings: Settings) -> Reader:
    found = columnar(path, predictor.features) or json_columns(path, predictor.features)
    return found or Replayed(path, order, predictor.features, settings)


def _run(reader: Reader, predictor: Predictor, cuts: Cuts, places: Places, source: Path, *, quiet: bool) -> Summary:
    tally, began = Tally(), time.monotonic()
    # the rejects take their place last: where the predictions cannot be written, those from before stay
    with rejecting(places.rejects) as reject, writing(places.output) as write, _progress(reader, quiet=quiet) as moved:

        def refuse(one: Any) -> None:
            tally.reject(one)
            reject(one)

        for part in reader.parts(refuse):
            said = predictor.predict(part.rows, cuts)
            tally.add(said)
            write(table_of(part, said))
            moved(tally.total)
    features = "computed" if isinstance(reader, Replayed) else "columns"
    origin = Origin(reader.backwards, features, predictor.id, predictor.sha256, str(source), str(places.output))
    told = tally.summary(time.monotonic() - began, cuts, origin)
    with replacing(places.summary) as partial:
        partial.write_text(as_json(told) + "\n", encoding="utf-8")
    return told


@contextmanager
def _progress(reader: Reader, *, quiet: bool) -> Iterator[Any]:
    """A bar on a terminal; nothing anywhere else."""
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    hidden = quiet or not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as bar:
        task = bar.add_task("predicting", total=reader.size)
        yield lambda count: bar.update(task, completed=reader.position, description=f"{count:,} predicted")


def _show(told: Summary, places: Places, *, json_: bool) -> None:
    if json_:
        click.echo(as_json(told))
        return
    seconds = told.processing_time_seconds
    title = f"{told.total_transactions:,} transactions predicted by {told.model} in {seconds:.1f} s"
    levels = (told.high_risk_count, told.medium_risk_count, told.low_risk_count)
    frauds = f"{told.fraudulent_transactions:,}"
    print_table(title, ("fraud", "HIGH", "MEDIUM", "LOW"), [(frauds, *(f"{count:,}" for count in levels))])
    click.echo(f"fraud from {told.threshold:.3f} on, by {told.threshold_from}; features {told.features}")
    for reason, count in told.rejected.items():
        click.echo(f"rejected {count:,}: {reason}; see {places.rejects}")
    if told.backwards:
        click.echo(f"note: {told.backwards:,} payments are earlier than the one before them; --sort puts them in order")
    click.echo(f"saved as {places.output} and {places.summary}")
