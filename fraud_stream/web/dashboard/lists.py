"""``/dashboard/api/lists``: customers, merchants and devices are put on lists and taken off them."""

import time
from typing import Any

from faust import web

from fraud_stream.app import app, settings
from fraud_stream.audit import Author
from fraud_stream.domain.listing import Listed
from fraud_stream.errors import ChangeError
from fraud_stream.steering import announce_change, read_rulebook
from fraud_stream.web.dashboard.answers import BadQueryError, answered, told
from fraud_stream.web.dashboard.changes import Changed, ListChange
from fraud_stream.web.dashboard.threads import changing
from fraud_stream.web.guard import author_of


@app.page("/dashboard/api/lists")
class Lists(web.View):
    """The lists."""

    async def post(self, request: Any) -> web.Response:
        """Have every worker take an entry, or drop it."""
        change, author = await told(request, ListChange), author_of(request)
        entry = entry_of(change, author, time.time())
        await changing.run(lambda: _announce(entry, author, is_removed=change.is_removed))
        place = "off" if change.is_removed else "on"
        return answered(self, Changed(f"{change.what} {change.value} is {place} the {change.list} list"))


def entry_of(change: ListChange, author: Author, now: float) -> Listed:
    """The entry that makes a change.

    Raises:
        BadQueryError: There can be no such entry.
    """
    until = now if change.is_removed else None if change.seconds is None else now + change.seconds
    try:
        return Listed(change.list, change.what, change.value, now, until, author.name, change.reason)
    except ValueError as error:
        raise BadQueryError(f"this cannot be done: {error}") from None


def _announce(entry: Listed, author: Author, *, is_removed: bool) -> None:
    lists = read_rulebook(settings).lists
    if is_removed and entry.key not in {there.key for there in lists.entries(entry.since)}:
        raise ChangeError(f"{entry.what} {entry.value} is not on the {entry.list} list")
    lists.take(entry, entry.since)  # as the workers will, or will not
    announce_change(settings, entry, author)
