"""``/dashboard/api/dead-letters/redrive``: dead letters are sent back to where they came from."""

import threading
from typing import Any

from faust import web

from fraud_stream.app import app, settings
from fraud_stream.audit import Author, Change, audited
from fraud_stream.errors import ChangeError
from fraud_stream.redrive import Place, Plan, Selection, check_topics, letters, make_plan, redrive
from fraud_stream.web.dashboard.answers import answered, told
from fraud_stream.web.dashboard.changes import MOST_LETTERS, Redrive, Redriven
from fraud_stream.web.dashboard.threads import changing
from fraud_stream.web.guard import author_of

_one_at_a_time = threading.Lock()


@app.page("/dashboard/api/dead-letters/redrive")
class Redriving(web.View):
    """Redriving."""

    async def post(self, request: Any) -> web.Response:
        """Send letters, or say what would be sent."""
        asked, author = await told(request, Redrive), author_of(request)
        return answered(self, await changing.run(lambda: _redrive(asked, author)))


def selection_of(asked: Redrive) -> Selection:
    """Which letters are asked for."""
    places = frozenset(Place(*map(int, place.split(":"))) for place in asked.places)
    reasons = frozenset() if places else frozenset(asked.reasons)
    return Selection(reasons, places, None if places else MOST_LETTERS)


def _redrive(asked: Redrive, author: Author) -> Redriven:
    if not _one_at_a_time.acquire(blocking=False):
        raise ChangeError("dead letters are being redriven already; ask again in a moment")
    try:
        selection = selection_of(asked)
        plan = make_plan(letters(settings), selection)
        _check(plan, selection)
        return Redriven(0 if asked.is_rehearsal else _send(plan, asked, author), plan.topics, plan.left)
    finally:
        _one_at_a_time.release()


def _check(plan: Plan, selection: Selection) -> None:
    check_topics(settings, plan)
    missing = sorted(selection.places - plan.chosen)
    if missing:
        raise ChangeError(f"there is no dead letter of ours at {', '.join(f'{p}:{o}' for p, o in missing[:20])}")


def _send(plan: Plan, asked: Redrive, author: Author) -> int:
    if not plan.chosen:
        return 0
    details = {"topics": plan.topics, "reasons": asked.reasons, "places": plan.places}
    with audited(settings, author, Change("redrive", plan.target, details, asked.reason)):
        return redrive(settings, plan, remember=not asked.places)
