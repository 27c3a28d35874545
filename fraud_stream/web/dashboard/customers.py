"""``/dashboard/api/customer`` and ``/dashboard/api/history``: what is known of a customer, what was decided."""

import asyncio
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from faust import web
from faust.web.exceptions import ServiceUnavailable

from fraud_stream.app import app, settings
from fraud_stream.backwards import Found, Limits, search
from fraud_stream.records import Label, ScoredTransaction
from fraud_stream.web.dashboard.answers import Customer, CustomerPlace, History, HistoryPlace, answered, asked
from fraud_stream.web.dashboard.places import partition_of, usual_partition
from fraud_stream.web.dashboard.threads import reading
from fraud_stream.web.tables import look_up

#: Labels of a customer that are shown.
LABELS = 500
TABLES = ("customer_profile", "customer_frauds", "customer_tumbling", "customer_hopping")
T = TypeVar("T")
_scored_decoder = msgspec.json.Decoder(ScoredTransaction)
_label_decoder = msgspec.json.Decoder(Label)


@app.page("/dashboard/api/customer")
class CustomerDetail(web.View):
    """One customer."""

    async def get(self, request: web.Request) -> web.Response:
        """What the tables have, from whichever worker has it; or why that cannot be told now."""
        customer = asked(request, CustomerPlace).id
        try:
            found = await asyncio.gather(*(look_up(name, customer) for name in TABLES))
        except ServiceUnavailable as error:
            usual = usual_partition(customer, settings.topics.partitions)
            return answered(self, Customer(customer, usual, trouble=error.detail))
        return answered(self, _customer(customer, *found))


def _customer(customer: str, *found: dict[str, Any] | None) -> Customer:
    profile, frauds, tumbling, hopping = (one or {} for one in found)
    place: dict[str, Any] = next((one for one in found if one), {})
    return Customer(
        customer,
        place.get("partition", usual_partition(customer, settings.topics.partitions)),
        place.get("worker"),
        profile.get("value"),
        frauds.get("value"),
        tumbling.get("windows", []),
        hopping.get("windows", []),
    )


@app.page("/dashboard/api/history")
class CustomerHistory(web.View):
    """What was decided on a customer's transactions."""

    async def get(self, request: web.Request) -> web.Response:
        """The newest decisions and the labels, or the decisions before an offset."""
        place = asked(request, HistoryPlace)
        partition = await partition_of(place.customer)
        return answered(self, await reading.run(lambda: history(place, partition)))


def history(place: HistoryPlace, partition: int) -> History:
    """Read a customer's history backwards, as far as that may take.

    Raises:
        BrokerError: It cannot be read.
    """
    found = _search(settings.topics.scored, partition, place.customer, Limits(place.limit), place.before)
    labels = [] if place.before is not None else _labels(partition, place.customer)
    scored = list(_decoded(_scored_decoder, found.messages))
    return History(scored, labels, partition, found.read, found.before, found.back_to)


def _labels(partition: int, customer: str) -> list[Label]:
    found = _search(settings.topics.labels, partition, customer, Limits(LABELS))
    return list(_decoded(_label_decoder, found.messages))


def _search(topic: str, partition: int, customer: str, limits: Limits, before: int | None = None) -> Found:
    key = customer.encode("utf-8", "surrogatepass")
    return search(settings, (topic, partition), lambda message: message.key() == key, limits, before)


def _decoded(decoder: msgspec.json.Decoder[T], messages: Iterable[Any]) -> Iterable[T]:
    """What can be read; a record that somebody else has sent is passed over."""
    for message in messages:
        try:
            yield decoder.decode(message.value() or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
