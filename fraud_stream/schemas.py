"""The JSON Schemas of what travels on the topics, made of the records and their docstrings."""

import inspect
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec

from fraud_stream.domain.intake import ALIASES, FIRST_MILLISECOND, LONGEST_ID, LONGEST_TEXT, YEAR_2000, Limits
from fraud_stream.domain.transaction import REQUIRED, Transaction
from fraud_stream.records import (
    Alert,
    AuditEntry,
    BatchModel,
    DeadLetter,
    Drift,
    EvaluationDay,
    Label,
    Labelled,
    Listed,
    MerchantRisk,
    ModelState,
    Promotions,
    RuleVersion,
    ScoredTransaction,
    Summary,
    Traffic,
)

#: The name of what producers write; `Transaction` is what the worker understood of it.
INCOMING = "IncomingTransaction"


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each record, by its name."""
    kinds = (
        Transaction,
        Label,
        Alert,
        Drift,
        ScoredTransaction,
        DeadLetter,
        Labelled,
        ModelState,
        BatchModel,
        Promotions,
        EvaluationDay,
        Traffic,
        MerchantRisk,
        RuleVersion,
        Listed,
        Summary,
        AuditEntry,
    )
    schemas = {kind.__name__: _schema(kind) for kind in kinds}
    _describe_input(schemas["Transaction"])
    return schemas


def schema_components(kinds: Iterable[type], ref_template: str) -> dict[str, dict[str, Any]]:
    """The JSON Schemas of `kinds` and of the records inside them, by name.

    Args:
        kinds: The records.
        ref_template: Where one refers to another, for example ``#/$defs/{name}``.
    """
    kinds = tuple(kinds)
    _, components = msgspec.json.schema_components(kinds, ref_template=ref_template)
    for body in components.values():
        _describe(body)
    for kind in kinds:
        _mark_times(kind, components[kind.__name__])
    return components


def transaction_schema(names: Mapping[str, str] | None = None, limits: Limits | None = None) -> dict[str, Any]:
    """The JSON Schema of a transaction as producers may write it, which is all that `Intake` reads.

    What no schema can say remains: which texts are times, and how far ahead of now one may lie.

    Args:
        names: The producers' name of each field that they name otherwise.
        limits: What is still believed.
    """
    schema = _schema(Transaction)
    _describe_input(schema, names or {}, limits or _LIMITS)
    return schema


def attributes(kind: type) -> dict[str, str]:
    """What the docstring of a record says of each of its fields.

    >>> attributes(Label)["labelled_at"]
    'When this became known, event time in seconds since 1970.'
    """
    return _documented(kind.__doc__ or "")[1]


def _schema(kind: type) -> dict[str, Any]:
    components = schema_components((kind,), "#/$defs/{name}")
    body = components.pop(kind.__name__)
    inner = {"$defs": components} if components else {}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **body, **inner}


def _describe(body: dict[str, Any]) -> None:
    body["description"], meanings = _documented(body["description"])
    for name, meaning in meanings.items():
        body["properties"][name]["description"] = meaning


def _documented(docstring: str) -> tuple[str, dict[str, str]]:
    """The first paragraph of a docstring, and what its section Attributes says of each."""
    first, _, rest = inspect.cleandoc(docstring).partition("\n\n")
    section = rest.partition("Attributes:\n")[2].partition("\n\n")[0]
    found = re.finditer(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return " ".join(first.split()), {entry[1]: " ".join(entry[2].split()) for entry in found}


def _mark_times(kind: type, body: dict[str, Any]) -> None:
    for field in msgspec.structs.fields(kind):
        if field.type is datetime:
            body["properties"][field.encode_name]["format"] = "date-time"


_LIMITS = Limits()
#: A number as text, and not below zero: the digits before an exponent decide that.
_NUMERIC = r"^\s*(?!-[0_.]*[1-9])[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)([eE][+-]?\d+(_\d+)*)?\s*$"
#: Seconds since 1970, and milliseconds: neither before 2000.
_INSTANTS = (
    {"type": "number", "minimum": YEAR_2000, "exclusiveMaximum": FIRST_MILLISECOND},
    {"type": "number", "minimum": YEAR_2000 * 1_000},
)
_LOOSE_TEXT = {"type": ["string", "integer", "null"]}
_INPUT_MEANINGS = {
    "timestamp": "Event time: seconds or milliseconds since 1970, or ISO 8601; without a zone it is UTC.",
    "amount": "In the currency's unit, 0 or more; a number, or a number as text.",
}


def _describe_input(
    schema: dict[str, Any], names: Mapping[str, str] = MappingProxyType({}), limits: Limits = _LIMITS
) -> None:
    """The transaction as producers may write it: other names, other forms of time, numbers as text."""
    meanings = {field: body["description"] for field, body in schema["properties"].items()} | _INPUT_MEANINGS
    schema.update(description="One payment, as producers may write it.", properties={}, required=[], allOf=[])
    for field, meaning in meanings.items():
        wire = (names[field],) if field in names else (field, *ALIASES.get(field, ()))
        _add_field(schema, wire, _input_forms(field, limits), required=field in REQUIRED)
        schema["properties"][wire[0]]["description"] = meaning


def _input_forms(field: str, limits: Limits) -> dict[str, Any]:
    if field == "timestamp":
        return {"anyOf": [*_INSTANTS, {"type": "string", "minLength": 1}]}
    if field == "amount":
        number = {"type": "number", "minimum": 0, "maximum": limits.max_amount}
        return {"anyOf": [number, {"type": "string", "pattern": _NUMERIC}]}
    if field in REQUIRED:
        return {"type": ["string", "integer"], "minLength": 1, "maxLength": LONGEST_ID}
    return {**_LOOSE_TEXT, "maxLength": LONGEST_TEXT}


def _add_field(schema: dict[str, Any], wire: tuple[str, ...], forms: dict[str, Any], *, required: bool) -> None:
    """Add a field under its names: each is read where those before it are missing or null."""
    name, *aliases = wire
    schema["properties"][name] = {**forms, **(_LOOSE_TEXT if aliases else {})}
    for before, alias in enumerate(aliases, 1):
        missing = {"properties": {other: {"type": "null"} for other in wire[:before]}}
        schema["properties"][alias] = {**_LOOSE_TEXT, "description": f"Read as {name} where that is missing."}
        schema["allOf"].append({"if": missing, "then": {"properties": {alias: {**forms, **_LOOSE_TEXT}}}})
    if required and aliases:
        schema["allOf"].append({"anyOf": [_given(other) for other in wire]})
    elif required:
        schema["required"].append(name)


def _given(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
