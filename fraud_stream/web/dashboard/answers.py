"""What the page is answered, and how it asks."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import msgspec
from aiohttp.web import HTTPRequestEntityTooLarge, HTTPRequestTimeout
from faust import web
from faust.web.exceptions import WebError

from fraud_stream.alert_filter import AlertFilter
from fraud_stream.domain.decision import Verdict
from fraud_stream.domain.listing import Listed
from fraud_stream.domain.rulebook import RuleVersion
from fraud_stream.domain.rules import Rule, Severity
from fraud_stream.records import Alert, Drift, Label, Probability, ScoredTransaction

T = TypeVar("T")
#: Bytes of what is sent.
MOST_BYTES = 2**20
#: Seconds that it may take.
PATIENCE = 10.0
Offset = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class AlertQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which alerts are asked for.

    Attributes:
        severity: At least so severe.
        type: Of this type.
        customer: Of this customer.
        verdict: With this verdict.
        min_score: With at least this risk, 0 to 1.
        rule: With this rule among the reasons.
        limit: At most so many, the newest.
        after: Those that came after this place of the sequence; see `Feed`.
    """

    severity: Severity | None = None
    type: str | None = None
    customer: str | None = None
    verdict: Verdict | None = None
    min_score: Probability | None = None
    rule: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=2_000)] = 200
    after: str | None = None

    @property
    def filter(self) -> AlertFilter:
        """What the alerts must be."""
        return AlertFilter(self.severity, self.type, self.customer, self.verdict, self.min_score, self.rule)


class AlertPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which alert is asked for; its customer tells where to look for one that is no longer held."""

    id: str
    customer: str | None = None


class CustomerPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which customer is asked for."""

    id: str


class HistoryPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a customer's history is asked for: what comes before an offset, or the newest."""

    customer: str
    before: Offset | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing can be asked for."""


class Alerts(msgspec.Struct, frozen=True):
    """Alerts, the newest first.

    Attributes:
        alerts: They themselves.
        after: The place of the newest in the sequence: what comes next comes after it.
        held: How many alerts are held, whatever was asked for.
        most: How many are held at most.
        trouble: Why no more may come; None where all is well.
    """

    alerts: list[Alert | Drift]
    after: str
    held: int
    most: int
    trouble: str | None


class OneAlert(msgspec.Struct, frozen=True):
    """One alert."""

    alert: Alert | Drift


class Customer(msgspec.Struct, frozen=True):
    """What the tables have of a customer.

    Attributes:
        customer_id: The customer.
        worker: The address of the worker that has it; None where none has, or that cannot be told.
        partition: The partition of the customer.
        profile: As under ``/table/customer_profile/``; likewise the others.
        frauds: The frauds that are known.
        tumbling: The tumbling windows.
        hopping: The hopping windows.
        trouble: Why nothing can be told now; None where all is well.
    """

    customer_id: str
    partition: int
    worker: str | None = None
    profile: dict[str, Any] | None = None
    frauds: dict[str, Any] | None = None
    tumbling: list[dict[str, Any]] = []
    hopping: list[dict[str, Any]] = []
    trouble: str | None = None


class History(msgspec.Struct, frozen=True):
    """Decisions on a customer's transactions, the newest first.

    Attributes:
        scored: The decisions.
        labels: What became known of the customer's transactions, the newest first; with the newest decisions only.
        partition: The partition that was searched.
        read: How many records of it were read.
        before: There may be more before this offset of `scored`; None where all was searched.
        back_to: How far back was searched, by the broker's time in seconds.
    """

    scored: list[ScoredTransaction]
    labels: list[Label]
    partition: int
    read: int
    before: int | None
    back_to: float | None


class Count(msgspec.Struct, frozen=True):
    """A number, and the values of the labels that tell it from others of its name."""

    labels: list[str]
    value: float


class Counted(msgspec.Struct, frozen=True):
    """What is counted under one name, as in ``/metrics``."""

    help: str
    labels: list[str]
    counts: list[Count]

    @property
    def total(self) -> float:
        """All together."""
        return sum(count.value for count in self.counts)


class WorkerReport(msgspec.Struct, frozen=True):
    """One worker.

    Attributes:
        url: Its address.
        phase: What it is doing.
        ready: Whether it processes transactions.
        started: Since when it counts, seconds since 1970.
        partitions: The partitions of `transactions` that it processes.
        lag: Records that it has still to process, by topic.
        counters: What it has counted since it started, by name.
        drift: The streams that it watches for drift, by name: as under ``/drift/``.
        stream_time: The newest event time that it has seen, seconds since 1970; 0 before the first.
    """

    url: str
    phase: str
    ready: bool
    started: float
    partitions: list[int]
    lag: dict[str, int]
    counters: dict[str, Counted]
    drift: dict[str, Any]
    stream_time: float = 0.0


class Workers(msgspec.Struct, frozen=True):
    """All workers.

    Attributes:
        workers: What each says.
        silent: The addresses of those that did not answer: their counts are missing below.
        counters: What they have counted since each started, together.
    """

    workers: list[WorkerReport]
    silent: list[str]
    counters: dict[str, Counted]


class RuleReport(msgspec.Struct, frozen=True):
    """A rule, and how often it hit since the workers started.

    Attributes:
        rule: The rule.
        hits: How often.
        changed: Since when, by whom and why it is so; by ``settings`` where it is from there.
    """

    rule: Rule
    hits: float
    changed: RuleVersion


class Rules(msgspec.Struct, frozen=True):
    """The rules in force.

    Attributes:
        rules: Those of the settings first.
        version: What alerts and scored transactions call them.
        lists: What is allowed, denied or snoozed.
        scored: Transactions decided since the workers started.
        since: When the first of the workers started, seconds since 1970.
        silent: The addresses of workers that did not answer: their hits are missing.
    """

    rules: list[RuleReport]
    version: str
    lists: list[Listed]
    scored: float
    since: float | None
    silent: list[str]


class DeadLetterReport(msgspec.Struct, frozen=True):
    """A dead letter.

    Attributes:
        at: Where it lies: PARTITION:OFFSET.
        state: ``waiting``, ``redriven`` or ``foreign``.
        reason: Why it could not be processed; None where it is foreign, as are the next four.
        detail: What exactly was wrong.
        origin: Where it came from: TOPIC PARTITION:OFFSET.
        time: When it was refused, seconds since 1970.
        key: Its key, of bytes that are no text the escapes.
        value: The beginning of its value, likewise.
        size: The bytes of its value.
    """

    at: str
    state: str
    reason: str | None
    detail: str | None
    origin: str | None
    time: float | None
    key: str | None
    value: str | None
    size: int


class DeadLetters(msgspec.Struct, frozen=True):
    """The newest dead letters, the newest first; `counts` are of all workers since they started, by reason."""

    letters: list[DeadLetterReport]
    counts: dict[str, float]
    silent: list[str]


class BadQueryError(WebError):
    """What was asked for cannot be."""

    code = HTTPStatus.BAD_REQUEST


def asked(request: web.Request, kind: type[T]) -> T:
    """What a request asks for.

    Raises:
        BadQueryError: Something in it is unknown or wrong.
    """
    query: Any = request.query  # of aiohttp's request
    try:
        "".join((*query.keys(), *query.values())).encode()
        return msgspec.convert(dict(query), kind, strict=False)
    except UnicodeEncodeError:  # half a pair of surrogates, which can be written nowhere
        raise BadQueryError("this cannot be asked for: it is no text") from None
    except msgspec.ValidationError as error:
        raise BadQueryError(f"this cannot be asked for: {error}") from None


async def told(request: Any, kind: type[T], most: int = MOST_BYTES) -> T:
    """What a request sends, in `most` bytes.

    Raises:
        BadQueryError: It is no JSON, or something in it is unknown or wrong.
        web.HTTPException: It is too much, or comes too slowly.
    """
    try:
        found = msgspec.json.decode(await body_of(request, most), type=kind)
        msgspec.json.encode(found)  # half a pair of surrogates can be written nowhere
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadQueryError(f"this cannot be done: {error}") from None
    return found


async def body_of(request: Any, most: int = MOST_BYTES) -> bytes:
    """The body of a request.

    Raises:
        web.HTTPException: It has more bytes, or comes too slowly.
    """
    if request.content.is_eof():  # mostly it has come with the head; then there is nothing to wait for
        whole: bytes = request.content.read_nowait()
        _check_size(whole, most)
        return whole
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for part in request.content.iter_any():
                body += part
                _check_size(body, most)
    except TimeoutError:
        raise HTTPRequestTimeout(text=f"what is sent must come within {PATIENCE:.0f} s") from None
    return bytes(body)


def _check_size(body: bytes | bytearray, most: int) -> None:
    if len(body) > most:
        raise HTTPRequestEntityTooLarge(most, len(body), text=f"too much was sent; at most {most:,} bytes are read")


def answered(view: web.View, answer: msgspec.Struct) -> web.Response:
    """An answer as JSON."""
    return view.bytes(msgspec.json.encode(answer), headers={"Content-Type": "application/json; charset=utf-8"})
