"""``fraud-stream config``: every setting in force, and where it came from."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import click
import msgspec
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from fraud_stream.sections import parse_duration
from fraud_stream.settings import SECTIONS, Loaded, load
from fraud_stream.terminal import as_json, print_table

#: What is shown of a secret that is set.
MASK = "********"
DEFAULT = "default"
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"), (1.0, "s"))


class Entry(NamedTuple):
    """One setting: its value for programs and for people, and where that came from."""

    section: str
    key: str
    value: Any
    text: str
    source: str


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON; lengths of time are in seconds.")
def config(json_: bool) -> None:
    """Show every setting in force and where it came from.

    A value comes from faust.conf, from the environment over it, or is the default. Secrets are never shown.
    """
    loaded = load()
    if json_:
        click.echo(as_json(_document(loaded)))
        return
    for section in SECTIONS:
        rows = [(entry.key, entry.text, entry.source) for entry in entries(loaded) if entry.section == section]
        print_table(f"[{section}]", ("setting", "value", "from"), rows)
        click.echo()
    rules = [(rule.id, rule.state, rule.severity, rule.version, rule.when) for rule in loaded.settings.rules]
    print_table("Rules", ("id", "state", "severity", "version", "when"), rows=rules)


def entries(loaded: Loaded) -> Iterator[Entry]:
    """Every setting, section by section."""
    for section in SECTIONS:
        values = getattr(loaded.settings, section)
        for key, field in type(values).model_fields.items():
            value = _masked(getattr(values, key))
            yield Entry(section, key, value, _text(field, value), loaded.sources.get((section, key), DEFAULT))


def duration(seconds: float) -> str:
    """A length of time as it is written in the file.

    >>> duration(0.1), duration(90.0), duration(3600.0)
    ('100ms', '90s', '1h')
    """
    for unit, letter in _UNITS:
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds / unit:.0f}{letter}"
    return f"{seconds * 1_000:g}ms"


def _masked(value: Any) -> Any:
    return MASK if isinstance(value, SecretStr) else value


def _text(field: FieldInfo, value: Any) -> str:
    if value is None:
        return "-"
    if any(getattr(check, "func", None) is parse_duration for check in field.metadata):
        return duration(value)
    return ", ".join(value) if isinstance(value, list) else str(value)


def _document(loaded: Loaded) -> dict[str, Any]:
    settings: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for entry in entries(loaded):
        settings[entry.section][entry.key] = {"value": entry.value, "source": entry.source}
    return {"settings": settings, "rules": [msgspec.structs.asdict(rule) for rule in loaded.settings.rules]}
