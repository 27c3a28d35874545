"""What the page may ask to be changed, and what it is told then."""

from typing import Annotated

import msgspec

from fraud_stream.access import LONGEST, Role
from fraud_stream.domain.listing import ListName, What
from fraud_stream.domain.rules import Severity, State
from fraud_stream.domain.said import Word
from fraud_stream.records import Identifier

#: Dead letters that one request names, or sends.
MOST_LETTERS = 10_000
#: Seconds that an entry of a list may be given: ten years.
LONGEST_ENTRY = 3_650 * 86_400
Place = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,9}:[0-9]{1,18}$")]


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody proves who they are."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)]


class Visitor(msgspec.Struct, frozen=True):
    """Who asks.

    Attributes:
        name: Their name; ``local`` for whoever has no token and sits at this machine.
        role: What they may do; null where they may do nothing before they sign in.
        knows_tokens: Whether anybody has a token: else there is nothing to sign in with.
        is_masked: Whether they are told neither customers nor devices.
    """

    name: str
    role: Role | None
    knows_tokens: bool
    is_masked: bool = False


class LabelChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An analyst has looked at a transaction: it is fraud, or genuine."""

    transaction_id: Identifier
    customer_id: Identifier
    is_fraud: bool
    reason: Word = ""


class RuleChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as it is to be.

    Attributes:
        id: Which rule.
        when: Its condition.
        before: The version that was looked at; null for a rule that is not there yet.
        severity: How bad a hit is.
        state: Whether it alerts, is counted only, or is off.
        description: What it looks for.
        type: The type its alerts carry.
        message: What its alerts say.
        reason: Why it is changed.
        is_deleted: Whether it is to be no more.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    when: str
    before: int | None
    severity: Severity = "MEDIUM"
    state: State = "active"
    description: str = ""
    type: str = "RULE"
    message: str = ""
    reason: Word = ""
    is_deleted: bool = False


class ListChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something is put on a list, or taken off it.

    Attributes:
        list: ``allow``, ``deny`` or ``snooze``.
        what: ``customer``, ``merchant`` or ``device``; only a customer can be snoozed.
        value: Its id.
        seconds: How long; null until it is taken off.  What is snoozed ends.
        reason: Why.
        is_removed: Whether it is taken off.
    """

    list: ListName
    what: What
    value: Identifier
    seconds: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_ENTRY)] | None = None
    reason: Word = ""
    is_removed: bool = False


class Redrive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dead letters are to be sent back to where they came from.

    Attributes:
        places: These, as PARTITION:OFFSET, whether they were redriven or not.
        reasons: Where no places are named: those that wait, of these reasons, or of all where there are none.
        is_rehearsal: Say what would be sent, and send nothing.
        reason: Why.
    """

    places: Annotated[list[Place], msgspec.Meta(max_length=MOST_LETTERS)] = []
    reasons: Annotated[list[str], msgspec.Meta(max_length=100)] = []
    is_rehearsal: bool = False
    reason: Word = ""


class Changed(msgspec.Struct, frozen=True):
    """It is announced to every worker.

    Attributes:
        message: What was done, for people.
        version: The number of the rule's new version; null for what has none.
    """

    message: str
    version: int | None = None


class Redriven(msgspec.Struct, frozen=True):
    """What was sent, or would be.

    Attributes:
        sent: How many letters were sent; 0 in a rehearsal.
        topics: How many go to each topic.
        left: How many stay, by the reason they stay for.
    """

    sent: int
    topics: dict[str, int]
    left: dict[str, int]


class Failure(msgspec.Struct, frozen=True):
    """Why something was not done, for people."""

    error: str
