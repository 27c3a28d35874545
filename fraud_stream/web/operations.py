"""All that can be asked of a worker: where, by whom, with what, and what is answered.

Whether somebody may ask is decided by this table, and ``/dashboard/api/openapi.json`` is made of it.
"""

import re
from typing import NamedTuple

from fraud_stream.access import Role
from fraud_stream.domain.described import PaymentFigures, WindowFigures
from fraud_stream.domain.transaction import Transaction
from fraud_stream.web.dashboard import answers, changes
from fraud_stream.web.predict.answers import Payments, Prediction, Predictions

_API = "/dashboard/api"
_JSON = "application/json"


class Operation(NamedTuple):
    """Something that can be asked.

    Attributes:
        method: How.
        path: Where; a part in braces may be anything.
        summary: What for.
        role: Who may, beyond the loopback at least; None for whoever can reach the worker.
        answer: What is answered: a record, one of several, or None where its form is not promised.
        query: What the query may name; None where there is none.
        body: What is sent: a record, one of several, or None; a transaction as producers write it.
        content: The type of what is answered.
        names_customers: Whether customers or devices are named, and not masked: no viewer may ask who is told neither.
    """

    method: str
    path: str
    summary: str
    role: Role | None = "viewer"
    answer: type | tuple[type, ...] | None = None
    query: type | None = None
    body: type | tuple[type, ...] | None = None
    content: str = _JSON
    names_customers: bool = False


OPERATIONS = (
    Operation("GET", f"{_API}/session", "Who asks.", None, changes.Visitor),
    Operation("POST", f"{_API}/session", "Sign in.", None, changes.Visitor, body=changes.SignIn),
    Operation("DELETE", f"{_API}/session", "Sign out.", None, changes.Visitor),
    Operation("GET", f"{_API}/alerts", "The newest alerts.", answer=answers.Alerts, query=answers.AlertQuery),
    Operation("GET", f"{_API}/alert", "One alert.", answer=answers.OneAlert, query=answers.AlertPlace),
    Operation("GET", f"{_API}/events", "Alerts as they come.", query=answers.AlertQuery, content="text/event-stream"),
    Operation(
        "GET",
        f"{_API}/customer",
        "What the tables have of a customer.",
        answer=answers.Customer,
        query=answers.CustomerPlace,
        names_customers=True,
    ),
    Operation(
        "GET",
        f"{_API}/history",
        "Decisions on a customer's transactions.",
        answer=answers.History,
        query=answers.HistoryPlace,
        names_customers=True,
    ),
    Operation(
        "POST",
        f"{_API}/labels",
        "Say what a transaction was.",
        "analyst",
        changes.Changed,
        body=changes.LabelChange,
    ),
    Operation("GET", f"{_API}/rules", "Rules, hits and lists.", answer=answers.Rules, query=answers.Nothing),
    Operation(
        "POST", f"{_API}/rules", "Add, change or delete a rule.", "admin", changes.Changed, body=changes.RuleChange
    ),
    Operation(
        "POST",
        f"{_API}/lists",
        "Put something on a list, or take it off.",
        "analyst",
        changes.Changed,
        body=changes.ListChange,
    ),
    Operation(
        "GET",
        f"{_API}/dead-letters",
        "The newest dead letters.",
        answer=answers.DeadLetters,
        query=answers.Nothing,
        names_customers=True,
    ),
    Operation(
        "POST",
        f"{_API}/dead-letters/redrive",
        "Send dead letters back.",
        "admin",
        changes.Redriven,
        body=changes.Redrive,
    ),
    Operation("GET", f"{_API}/worker", "This worker.", answer=answers.WorkerReport, query=answers.Nothing),
    Operation("GET", f"{_API}/workers", "All workers.", answer=answers.Workers, query=answers.Nothing),
    Operation("GET", f"{_API}/openapi.json", "This document."),
    Operation(
        "POST",
        "/predict",
        "What would be decided of a payment, or of up to a thousand; by its figures alone where there is more to ask "
        "than to know.",
        answer=(Prediction, Predictions),
        body=(Transaction, PaymentFigures, WindowFigures, Payments),
        names_customers=True,
    ),
    Operation("GET", "/table/", "The tables."),
    Operation("GET", "/table/{name}/", "One table.", names_customers=True),
    Operation("GET", "/table/{name}/{key}/", "A key of a table.", names_customers=True),
    Operation("GET", "/rules/", "Rules and lists as this worker has them."),
    Operation("GET", "/models/", "Champion, challenger, and who decides."),
    Operation("GET", "/quality/", "What labels tell of the scores."),
    Operation("GET", "/drift/", "What is watched for drift."),
    Operation("GET", "/metrics", "Counts and gauges for Prometheus.", content="text/plain"),
    Operation("GET", "/health", "Whether this worker gets on.", None),
)
#: What anybody may have besides: the page without what it shows.
_OPEN = re.compile(r"/dashboard/?|/dashboard/static/.*")
#: What is asked for with a slash at the end, too: probes and scrapers follow no redirection.
_SLASHED = ("/health", "/metrics")
_BY_PLACE = {(one.method, one.path): one for one in OPERATIONS}
_WITH_PARTS = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", one.path)), one) for one in OPERATIONS if "{" in one.path]
_READING = ("GET", "HEAD")


def operation_at(method: str, path: str) -> Operation:
    """What is asked with a method at a path.

    What the table does not have may be read by viewers, as Faust's own pages, and changed by admins alone.
    """
    asked = "GET" if method in _READING else method
    known = _known(asked, path.removesuffix("/") if path.startswith(_SLASHED) else path)
    if known is not None:
        return known
    is_open = asked == "GET" and _OPEN.fullmatch(path)
    return Operation(asked, path, "", None if is_open else "viewer" if asked == "GET" else "admin")


def _known(method: str, path: str) -> Operation | None:
    with_parts = (one for pattern, one in _WITH_PARTS if one.method == method and pattern.fullmatch(path))
    return _BY_PLACE.get((method, path)) or next(with_parts, None)
