"""``/dashboard/api/rules``: the rules in force, and how often each hit."""

import time
from collections import Counter

from faust import web

from agents.detection import judge
from fraud_stream.app import app
from fraud_stream.web.dashboard.answers import Counted, Nothing, RuleReport, Rules, answered, asked
from fraud_stream.web.dashboard.workers import everyone


@app.page("/dashboard/api/rules")
class RuleList(web.View):
    """The rules."""

    async def get(self, request: web.Request) -> web.Response:
        """Each with its hits on all workers since they started."""
        asked(request, Nothing)
        workers = await everyone()
        hits = hits_by_rule(workers.counters["rule_hits"])
        scored = workers.counters["transactions_scored"].total
        since = min((one.started for one in workers.workers), default=None)
        book = judge.rulebook
        rules = [RuleReport(one.rule, hits[one.rule.id], one) for one in book.newest]
        lists = book.lists.entries(time.time())
        return answered(self, Rules(rules, book.version, lists, scored, since, workers.silent))


def hits_by_rule(counted: Counted) -> Counter[str]:
    """The hits of each rule, in whatever state it was."""
    found: Counter[str] = Counter()
    for count in counted.counts:
        found[count.labels[counted.labels.index("rule")]] += int(count.value)
    return found
