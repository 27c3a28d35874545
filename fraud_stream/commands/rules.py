"""``fraud-stream rules``: the rules in force, and changes of them, in every worker at once."""

import time
from typing import Any, get_args

import click
import msgspec

from fraud_stream.domain.rulebook import Rulebook, RuleVersion
from fraud_stream.domain.rules import Rule, RuleError, Severity, State
from fraud_stream.options import with_options
from fraud_stream.printable import printable
from fraud_stream.settings import Settings, load
from fraud_stream.steering import announce_change, read_rulebook
from fraud_stream.terminal import as_json, print_table, timestamp
from fraud_stream.user import operator, reason_option, user_name

_COLUMNS = ("id", "state", "severity", "version", "since", "by", "when")
_FIELDS = [
    click.option("--severity", type=click.Choice(get_args(Severity)), help="How bad a hit is."),
    click.option("--state", type=click.Choice(get_args(State)), help="active alerts, shadow is only counted."),
    click.option("--description", help="What it looks for."),
    click.option("--type", help="The type its alerts carry."),
    click.option("--message", help="What its alerts say, for example '${amount:,.2f} paid, limit {limit:.0f}'."),
]


@click.group()
def rules() -> None:
    """List rules and change them, in every worker at once.

    Workers take a change within a second and need no restart.  Who changed what, when and why is recorded.  What was
    changed here counts before the rules of faust.conf.
    """


@rules.command("list")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def list_(json_: bool) -> None:
    """List the rules."""
    settings = load().settings
    book = read_rulebook(settings)
    if json_:
        click.echo(as_json({"version": book.version, "rules": book.newest, "refused": book.refusals}))
        return
    print_table(f"Rules at {settings.broker.url}", _COLUMNS, map(_row, book.newest))
    click.echo(f"\nversion {book.version}, which scored transactions and alerts name")
    for key, why in book.refusals.items():
        click.secho(f"refused: {printable(key)}: {printable(why)}", fg="yellow")


@rules.command()
@click.argument("id")
@click.option("--when", required=True, help="The condition, for example 'amount > 1000 and is_night == 1'.")
@with_options(_FIELDS)
@reason_option
def add(id: str, reason: str, **fields: Any) -> None:  # noqa: A002 - as it is called on the command line
    """Add a rule.

    `fraud-stream features` lists what a condition may name.
    """
    settings = load().settings
    book = read_rulebook(settings)
    if _is_there(book, id):
        raise RuleError(f"there is a rule {id!r} already; `fraud-stream rules set` changes it")
    _change(settings, book, Rule(id, **_given(fields)), reason)


@rules.command("set")
@click.argument("id")
@click.option("--when", help="The condition.")
@with_options(_FIELDS)
@reason_option
def set_(id: str, reason: str, **fields: Any) -> None:  # noqa: A002 - as it is called on the command line
    """Change what is given of a rule."""
    if not _given(fields):
        raise click.UsageError("nothing to change: give --when, --severity, --state or another option")
    _set(id, reason, _given(fields))


def _state_command(name: str, state: str, text: str) -> None:
    @rules.command(name, help=text)
    @click.argument("id")
    @reason_option
    def command(id: str, reason: str) -> None:  # noqa: A002 - as it is called on the command line
        _set(id, reason, {"state": state})


_state_command("activate", "active", "Have a rule alert.")
_state_command("shadow", "shadow", "Have a rule evaluated and counted, and alert nobody.")
_state_command("off", "off", "Switch a rule off.")


@rules.command()
@click.argument("id")
@reason_option
def delete(id: str, reason: str) -> None:  # noqa: A002 - as it is called on the command line
    """Delete a rule, also one of faust.conf; its history stays."""
    settings = load().settings
    book = read_rulebook(settings)
    _change(settings, book, _known(book, id), reason, is_deleted=True)


@rules.command()
@click.argument("id")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def history(id: str, json_: bool) -> None:  # noqa: A002 - as it is called on the command line
    """Show how a rule was changed, by whom and why."""
    settings = load().settings
    versions = read_rulebook(settings).history(id)
    if not versions:
        raise RuleError(f"there never was a rule {id!r}; `fraud-stream rules list` lists those that are there")
    if json_:
        click.echo(as_json({"id": id, "versions": versions}))
        return
    rows = ((*_row(version), version.reason) for version in reversed(versions))
    print_table(f"Rule {id}", (*_COLUMNS, "reason"), rows)


def _set(ident: str, reason: str, fields: dict[str, Any]) -> None:
    settings = load().settings
    book = read_rulebook(settings)
    _change(settings, book, msgspec.structs.replace(_known(book, ident), **fields), reason)


def _change(settings: Settings, book: Rulebook, rule: Rule, reason: str, *, is_deleted: bool = False) -> None:
    made = book.changed(RuleVersion(rule, time.time(), user_name(), reason, is_deleted))
    announce_change(settings, made, operator())
    what = "deleted" if is_deleted else f"{rule.state} in version {made.rule.version}"
    click.echo(f"announced to every worker: rule {rule.id!r} is {what} from now on: {rule.when}")


def _is_there(book: Rulebook, ident: str) -> bool:
    return any(rule.id == ident for rule in book.rules)


def _known(book: Rulebook, ident: str) -> Rule:
    if not _is_there(book, ident):
        there = printable(", ".join(rule.id for rule in book.rules)) or "none"
        raise RuleError(f"there is no rule {ident!r}; there are {there}")
    return book.history(ident)[-1].rule


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _row(version: RuleVersion) -> tuple[str, ...]:
    rule, state = version.rule, "deleted" if version.is_deleted else version.rule.state
    since = timestamp(version.since) if version.since else "-"
    return rule.id, state, rule.severity, str(rule.version), since, version.by, rule.when
