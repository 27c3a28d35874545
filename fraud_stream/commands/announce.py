"""``fraud-stream announce``: have every worker score with a model that `fraud-stream train` has saved."""

from pathlib import Path

import click

from fraud_stream.announced import announce as tell
from fraud_stream.announced import read_announced
from fraud_stream.audit import Change, audited
from fraud_stream.commands.trained import model_of_file
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.kafka import create_topics
from fraud_stream.models.artifact import trees_of
from fraud_stream.models.batch import BatchModel
from fraud_stream.settings import Settings, load
from fraud_stream.terminal import as_json
from fraud_stream.user import operator


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def announce(file: Path, json_: bool) -> None:
    """Have every worker score with a saved model, as challenger.

    FILE is what `fraud-stream train --no-announce` has saved, with its figures beside it: what was judged is announced,
    byte by byte, under the next version.  Who decides stays as it is: `fraud-stream promote`.

    \b
    fraud-stream announce models/challenger-1.skops
    """  # noqa: D301 - click's mark for lines it must not join
    settings = load().settings
    create_topics(settings)
    model = model_of_file(file, read_announced(settings).next_version)
    trees_of(model, FeatureMaker(settings.feature_settings).names)  # what workers would refuse is not announced
    announce_model(settings, model)
    told = {"id": model.id, "version": model.version, "sha256": model.sha256}
    click.echo(as_json(told) if json_ else f"announced {file} as {model.id}: workers score with it")


def announce_model(settings: Settings, model: BatchModel) -> None:
    """Announce a model, and have it on record who did."""
    facts = {"learnt": model.learnt, "frauds": model.frauds, "sha256": model.sha256}
    with audited(settings, operator(), Change("announce", model.id, facts)):
        tell(settings, model)
