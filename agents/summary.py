"""Tells every half minute what this worker has decided: in the log, and on its own topic."""

import logging
import time

from agents.outputs import encode
from agents.tally import tally
from fraud_stream.app import app, settings
from fraud_stream.domain.summary import LONGEST, Amounts, Lately
from fraud_stream.records import Summary

log = logging.getLogger(__name__)
#: By a clock that is never set, as the wall's is.
lately = Lately()


class Teller:
    """Tells what was decided since it last did.

    Args:
        begun: When it begins, by the clock of `lately`, seconds.
    """

    def __init__(self, begun: float) -> None:
        self._told_at = begun

    def tell(self, moment: float, now: float) -> None:
        """Tell; `moment` is now by the clock of `lately`, `now` in seconds since 1970."""
        seconds, self._told_at = max(moment - self._told_at, 1e-3), moment
        found = summary(lately.take(), seconds, moment, now)
        log.info("%s", told(found))
        app.group_commit.outbox.put(settings.topics.summaries, 0, found.worker.encode(), encode(found))


def summary(batch: Amounts, seconds: float, moment: float, now: float) -> Summary:
    """The summary of what was decided in the last `seconds`, and lately."""
    recent = lately.since(moment - LONGEST)
    return Summary(
        str(app.conf.canonical_url),
        now - seconds,
        now,
        batch.number,
        batch.total,
        batch.average,
        batch.smallest if batch.number else None,
        batch.largest if batch.number else None,
        batch.number / seconds,
        lately.since(moment - 60.0).number,
        recent.number,
        recent.average,
        tally.scored,
        sum(tally.alerts.values()),
    )


def told(found: Summary) -> str:
    """A summary as a line for people."""
    return (
        f"SUMMARY {found.until - found.since:.0f} s: {found.transactions:,} transactions, {found.per_second:,.1f} a "
        f"second; amounts {found.total_amount:,.2f} in all, {_shown(found.average_amount)} on average, "
        f"{_shown(found.smallest_amount)} to {_shown(found.largest_amount)}; last minute {found.last_minute:,}, "
        f"last 5 minutes {found.last_5_minutes:,} with {_shown(found.average_amount_5_minutes)} on average; "
        f"since the start {found.processed:,} processed, {found.alerted:,} alerted"
    )


def _shown(amount: float | None) -> str:
    return "-" if amount is None else f"{amount:,.2f}"


if settings.summary.enabled:
    teller = Teller(time.monotonic())

    @app.timer(settings.summary.interval)  # type: ignore[untyped-decorator]
    async def tell_now_and_then() -> None:
        """Tell every interval."""
        teller.tell(time.monotonic(), time.time())
