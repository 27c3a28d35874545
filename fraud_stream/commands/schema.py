"""``fraud-stream schema``: what travels on the topics, for programs to read."""

from typing import Any, TextIO

import click

from fraud_stream.asyncapi import document
from fraud_stream.schemas import json_schemas, transaction_schema
from fraud_stream.settings import Settings, load
from fraud_stream.terminal import as_json


@click.command()
@click.argument("record", required=False)
@click.option("--asyncapi", is_flag=True, help="Print the AsyncAPI 3 document of all topics instead.")
@click.option("--output", type=click.File("w", "utf-8", lazy=True), default="-", help="Write to this file.")
def schema(record: str | None, asyncapi: bool, output: TextIO) -> None:
    """Print the JSON Schemas or the AsyncAPI document.

    Without --asyncapi: the schemas of all records, or that of one RECORD. Transaction is what producers may write,
    with the names of the section [fields] and within [limits].
    """
    if asyncapi and record:
        raise click.UsageError("--asyncapi describes all records; leave RECORD out")
    settings = load().settings
    found = document(settings) if asyncapi else _schemas(settings)
    click.echo(as_json(_one(found, record) if record else found), file=output)


def _schemas(settings: Settings) -> dict[str, Any]:
    return {**json_schemas(), "Transaction": transaction_schema(settings.fields.names, settings.intake_limits)}


def _one(schemas: dict[str, Any], record: str) -> Any:
    names = {name.lower(): name for name in schemas}
    if record.lower() not in names:
        raise click.BadParameter(f"there is no {record!r}; there are {', '.join(schemas)}", param_hint="RECORD")
    return schemas[names[record.lower()]]
