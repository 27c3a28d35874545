"""What travels on the topics, and its JSON Schemas."""

import inspect
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec

from fraud_stream.domain.decision import Verdict
from fraud_stream.domain.intake import ALIASES, FIRST_MILLISECOND, LONGEST_ID, LONGEST_TEXT, YEAR_2000, Limits
from fraud_stream.domain.outcomes import History, Outcomes
from fraud_stream.domain.packed import Doubles, Longs
from fraud_stream.domain.transaction import REQUIRED, Transaction
from fraud_stream.models.state import ModelState

__all__ = [
    "Alert",
    "DeadLetter",
    "Label",
    "Labelled",
    "MerchantRisk",
    "ModelState",
    "Reason",
    "ScoredTransaction",
    "Transaction",
    "Verdict",
    "alert_id",
    "attributes",
    "json_schemas",
    "schema_components",
    "transaction_schema",
]

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]


class Label(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became known of a transaction: a chargeback, an analyst's word, the generator's truth.

    Attributes:
        transaction_id: The transaction.
        customer_id: Its customer; also the Kafka key.
        is_fraud: Whether it was fraud.
        labelled_at: When this became known, event time in seconds since 1970.
        source: Who says so, for example ``chargeback``, ``analyst``, ``generator``.
        kind: What kind of fraud it was, where that is known.
    """

    transaction_id: Identifier
    customer_id: Identifier
    is_fraud: bool
    labelled_at: float
    source: str
    kind: str | None = None


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that spoke for an alert.

    Attributes:
        source: ``rule`` or ``model``.
        name: The rule's id, or ``model``.
        feature: What was looked at.
        value: The value seen.
        operator: How it was compared (rules).
        limit: What it was compared with (rules).
        contribution: How much it added to the log odds of fraud (model).
    """

    source: Literal["rule", "model"]
    name: str
    feature: str
    value: float | str | None
    operator: str | None = None
    limit: float | str | list[str] | None = None
    contribution: float | None = None


class Alert(msgspec.Struct, frozen=True):
    """A transaction that looks like fraud, and why.

    Attributes:
        alert_id: A function of the transaction id: a replay repeats it and never invents another.
        transaction_id: The transaction.
        customer_id: Its customer; also the Kafka key.
        event_time: When it was made.
        detected_at: When it was decided.
        amount: Its amount.
        severity: ``LOW``, ``MEDIUM``, ``HIGH`` or ``CRITICAL``.
        type: The type of the strongest rule that hit, or ``MODEL``.
        risk_score: How risky it is, 0 to 1.
        verdict: What to do: ``review`` or ``block``.
        message: One sentence for people.
        reasons: All that spoke for it.
        model_version: The model that scored it.
        rules_version: The rules it was checked against.
    """

    alert_id: str
    transaction_id: str
    customer_id: str
    event_time: datetime
    detected_at: datetime
    amount: float
    severity: Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
    type: str
    risk_score: Probability
    verdict: Literal["review", "block"]
    message: str
    reasons: list[Reason]
    model_version: str
    rules_version: str


class ScoredTransaction(msgspec.Struct, frozen=True, gc=False):
    """A transaction, its features and what was decided: the audit trail and the training data.

    Attributes:
        transaction: The transaction as it was understood.
        features: Every feature by its name.
        score: The model's probability of fraud; null while the model has learnt too little to be asked.
        risk_score: How risky it is, rules included, 0 to 1.
        verdict: ``accept``, ``review`` or ``block``.
        alert_id: Its alert; null where there is none.
        rules: Ids of the active rules that hit.
        shadow_rules: Ids of the shadow rules that hit.
        reasons: All that spoke for the alert; empty where there is none.
        model_version: The model that scored it.
        rules_version: The rules it was checked against.
        is_late: Whether it came too late for its windows.
        partition: Partition of `transactions` it was read from.
        offset: Its offset there.
        decided_at: When it was decided, seconds since 1970.
        latency: Seconds from the broker's timestamp to the decision.
    """

    transaction: Transaction
    features: dict[str, float]
    score: float | None
    risk_score: float
    verdict: Verdict
    alert_id: str | None
    rules: list[str]
    shadow_rules: list[str]
    reasons: list[Reason]
    model_version: str
    rules_version: str
    is_late: bool
    partition: int
    offset: int
    decided_at: float
    latency: float


class DeadLetter(msgspec.Struct, frozen=True):
    """Why a record could not be processed: the headers of a dead letter, whose key and value are the record's own.

    Attributes:
        reason: One of the fixed reasons.
        detail: What exactly was wrong.
        topic: The topic it came from.
        partition: Its partition there.
        offset: Its offset there.
        time: When it was refused, seconds since 1970.
    """

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    time: float

    def headers(self) -> list[tuple[str, bytes]]:
        """As Kafka headers, each ``fraud-stream-…``."""
        return [(f"fraud-stream-{name}", str(value).encode()) for name, value in msgspec.structs.asdict(self).items()]

    @classmethod
    def from_headers(cls, headers: Any) -> "DeadLetter":
        """The description that headers carry.

        Raises:
            msgspec.ValidationError: They carry none.
        """
        prefix = "fraud-stream-"
        values = {name.removeprefix(prefix): (value or b"").decode(errors="replace") for name, value in headers or ()}
        return msgspec.convert(values, cls, strict=False)


class Labelled(msgspec.Struct, frozen=True, gc=False):
    """A scored transaction joined with its label.

    Attributes:
        transaction_id: The transaction.
        customer_id: Its customer.
        timestamp: Its event time, seconds since 1970.
        amount: Its amount.
        is_fraud: The label.
        labelled_at: When the label became known, seconds since 1970.
        source: Who said so.
        kind: What kind of fraud it was, where that is known.
        score: What the model had said; null where it was not asked.
        risk_score: How risky it was found, 0 to 1.
        verdict: What had been decided.
        model_version: The model that had scored it.
        features: The features it was scored with, in the order of the feature list: 64-bit floats, little-endian, one
            after the other, in Base64.
        features_version: Which feature list that is.
        origin: Topic and partition whose record completed the join, for example ``labels-3``.
        offset: That record's offset: with `origin` it recognises a repeated join.
        merchant_id: Where it was paid.
    """

    transaction_id: str
    customer_id: str
    timestamp: float
    amount: float
    is_fraud: bool
    labelled_at: float
    source: str
    kind: str | None
    score: float | None
    risk_score: float
    verdict: Verdict
    model_version: str
    features: bytes
    features_version: str
    origin: str
    offset: int
    merchant_id: str | None = None


class MerchantRisk(msgspec.Struct, frozen=True):
    """What labels have told of a merchant's payments, counted up by the moments at which they became known.

    Attributes:
        merchant_id: The merchant; also the Kafka key.
        noted: How many labels were noted: of two records of a merchant the larger is the newer.
        seen: For each origin of labelled transactions the newest offset noted.
        times: The moments, seconds since 1970, ascending.
        labels: How many labels were known at each, in all.
        frauds: The frauds among them.
    """

    merchant_id: str
    noted: int
    seen: dict[str, int]
    times: list[float]
    labels: list[int]
    frauds: list[int]

    @classmethod
    def of(cls, merchant_id: str, history: History) -> "MerchantRisk":
        """The record of a history."""
        outcomes = history.outcomes
        lists = outcomes.times.tolist(), outcomes.labels.tolist(), outcomes.frauds.tolist()
        return cls(merchant_id, history.noted, history.seen, *lists)

    def history(self) -> History:
        """The history in the record.

        Raises:
            ValueError: Its lists differ in length, or do not ascend.
        """
        for numbers in (self.times, self.labels, self.frauds):
            if len(numbers) != len(self.times) or any(one > other for one, other in pairwise(numbers)):
                raise ValueError(f"the numbers of merchant {self.merchant_id!r} do not ascend together")
        outcomes = Outcomes(Doubles.of(self.times), Longs.of(self.labels), Longs.of(self.frauds))
        return History(self.noted, dict(self.seen), outcomes)


def alert_id(transaction_id: str) -> str:
    """The id of the alert of a transaction.

    >>> alert_id("TXN-1")
    'ALERT-307639fe532c5541'
    """
    return "ALERT-" + blake2b(transaction_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each record, by its name."""
    kinds = (Transaction, Label, Alert, ScoredTransaction, DeadLetter, Labelled, ModelState, MerchantRisk)
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
