"""``fraud-stream drift``: which drifts the stream would have told of on a file."""

from pathlib import Path

import click
import msgspec

from fraud_stream.commands.evaluate import labelled
from fraud_stream.domain.intake import Intake
from fraud_stream.evaluation.drifts import Found, drifts
from fraud_stream.evaluation.prequential import Prequential
from fraud_stream.files.mapping import load_mapping, shipped
from fraud_stream.models.drift import message
from fraud_stream.options import FiniteRange, Span, with_default, with_options
from fraud_stream.settings import load
from fraud_stream.terminal import timestamp

_OPTIONS = (
    click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    with_default("--mapping", "identity", click.STRING, f"What columns are called: {', '.join(shipped())}, or a file."),
    with_default("--label-delay", "7d", Span(), "Event time from a transaction to its label."),
    click.option(
        "--delta", type=FiniteRange(0, 1, min_open=True, max_open=True), help="ADWIN's significance.  [default: set]"
    ),
    click.option("--json", "json_", is_flag=True, help="Print JSON, one drift a line."),
)


@click.command()
@with_options(_OPTIONS)
def drift(file: Path, mapping: str, label_delay: float, delta: float | None, json_: bool) -> None:
    """Tell which drifts the stream would have found in a file of labelled payments.

    The file, JSON lines, CSV or Parquet, is gone through in order of time, as `evaluate` does: rules and model decide,
    and the model learns each label --label-delay later.

    \b
    fraud-stream drift payments.parquet --mapping handbook
    """  # noqa: D301 - click's mark for lines it must not join
    settings = load().settings
    payments = labelled(file, load_mapping(mapping), Intake(limits=settings.intake_limits))
    judged = Prequential(settings, label_delay, with_challenger=False).run(payments)
    for one in drifts(judged, label_delay, settings.model, settings.drift.delta if delta is None else delta):
        click.echo(_json(one) if json_ else f"{timestamp(one.time)}  {one.stream}  {message(one.stream, one.change)}")
    click.echo(f"looked at {len(judged.times):,} transactions and {int(judged.frauds.sum()):,} frauds", err=True)


def _json(one: Found) -> str:
    return msgspec.json.encode(one._asdict()).decode()
