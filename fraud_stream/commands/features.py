"""``fraud-stream features``: the features a transaction is judged by, and the fields that rules may name."""

from dataclasses import asdict

import click

from fraud_stream.domain.features import feature_list
from fraud_stream.domain.rules import TEXT_FIELDS
from fraud_stream.domain.transaction import Transaction
from fraud_stream.schemas import attributes
from fraud_stream.settings import load
from fraud_stream.terminal import as_json, print_table


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def features(json_: bool) -> None:
    """List the features and fields that rules may use.

    Features are numbers; the value in the column `missing` stands where one is not known. Fields are text.
    """
    numbers = feature_list(load().settings.feature_settings)
    meanings = attributes(Transaction)
    texts = [{"name": name, "meaning": meanings[name]} for name in TEXT_FIELDS]
    if json_:
        click.echo(as_json({"features": [asdict(feature) for feature in numbers], "text_fields": texts}))
        return
    rows = [(feature.name, feature.unit, feature.meaning, f"{feature.missing:g}") for feature in numbers]
    print_table("Features, compared by > >= < <= == !=", ("name", "unit", "meaning", "missing"), rows)
    click.echo()
    print_table("Text fields, compared by == != in", ("name", "meaning"), [tuple(text.values()) for text in texts])
