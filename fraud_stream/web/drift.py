"""``/drift/``: what this worker watches for drift, as it is now."""

from typing import Any

import msgspec
from faust import web

from agents.drift import watcher
from fraud_stream.app import app, settings

blueprint = web.Blueprint("fraud_stream_drift")


@blueprint.route("/", name="drift")
class DriftPage(web.View):
    """The streams that are watched for drift."""

    async def get(self, request: web.Request) -> web.Response:
        """The mean of each stream as it is now, and its drifts since this worker started."""
        return self.json({"enabled": settings.drift.enabled, "streams": streams()})


def streams() -> dict[str, Any]:
    """Each stream that is watched, by its name."""
    return {name: _now(name) for name in watcher.detectors}


def _now(name: str) -> dict[str, Any]:
    detector, newest = watcher.detectors[name], watcher.newest.get(name)
    return {
        "meaning": detector.stream.meaning,
        "unit": detector.stream.unit,
        "mean": detector.estimate,
        "count": detector.count,
        "drifts": detector.drifts,
        "newest": msgspec.to_builtins(newest),
    }


app.web.blueprints.add("/drift", blueprint)
