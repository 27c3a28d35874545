"""``/dashboard/api/labels``: an analyst says what a transaction was."""

import time
from typing import Any

import msgspec
from faust import web

from fraud_stream.app import app, settings
from fraud_stream.audit import Author, Change, audited
from fraud_stream.delivery import deliver
from fraud_stream.records import Label
from fraud_stream.web.dashboard.answers import Workers, answered, told
from fraud_stream.web.dashboard.changes import Changed, LabelChange
from fraud_stream.web.dashboard.places import partition_of
from fraud_stream.web.dashboard.threads import changing
from fraud_stream.web.dashboard.workers import everyone
from fraud_stream.web.guard import author_of

#: Who says so, in the label.
SOURCE = "analyst"


@app.page("/dashboard/api/labels")
class Labels(web.View):
    """Labels."""

    async def post(self, request: Any) -> web.Response:
        """Send a label to where the customer's transactions are."""
        change = await told(request, LabelChange)
        known = known_at(await everyone(), time.time())
        label = Label(change.transaction_id, change.customer_id, change.is_fraud, known, SOURCE)
        partition, author = await partition_of(change.customer_id), author_of(request)
        await changing.run(lambda: _send(label, partition, author, change.reason))
        what = "fraud" if change.is_fraud else "genuine"
        return answered(self, Changed(f"sent: transaction {change.transaction_id} is {what}; its first label counts"))


def known_at(workers: Workers, now: float) -> float:
    """The moment of a label in the stream's time: where the past is replayed, that is long ago.

    Later than the stream it would count for nothing until the stream's time had come to it.
    """
    newest = max((one.stream_time for one in workers.workers), default=0.0)
    return min(now, newest) if newest > 0 else now


def _send(label: Label, partition: int, author: Author, reason: str) -> None:
    with audited(settings, author, Change("label", label.transaction_id, msgspec.to_builtins(label), reason)):
        deliver(settings, settings.topics.labels, label.customer_id, msgspec.json.encode(label), partition)
