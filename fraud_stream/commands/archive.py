"""``fraud-stream archive``: the topic `scored` to Parquet files, by day, each transaction once."""

from pathlib import Path

import click

from fraud_stream.archive.layout import opened, scored_files
from fraud_stream.archive.write import write
from fraud_stream.retention import ADVICE, Gone
from fraud_stream.settings import load
from fraud_stream.terminal import as_json


@click.command()
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of the archive.  [default: archive in [store] datadir]",
)
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def archive(folder: Path | None, json_: bool) -> None:
    """Write what was scored to Parquet files, by day: what is new on the topics `scored` and `labels`.

    It goes on where it has stopped, or was killed: each transaction is there once.  `fraud-stream backtest --from` and
    `fraud-stream train --input` read the folder; so does whatever reads Parquet.

    \b
    fraud-stream archive --to history
    fraud-stream backtest "amount > 500" --from history
    """  # noqa: D301 - click's mark for lines it must not join
    settings, lost = load().settings, list[Gone]()

    def tell_lost(one: Gone) -> None:
        lost.append(one)
        click.echo(f"warning: {one}: {ADVICE}", err=True)  # at once: the next run knows nothing of it

    with opened(folder or settings.store.datadir / "archive") as there:
        found = write(settings, there, lambda count: click.echo(f"{count:,} records", err=True), tell_lost)
    if json_:
        click.echo(as_json({**found._asdict(), "lost": [one._asdict() for one in lost], "folder": there.folder}))
        return
    for why, count in found.left_out.items():
        click.echo(f"left out {count:,} {why}", err=True)
    days = len({path.parent for path in scored_files(there.folder)})
    click.echo(f"{found.scored:,} scored transactions and {found.labels:,} labels added to {there.folder}: {days} days")
