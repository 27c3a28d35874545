"""``fraud-stream topics``: make the topics that are missing and list all."""

import click

from fraud_stream.kafka import create_topics, list_topics, topic_specs
from fraud_stream.settings import Settings, load
from fraud_stream.terminal import as_json, print_table

_COLUMNS = ("topic", "partitions", "state")


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def topics(json_: bool) -> None:
    """Make the topics that are missing and list all.

    The list has the application's topics and those that its workers make for themselves, such as changelogs.
    """
    settings = load().settings
    made = create_topics(settings)
    rows = _rows(settings, set(made))
    if json_:
        click.echo(as_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows]))
    else:
        print_table(f"Topics at {settings.broker.url}", _COLUMNS, rows)


def _rows(settings: Settings, made: set[str]) -> list[tuple[str, int, str]]:
    there, prefix = list_topics(settings), f"{settings.app.id}-"
    ours = {spec.name: there.get(spec.name, spec.partitions) for spec in topic_specs(settings)}  # new ones may lack yet
    workers = sorted(name for name in there if name.startswith(prefix) and name not in ours)
    return [
        *((name, count, "made now" if name in made else "there") for name, count in ours.items()),
        *((name, there[name], "the worker's") for name in workers),
    ]
