"""``/rules/``: the rules and lists that this worker decides by, what they have hit, and who changed them."""

import time
from typing import Any

import msgspec
from faust import web

from agents.deciding import judge
from agents.outputs import rule_counts
from fraud_stream.app import app
from fraud_stream.domain.rulebook import RuleVersion
from fraud_stream.web.describe import moment
from fraud_stream.web.guard import VISITOR
from fraud_stream.web.masking import masked_entry, masked_rule

blueprint = web.Blueprint("fraud_stream_rules")


@blueprint.route("/", name="rules")
class Rules(web.View):
    """The rules and lists as this worker knows them."""

    async def get(self, request: Any) -> web.Response:
        """The rules with their hits since the worker started, the lists, and which changes were refused and why."""
        book, is_masked = judge.rulebook, request[VISITOR].is_masked
        lists = book.lists.entries(time.time())
        return self.json(
            {
                "version": book.version,
                "rules": [_rule(version, is_masked=is_masked) for version in book.newest],
                "lists": [msgspec.to_builtins(masked_entry(one) if is_masked else one) for one in lists],
                "refused": book.refused,
                "refused_because": {} if is_masked else book.refusals,
            }
        )


def _rule(newest: RuleVersion, *, is_masked: bool) -> dict[str, Any]:
    rule = msgspec.structs.asdict(masked_rule(newest.rule) if is_masked else newest.rule)
    since = moment(newest.since) if newest.since else None
    return {**rule, "hits": rule_counts[rule["id"], rule["state"]], "since": since, "by": newest.by}


app.web.blueprints.add("/rules", blueprint)
