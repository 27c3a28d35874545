"""``POST /predict``: payments are answered by the worker that has their customers."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from faust import web

from agents.preview import Previewed, preview_figures
from fraud_stream.app import app, settings
from fraud_stream.domain.decision import RISK_LEVELS
from fraud_stream.domain.transaction import Transaction
from fraud_stream.web.dashboard.answers import BadQueryError, answered, body_of
from fraud_stream.web.dashboard.places import usual_partition
from fraud_stream.web.predict.answers import Answer, Prediction, Predictions
from fraud_stream.web.predict.courier import PATH, Courier
from fraud_stream.web.predict.desk import Desk
from fraud_stream.web.predict.forms import Asked, read
from fraud_stream.web.tables import FORWARDED, active_partitions, check_ready, owners
from tables.customer_profile import customer_profile

#: Bytes of a request: a thousand payments of four kilobytes.
MOST_BYTES = 4 * 2**20
_TRY_IT = "dashboard/#/predict"
_MOVING = "this customer is being moved to another worker; ask again in a few seconds"
desk = Desk()
courier = Courier()


@app.page(PATH)
class Predict(web.View):
    """What would be decided of payments."""

    async def get(self, request: web.Request) -> web.Response:
        """Send people to the page to try it on."""
        return self.text(f"the page to try it on is at {_TRY_IT}", status=308, headers={"Location": _TRY_IT})

    async def post(self, request: Any) -> web.Response:
        """Answer one payment, or up to a thousand."""
        check_ready()
        app.give_way()
        payments, are_many = read(await body_of(request, MOST_BYTES))
        is_forwarded = FORWARDED in request.headers
        if are_many:
            found = await asyncio.gather(*(answer(one, is_forwarded=is_forwarded) for one in payments))
            return answered(self, Predictions(list(found)))
        only = await answer(payments[0], is_forwarded=is_forwarded)
        if only.prediction is None:
            raise BadQueryError(f"this cannot be answered: {only.error}")
        return answered(self, only.prediction)


async def answer(one: Asked, *, is_forwarded: bool) -> Answer:
    """The answer for a payment; for a customer whom another worker has, by that one."""
    if one.what is None:
        return Answer(error=one.error)
    if not isinstance(one.what, Transaction):
        return Answer(predicted(preview_figures([one.what])[0]))
    mine = active_partitions(customer_profile)
    partition, is_known = _place(one.what.customer_id, mine)
    if partition in mine:
        return _answer(one.what, await desk.ask(one.what, partition), is_known=is_known)
    owner = None if is_forwarded else _owner(partition)
    return Answer(error=_MOVING) if owner is None else await courier.ask(owner, one.raw)


def _answer(tx: Transaction, found: Previewed | None, *, is_known: bool) -> Answer:
    if found is None:
        return Answer(error=f"transaction {tx.transaction_id} was decided already, and would be ignored as a duplicate")
    identity = {"transaction_id": tx.transaction_id, "customer_id": tx.customer_id, "is_known_customer": is_known}
    return Answer(msgspec.structs.replace(predicted(found), **identity))


def _place(customer: str, mine: Iterable[int]) -> tuple[int, bool]:
    """The partition of a customer, and whether they are known in one of `mine`."""
    for partition in mine:
        if customer_profile.partition(partition).get(customer) is not None:
            return partition, True
    return usual_partition(customer, settings.topics.partitions), False


def _owner(partition: int) -> str | None:
    """The other worker that has a partition; None where nobody is known to."""
    found = owners(customer_profile)
    url = next((url for url, partitions in found.items() if partition in partitions), None)
    return None if url == str(app.conf.canonical_url) else url


def predicted(one: Previewed) -> Prediction:
    """The answer that a preview makes."""
    made, alert, context = one.decision, one.alert, one.context
    return Prediction(
        alert is not None,
        made.score,
        RISK_LEVELS[made.verdict],
        made.risk,
        made.verdict,
        context.model_version,
        context.rules_version,
        context.threshold,
        datetime.fromtimestamp(context.decided_at, UTC),
        one.features,
        alert.reasons if alert else [],
        alert.message if alert else "",
        is_late=one.is_late,
    )
