"""``/dashboard/api/alerts`` and ``/dashboard/api/alert``: the newest alerts, and one."""

from itertools import islice
from typing import Any

import msgspec
from faust import web

from fraud_stream.app import app, settings
from fraud_stream.backwards import Limits, search
from fraud_stream.records import Alert, Drift, read_alert
from fraud_stream.web.dashboard.answers import AlertPlace, AlertQuery, Alerts, OneAlert, answered, asked
from fraud_stream.web.dashboard.live import live
from fraud_stream.web.dashboard.places import partition_of
from fraud_stream.web.dashboard.threads import reading
from fraud_stream.web.guard import VISITOR
from fraud_stream.web.masking import look_of


@app.page("/dashboard/api/alerts")
class NewestAlerts(web.View):
    """The newest alerts."""

    async def get(self, request: Any) -> web.Response:
        """Those that are asked for, the newest first, and where the events go on after them."""
        query = asked(request, AlertQuery)
        feed = await live.feed()
        seen = map(look_of(request[VISITOR]), feed.newest_first)
        chosen = islice(filter(query.filter.admits, seen), query.limit)
        place = feed.place(feed.last)
        return answered(self, Alerts(list(chosen), place, len(feed), feed.most, feed.trouble))


@app.page("/dashboard/api/alert")
class AlertDetail(web.View):
    """One alert."""

    async def get(self, request: Any) -> web.Response:
        """The alert, also where it is no longer held and the customer is named."""
        place, visitor = asked(request, AlertPlace), request[VISITOR]
        found = (await live.feed()).find(place.id)
        if found is None and place.customer is not None and not visitor.is_masked:
            found = await _look_back(place.id, place.customer)
        if found is None:
            raise self.NotFound(f"no alert {place.id} among those that were looked at", id=place.id)
        return answered(self, OneAlert(look_of(visitor)(found)))


async def _look_back(alert_id: str, customer: str) -> Alert | Drift | None:
    """Look for an older alert among the newest of the customer's partition."""
    partition, key = await partition_of(customer), customer.encode()
    known = alert_id.encode()
    found = await reading.run(
        lambda: search(
            settings,
            (settings.topics.alerts, partition),
            lambda message: message.key() == key and known in (message.value() or b""),
            Limits(found=20),
        )
    )
    alerts = (_read(message.value()) for message in found.messages)
    return next((one for one in alerts if one is not None and one.alert_id == alert_id), None)


def _read(value: bytes) -> Alert | Drift | None:
    try:
        return read_alert(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
