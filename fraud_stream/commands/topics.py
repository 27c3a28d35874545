"""``fraud-stream topics``: make the topics that are missing and list all."""

import click

from fraud_stream.kafka import create_topics, list_topics, topic_specs
from fraud_stream.settings import Settings, load
from fraud_stream.terminal import as_json, print_table

_COLUMNS = ("topic", "partitions", "cleanup", "state")


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def topics(json_: bool) -> None:
    """Make the topics that are missing and list all.

    The list has the application's topics and its tables' changelogs, which the worker makes.
    """
    settings = load().settings
    made = create_topics(settings)
    rows = _rows(settings, set(made))
    if json_:
        click.echo(as_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows]))
    else:
        print_table(f"Topics at {settings.broker.url}", _COLUMNS, rows)


def _rows(settings: Settings, made: set[str]) -> list[tuple[str, int, str, str]]:
    there, specs = list_topics(settings), topic_specs(settings)
    rows = [
        (
            spec.name,
            there.get(spec.name, spec.partitions),  # a topic just made may not be told of at once
            "compact" if spec.compacted else "delete",
            "made now" if spec.name in made else "there",
        )
        for spec in specs
    ]
    changelogs = sorted(set(there) - {spec.name for spec in specs})
    prefix = f"{settings.app.id}-"
    return rows + [(name, there[name], "compact", "changelog") for name in changelogs if name.startswith(prefix)]
