"""``/rules/``: the rules and lists that this worker decides by, what they have hit, and who changed them."""

import time
from typing import Any

import msgspec
from faust import web

from agents.detection import judge
from agents.outputs import rule_counts
from fraud_stream.app import app
from fraud_stream.domain.rulebook import RuleVersion
from fraud_stream.web.describe import moment

blueprint = web.Blueprint("fraud_stream_rules")


@blueprint.route("/", name="rules")
class Rules(web.View):
    """The rules and lists as this worker knows them."""

    async def get(self, request: web.Request) -> web.Response:
        """The rules with their hits since the worker started, the lists, and which changes were refused and why."""
        book = judge.rulebook
        return self.json(
            {
                "version": book.version,
                "rules": [_rule(version) for version in book.newest],
                "lists": [msgspec.to_builtins(entry) for entry in book.lists.entries(time.time())],
                "refused": book.refused,
                "refused_because": book.refusals,
            }
        )


def _rule(newest: RuleVersion) -> dict[str, Any]:
    rule = msgspec.structs.asdict(newest.rule)
    since = moment(newest.since) if newest.since else None
    return {**rule, "hits": rule_counts[rule["id"], rule["state"]], "since": since, "by": newest.by}


app.web.blueprints.add("/rules", blueprint)
