"""``/dashboard/api/rules``: the rules in force, how often each hit, and changes of them."""

import time
from collections import Counter
from typing import Any

from faust import web

from agents.deciding import judge
from fraud_stream.app import app, settings
from fraud_stream.audit import Author
from fraud_stream.domain.rulebook import Rulebook, RuleVersion
from fraud_stream.domain.rules import Rule
from fraud_stream.errors import ChangeError
from fraud_stream.steering import announce_change, read_rulebook
from fraud_stream.web.dashboard.answers import Counted, Nothing, RuleReport, Rules, answered, asked, told
from fraud_stream.web.dashboard.changes import Changed, RuleChange
from fraud_stream.web.dashboard.threads import changing
from fraud_stream.web.dashboard.workers import everyone
from fraud_stream.web.guard import VISITOR, author_of
from fraud_stream.web.masking import masked_rules


@app.page("/dashboard/api/rules")
class RuleList(web.View):
    """The rules."""

    async def get(self, request: Any) -> web.Response:
        """Each with its hits on all workers since they started."""
        asked(request, Nothing)
        workers = await everyone()
        hits = hits_by_rule(workers.counters["rule_hits"])
        scored = workers.counters["transactions_scored"].total
        since = min((one.started for one in workers.workers), default=None)
        book = judge.rulebook
        rules = [RuleReport(one.rule, hits[one.rule.id], one) for one in book.newest]
        lists = book.lists.entries(time.time())
        report = Rules(rules, book.version, lists, scored, since, workers.silent)
        return answered(self, masked_rules(report) if request[VISITOR].is_masked else report)

    async def post(self, request: Any) -> web.Response:
        """Have every worker take a rule as it is to be."""
        change, author = await told(request, RuleChange), author_of(request)
        made = await changing.run(lambda: _change(change, author))
        what = "deleted" if made.is_deleted else f"{made.rule.state} in version {made.rule.version}"
        return answered(self, Changed(f"rule {made.rule.id} is {what}", made.rule.version))


def _change(change: RuleChange, author: Author) -> RuleVersion:
    book = read_rulebook(settings)
    _check_base(book, change)
    fields = {name: getattr(change, name) for name in Rule.__struct_fields__ if name != "version"}
    version = RuleVersion(Rule(**fields), time.time(), author.name, change.reason, change.is_deleted)
    made = book.changed(version)
    announce_change(settings, made, author)
    return made


def _check_base(book: Rulebook, change: RuleChange) -> None:
    """Nobody's change is undone by somebody who has not seen it."""
    now = next((rule.version for rule in book.rules if rule.id == change.id), None)
    if now != change.before:
        there = "is not there" if now is None else f"is there, in version {now}"
        raise ChangeError(f"rule {change.id!r} {there}: somebody has changed it meanwhile; look at it again")


def hits_by_rule(counted: Counted) -> Counter[str]:
    """The hits of each rule, in whatever state it was."""
    found: Counter[str] = Counter()
    for count in counted.counts:
        found[count.labels[counted.labels.index("rule")]] += int(count.value)
    return found
