"""What viewers are told in place of customers and devices, where they may not know them: names that tell nothing.

One customer has one such name on every worker, so that alerts of one can be told from those of another.
"""

import hmac
from collections.abc import Callable
from hashlib import sha256

import msgspec

from fraud_stream.app import settings
from fraud_stream.domain.listing import Listed
from fraud_stream.domain.rules import Rule
from fraud_stream.records import Alert, Drift, Reason
from fraud_stream.web.dashboard.answers import RuleReport, Rules
from fraud_stream.web.dashboard.changes import Visitor

#: Made of tokens that viewers do not have, as long as others have some.
_SECRETS = [one.token for one in settings.web.people if one.role != "viewer"] or [
    one.token for one in settings.web.people
]
_KEY = sha256("\n".join(["fraud_stream masking", *sorted(_SECRETS)]).encode()).digest()
#: What is masked of a transaction.
_FIELDS = {"customer_id": "customer", "device_id": "device"}
#: What is said where a text may name somebody.
HIDDEN = "not shown to viewers"
Look = Callable[[Alert | Drift], Alert | Drift]


def pseudonym(kind: str, value: str) -> str:
    """What a customer or a device is called instead."""
    return f"{kind}-{hmac.new(_KEY, f'{kind} {value}'.encode('utf-8', 'surrogatepass'), sha256).hexdigest()[:12]}"


def look_of(visitor: Visitor) -> Look:
    """How somebody is shown an alert."""
    return masked if visitor.is_masked else as_it_is


def as_it_is(alert: Alert | Drift) -> Alert | Drift:
    """An alert with all that it names."""
    return alert


def masked(alert: Alert | Drift) -> Alert | Drift:
    """An alert that names neither customer nor device: its message is made of what has spoken for it."""
    if isinstance(alert, Drift):
        return alert
    message = ", ".join(dict.fromkeys(one.name for one in alert.reasons))
    customer = pseudonym("customer", alert.customer_id)
    return msgspec.structs.replace(
        alert, customer_id=customer, message=message, reasons=[_reason(one) for one in alert.reasons]
    )


def _reason(reason: Reason) -> Reason:
    kind = _FIELDS.get(reason.feature)
    if kind is None:
        return reason
    value = pseudonym(kind, reason.value) if isinstance(reason.value, str) else reason.value
    return msgspec.structs.replace(reason, value=value, limit=HIDDEN)


def masked_rules(report: Rules) -> Rules:
    """Rules and lists that name neither customer nor device."""
    return msgspec.structs.replace(
        report, rules=[_rule_report(one) for one in report.rules], lists=[masked_entry(one) for one in report.lists]
    )


def masked_entry(entry: Listed) -> Listed:
    """An entry of a list, likewise; what people have written may name anybody."""
    value = pseudonym(entry.what, entry.value) if entry.what in _FIELDS.values() else entry.value
    return msgspec.structs.replace(entry, value=value, reason=HIDDEN)


def masked_rule(rule: Rule) -> Rule:
    """A rule, likewise."""
    when = HIDDEN if "device_id" in rule.when else rule.when
    return msgspec.structs.replace(rule, when=when, description=HIDDEN, message=HIDDEN)


def _rule_report(report: RuleReport) -> RuleReport:
    rule = masked_rule(report.rule)
    return RuleReport(rule, report.hits, msgspec.structs.replace(report.changed, rule=rule, reason=HIDDEN))
