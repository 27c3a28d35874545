"""``/models/``: the champion, the challenger, how good they are, and who decides."""

import time
from typing import Any

import msgspec
from faust import web

from agents.models import chair, challengers, shelf
from agents.refit import refits
from fraud_stream.app import app, settings
from fraud_stream.web.describe import moment

blueprint = web.Blueprint("fraud_stream_models")


@blueprint.route("/", name="models")
class Models(web.View):
    """The models as this worker knows them."""

    async def get(self, request: web.Request) -> web.Response:
        """The models, who decides and since when, and what was refused."""
        return self.json(_report(time.time()))


def _report(now: float) -> dict[str, Any]:
    promotions = chair.record.promotions
    promoted = promotions[-1] if promotions and promotions[-1].decides else None
    return {
        "decides": {
            "who": chair.decides,
            "by": "promotion" if promoted else "setting",
            "since": moment(promotions[-1].since) if promotions else None,
            "setting": chair.setting,
        },
        "champion": _champion(now),
        "challenger": _challenger(now),
        "promotions": [_promotion(one) for one in reversed(promotions)],
        "refused": {
            "online": shelf.refused,
            "challenger": challengers.refused,
            "promotions": chair.refused,
            "last_challenger_because": challengers.refusal,
        },
        "refits": {**refits.counts, "is_running": refits.is_running},
    }


def _champion(now: float) -> dict[str, Any] | None:
    """The online model that is in force; None before the first."""
    state = shelf.state
    if state is None:
        return None
    left_out = {"features", "numbers", "progress"}
    return {**_facts(state, left_out, now), "is_asked": state.frauds >= settings.model.min_frauds}


def _challenger(now: float) -> dict[str, Any] | None:
    """The challenger that scores; None before the first."""
    there = challengers.in_force
    if there is None:
        return None
    model = there.model
    span = {"trained_from": moment(model.trained_from), "trained_to": moment(model.trained_to)}
    held_out = model.held_out and {
        **msgspec.to_builtins(model.held_out),
        "begins": moment(model.held_out.begins),
        "ends": moment(model.held_out.ends),
    }
    return {**_facts(model, {"features", "data", "held_out"}, now), **span, "held_out": held_out}


def _facts(model: Any, left_out: set[str], now: float) -> dict[str, Any]:
    known = {name: getattr(model, name) for name in model.__struct_fields__ if name not in left_out}
    return {**known, "id": model.id, "created_at": moment(model.created_at), "age": now - model.created_at}


def _promotion(one: Any) -> dict[str, Any]:
    return {**msgspec.structs.asdict(one), "since": moment(one.since)}


app.web.blueprints.add("/models", blueprint)
