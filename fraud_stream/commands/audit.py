"""``fraud-stream audit``: who changed what, when, how and why."""

from collections import deque
from typing import get_args

import click

from fraud_stream.audit import read_audit
from fraud_stream.records import AuditAction, AuditEntry
from fraud_stream.settings import load
from fraud_stream.terminal import as_json, print_table, timestamp


@click.command()
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="So many, the newest ones."
)
@click.option("--action", type=click.Choice(get_args(AuditAction)), help="Only changes of this kind.")
@click.option("--by", help="Only by this person.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def audit(limit: int, action: str | None, by: str | None, json_: bool) -> None:
    """Show who changed what, when, how and why, the newest last.

    Changes on the page and by commands are recorded before they are made; one that failed is recorded once more.
    """
    settings = load().settings
    wanted = (one for one in read_audit(settings) if action in (None, one.action) and by in (None, one.by))
    newest = list(deque(wanted, maxlen=limit))
    if json_:
        click.echo(as_json(newest))
        return
    columns = ("at", "by", "how", "what", "of", "reason", "failed")
    print_table(f"Changes at {settings.broker.url}", columns, map(_row, newest))


def _row(one: AuditEntry) -> tuple[str, ...]:
    how = one.via if one.role is None else f"{one.via}, {one.role}"
    return timestamp(one.at), one.by, how, one.action, one.target, one.reason, one.failure or ""
