"""``/health``: whether this worker gets on with its work, for whatever supervises it."""

from http import HTTPStatus
from typing import Any

from faust import web

from fraud_stream.app import app


@app.page("/health{slash:/?}")  # a probe follows no redirection
class Health(web.View):
    """Whether this worker gets on with its work."""

    async def get(self, request: web.Request, slash: str) -> web.Response:
        """200 while it does, also while it starts or recovers; 503 when it is about to be given up as stuck."""
        app.watchdog.look()
        status = HTTPStatus.SERVICE_UNAVAILABLE if app.watchdog.is_stalled else HTTPStatus.OK
        return self.json(_report(), status=status)


def _report() -> dict[str, Any]:
    dog = app.watchdog
    return {
        "status": "stalled" if dog.is_stalled else "ok",
        "phase": dog.phase,
        "ready": dog.phase == "running" and not dog.is_stalled,
        "seconds_since_progress": round(dog.still_for, 1),
        "ends_after_seconds": dog.limit,
    }
