"""``/dashboard/api/openapi.json``: the OpenAPI document of all that can be asked of a worker."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from faust import web

from fraud_stream.app import app, settings
from fraud_stream.domain.transaction import Transaction
from fraud_stream.records import Alert, Drift
from fraud_stream.schemas import INCOMING, schema_components, transaction_schema
from fraud_stream.version import VERSION
from fraud_stream.web.dashboard.answers import Alerts, OneAlert
from fraud_stream.web.dashboard.changes import Failure
from fraud_stream.web.operations import OPERATIONS, Operation
from fraud_stream.web.session import COOKIE

#: The version of the specification.
OPENAPI = "3.1.0"
_REFERENCE = "#/components/schemas/{name}"
#: What a refusal means, by its status.
_OF_ALL = {
    "400": "What is asked for cannot be.",
    "401": "A token is needed, or is nobody's.",
    "403": "The role does not allow it, or a page of somebody else has asked.",
    "404": "There is no such thing.",
    "405": "That cannot be done here.",
    "421": "The worker does not answer to that name.",
    "500": "The worker has failed; its log says why.",
    "503": "It cannot be told now; ask again in a few seconds.",
}
_OF_CHANGES = {
    "408": "It came too slowly.",
    "409": "Somebody else has changed it meanwhile.",
    "413": "Too much was sent.",
    "415": "Something else than JSON was sent.",
    "422": "The rule cannot be used.",
}


def document() -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "fraud_stream",
            "version": VERSION,
            "description": "What a worker of fraud_stream tells, and what can be changed through it. On the loopback "
            "reading needs no token, and nothing does as long as nobody has one.",
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def _schemas() -> dict[str, Any]:
    named = {kind for one in OPERATIONS for part in (one.answer, one.body) for kind in _kinds(part)}
    kinds = sorted({*named, Failure, Drift} - {Transaction}, key=lambda kind: kind.__name__)
    schemas = schema_components([_TWINS.get(kind, kind) for kind in kinds], _REFERENCE)
    schemas[INCOMING] = transaction_schema(settings.fields.names, settings.intake_limits)
    for kind in _TWINS:
        schemas[kind.__name__] = _with_drifts(schemas[kind.__name__])
    return schemas


def _twin(kind: type[Any]) -> type:
    """A record with alerts of transactions alone: msgspec cannot describe two kinds of records in one place."""
    types = {Alert | Drift: Alert, list[Alert | Drift]: list[Alert]}
    fields = [(one.name, types.get(one.type, one.type)) for one in msgspec.structs.fields(kind)]
    return msgspec.defstruct(kind.__name__, fields, namespace={"__doc__": kind.__doc__})


def _with_drifts(schema: Any) -> Any:
    """The schema of such a record with drifts beside alerts again."""
    if schema == _ALERT:
        return {"anyOf": [_ALERT, {"$ref": _REFERENCE.format(name=Drift.__name__)}]}
    if isinstance(schema, dict):
        return {name: _with_drifts(value) for name, value in schema.items()}
    return schema


_ALERT = {"$ref": _REFERENCE.format(name=Alert.__name__)}
_TWINS: dict[type, type] = {kind: _twin(kind) for kind in (Alerts, OneAlert)}


def _operation(one: Operation) -> dict[str, Any]:
    text = "" if one.role is None else f"For the role {one.role} and those above it."
    body = {"requestBody": {"required": True, "content": _content("application/json", one.body)}} if one.body else {}
    return {
        "summary": one.summary,
        "description": text,
        "operationId": re.sub(r"\W+", "_", f"{one.method.lower()}{one.path}").strip("_"),
        "parameters": [*_parts(one), *_query(one)],
        **body,
        "security": [{}] if one.role is None else [{"token": []}, {"cookie": []}],
        "responses": _responses(one),
    }


def _responses(one: Operation) -> dict[str, Any]:
    refusals = {**_OF_ALL, **(_OF_CHANGES if one.body else {})}
    found = {"description": "As asked.", "content": _content(one.content, one.answer)}
    return {"200": found} | {
        status: {"description": text, "content": _content("application/json", Failure)}
        for status, text in refusals.items()
    }


def _content(kind: str, records: type | tuple[type, ...] | None) -> dict[str, Any]:
    found = [{"$ref": _REFERENCE.format(name=_name(record))} for record in _kinds(records)]
    schema = {"anyOf": found} if len(found) > 1 else found[0] if found else {}
    return {kind: {"schema": schema}}


def _kinds(records: type | tuple[type, ...] | None) -> tuple[type, ...]:
    return records if isinstance(records, tuple) else () if records is None else (records,)


def _name(record: type) -> str:
    """A transaction is sent as producers write it."""
    return INCOMING if record is Transaction else record.__name__


def _parts(one: Operation) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", one.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query(one: Operation) -> Iterator[dict[str, Any]]:
    if one.query is None:
        return
    (_, components) = msgspec.json.schema_components([one.query], ref_template=_REFERENCE)
    schema = components[one.query.__name__]
    for name, field in schema["properties"].items():
        yield {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": field}


_DOCUMENT = document()


@app.page("/dashboard/api/openapi.json")
class OpenApi(web.View):
    """The document."""

    async def get(self, request: web.Request) -> web.Response:
        """As JSON."""
        return self.json(_DOCUMENT)
