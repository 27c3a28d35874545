"""Notes what labels tell of the merchants, and publishes it; every worker scores with it.

The worker that reads `labelled` notes, and publishes now and then the histories that have changed.  A history says
which labels it has noted, so that one that is read again changes nothing.
"""

import logging
import time
from collections.abc import Iterable

import msgspec

from agents.outputs import encode
from fraud_stream.app import app, settings
from fraud_stream.domain.merchants import Merchants
from fraud_stream.domain.outcomes import Outcome, known_at
from fraud_stream.records import Labelled, MerchantRisk

log = logging.getLogger(__name__)
decoder = msgspec.json.Decoder(MerchantRisk)


class Head(msgspec.Struct):
    """What tells whether a history is news."""

    merchant_id: str
    noted: int


heads = msgspec.json.Decoder(Head)
#: Where the model is learnt, the chunks wait for that in any case, and histories are published as often.
INTERVAL = settings.model.publish_interval if settings.model.enabled else 0.0


class Notes:
    """What this worker notes, while it is the one that does."""

    def __init__(self) -> None:
        self.merchants = Merchants()
        self.published_at = 0.0
        self._is_up_to_date = False
        self._rebalances = 0

    async def note(self, found: Iterable[tuple[int, Labelled]]) -> None:
        """Note labelled transactions, each with its offset; first all that another worker has published is read."""
        if not self._is_up_to_date:
            rebalances = self._rebalances
            await reader.catch_up()
            if rebalances != self._rebalances:
                return  # another worker reads these labels
            self._is_up_to_date = True
        for offset, one in found:
            if one.merchant_id is not None:
                moment = known_at(one.labelled_at, one.timestamp, settings.labels.horizon)
                self.merchants.note(
                    one.merchant_id, offset, Outcome(one.transaction_id, one.join, moment, one.is_fraud)
                )

    def forget(self) -> None:
        """A rebalance: whoever notes next goes on from what was published."""
        self.merchants.forget()
        self._is_up_to_date = False
        self._rebalances += 1


notes = Notes()


def publish_if_due() -> None:
    """Publish what has changed, at most once an interval."""
    now = time.time()
    if now >= notes.published_at + INTERVAL:
        publish(now)


def publish(now: float) -> None:
    """Publish what has changed: also before chunks are acknowledged that it was noted from."""
    notes.published_at = now
    for name, history in notes.merchants.changed():
        record = encode(MerchantRisk.of(name, history))
        app.group_commit.outbox.put(settings.topics.merchant_risk, 0, name.encode(), record)


def take(_: bytes | None, value: bytes | None) -> None:
    """Take over what the worker that notes has published; what is no history is passed over."""
    if value is None:
        return
    try:
        head = heads.decode(value)
        if notes.merchants.is_news(head.merchant_id, head.noted):
            notes.merchants.take(head.merchant_id, decoder.decode(value).history())
    except (ValueError, OverflowError, RecursionError) as error:
        log.error("refused what %s says of a merchant: %s", settings.topics.merchant_risk, error)


reader = app.read_whole(settings.topics.merchant_risk, take)
app.group_commit.before_commit.append(publish_if_due)
