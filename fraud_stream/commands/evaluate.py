"""``fraud-stream evaluate``: the streaming protocol over a file, and how good each contestant is."""

import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from fraud_stream.domain.intake import Intake, Refused
from fraud_stream.domain.sliding import DAY
from fraud_stream.domain.transaction import Transaction
from fraud_stream.errors import InputFileError
from fraud_stream.evaluation.alerts import Alerted, alerted
from fraud_stream.evaluation.measures import Quality, between, quality, without_known_cards
from fraud_stream.evaluation.plots import draw
from fraud_stream.evaluation.prequential import Judged, Payment, Prequential
from fraud_stream.evaluation.published import PUBLISHED
from fraud_stream.files.mapping import FieldMapping, load_mapping, shipped
from fraud_stream.files.rows import Rows, mapped_rows
from fraud_stream.files.translation import Translated, Translator
from fraud_stream.options import Moment, Span, with_default, with_options
from fraud_stream.settings import load
from fraud_stream.terminal import as_json, print_table, timestamp

ALERT_COLUMNS = ("alerts", "precision", "recall", "F1")
COLUMNS = ("average precision", "ROC AUC", "card precision@100", "recall at 1 % FPR", "best F1")
_OPTIONS = (
    click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    with_default("--mapping", "identity", click.STRING, f"What columns are called: {', '.join(shipped())}, or a file."),
    with_default("--label-delay", "7d", Span(), "Event time from a transaction to its label."),
    click.option("--learn-from", type=Moment(), help="Models learn transactions from this event time on."),
    click.option("--from", "begin", type=Moment(), help="The test begins.  [default: after 70 % of the transactions]"),
    click.option("--to", "end", type=Moment(), help="The test ends.  [default: with the file]"),
    click.option("--without-known-cards", is_flag=True, help="Leave known compromised customers out of the test."),
    click.option("--no-challenger", is_flag=True, help="Do not refit the challenger, which takes half of the time."),
    click.option("--alerts", is_flag=True, help="Also say what the worker would have alerted, and what made it."),
    click.option("--plots", type=click.Path(file_okay=False, path_type=Path), help="Draw pictures into this folder."),
    click.option("--json", "json_", is_flag=True, help="Print JSON."),
)


class Test(NamedTuple):
    """Which transactions are the test.

    Attributes:
        begin: Its first event time, seconds since 1970.
        end: The first event time behind it.
    """

    begin: float
    end: float


@click.command()
@with_options(_OPTIONS)
def evaluate(file: Path, mapping: str, label_delay: float, learn_from: float | None, **rest: Any) -> None:
    """Judge the models on a file of labelled payments.

    The file, JSON lines, CSV or Parquet, is gone through in order of time.  Each transaction is scored before anything
    of it is learnt, and its label is learnt --label-delay later, as in life.  Features, rules and models are the
    stream's own.

    \b
    fraud-stream evaluate payments.parquet --mapping handbook --from 2018-08-08 --to 2018-08-15 --without-known-cards
    """  # noqa: D301 - click's mark for lines it must not join
    known = load_mapping(mapping)
    settings = load().settings
    payments = labelled(file, known, Intake(limits=settings.intake_limits))
    with_challenger = not rest["no_challenger"]
    whole = Prequential(settings, label_delay, learn_from or 0.0, with_challenger=with_challenger).run(payments)
    test = chosen(whole, rest["begin"], rest["end"])
    tested = _tested(whole, test, label_delay if rest["without_known_cards"] else None)
    found = {name: quality(tested, name) for name in whole.scores}
    if all(one is None for one in found.values()):
        raise InputFileError(f"{file}: the test from {timestamp(test.begin)} has not both frauds and genuine payments")
    published = {one.name: one.quality for one in PUBLISHED.get(known.name, ())} if rest["without_known_cards"] else {}
    told = alerted(tested) if rest["alerts"] else []
    _show({**found, **published}, tested, test, told, json_=rest["json_"])
    if rest["plots"]:
        for path in draw(tested, whole, rest["plots"]):
            click.echo(f"wrote {path}", err=True)


def labelled(file: Path, mapping: FieldMapping, intake: Intake) -> Iterator[Payment]:
    """The labelled transactions of a file in order of time; what the worker would refuse is left out.

    Raises:
        InputFileError: It has no labels, or is no file of transactions.
    """
    rows = mapped_rows(file, mapping, in_order=True)
    if not mapping.is_fraud:
        raise InputFileError(f"mapping {mapping.name} names no column with labels; see [label] is_fraud")
    return _with_labels(accepted(rows, mapping, intake), str(file))


def accepted(rows: Rows, mapping: FieldMapping, intake: Intake) -> Iterator[tuple[Transaction, Translated]]:
    """The transactions that rows are, and what else each row says; what the worker would refuse is left out."""
    for one in map(Translator(mapping).translate, rows):
        try:
            yield intake.read(one.value), one
        except Refused:
            continue


def _with_labels(found: Iterable[tuple[Transaction, Translated]], where: str) -> Iterator[Payment]:
    count = 0
    for transaction, row in found:
        if row.is_fraud is not None:
            count += 1
            yield Payment(transaction, row.is_fraud, row.kind or "")
    if not count:
        raise InputFileError(f"{where}: no row is a transaction with a label")


def chosen(whole: Judged, begin: float | None, end: float | None) -> Test:
    """The test that was asked for: the last 30 % unless told otherwise."""
    later = float(whole.times[int(len(whole.times) * 0.7)])
    return Test(later if begin is None else begin, math.inf if end is None else end)


def _tested(whole: Judged, test: Test, delay: float | None) -> Judged:
    if delay is None:
        return between(whole, *test)
    return without_known_cards(whole, test.begin, min(test.end, float(whole.times.max()) + 1.0), delay)


def _show(found: dict[str, Quality | None], tested: Judged, test: Test, told: list[Alerted], *, json_: bool) -> None:
    counts = {"transactions": len(tested.frauds), "frauds": int(tested.frauds.sum())}
    if json_:
        results = {name: one and one._asdict() for name, one in found.items()}
        alerts = {"alerts": [one._asdict() for one in told]} if told else {}
        click.echo(as_json({"test": {"begin": test.begin, **counts}, "contestants": results, **alerts}))
        return
    days = (float(tested.times.max()) - test.begin) / DAY
    what = f"{counts['transactions']:,} transactions, {counts['frauds']:,} frauds"
    title = f"{what}, {days:.0f} days from {timestamp(test.begin)}"
    print_table(title, ("", *COLUMNS), [(name, *_cells(one)) for name, one in found.items()])
    if told:
        rows = [(one.name, f"{one.alerts:,}", *_numbers(one[2:])) for one in told]
        print_table("What the worker would have alerted", ("", *ALERT_COLUMNS), rows)


def _cells(found: Quality | None) -> list[str]:
    return _numbers(found or itertools.repeat(math.nan, len(COLUMNS)))


def _numbers(values: Iterable[float]) -> list[str]:
    return ["-" if math.isnan(value) else f"{value:.3f}" for value in values]
