"""The `rules` topic for programs outside the worker: the rules and lists in force, and their changes."""

from typing import Literal

import msgspec

from fraud_stream.audit import Author, Change, audited
from fraud_stream.delivery import deliver
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.listing import Listed
from fraud_stream.domain.rulebook import Rulebook, RuleVersion
from fraud_stream.errors import BrokerError, ChangeError
from fraud_stream.reading import read_all
from fraud_stream.settings import Settings


def read_rulebook(settings: Settings) -> Rulebook:
    """The rules and lists as a worker with these settings has them.

    Raises:
        BrokerError: There is no such topic, or the broker does not answer.
    """
    book = Rulebook(settings.rules, FeatureMaker(settings.feature_settings).names)
    for message in read_all(settings, settings.topics.rules):
        book.offer(message.key(), message.value())
    return book


def announce_change(settings: Settings, record: RuleVersion | Listed, author: Author) -> None:
    """Have every worker take a change, and have it recorded.

    Raises:
        BrokerError: It could not be delivered.
        ChangeError: It cannot be told as text, or somebody else has made another at the same moment.
    """
    try:
        value = msgspec.json.encode(record)
    except UnicodeEncodeError:
        raise ChangeError("what is to be recorded has bytes that are no UTF-8: write it as text") from None
    with audited(settings, author, Change(*_about(record), msgspec.to_builtins(record), record.reason)):
        deliver(settings, settings.topics.rules, record.key, value)
        if isinstance(record, RuleVersion):
            _check_taken(settings, record)


def _about(record: RuleVersion | Listed) -> tuple[Literal["rule", "list"], str]:
    return ("rule", record.rule.id) if isinstance(record, RuleVersion) else ("list", record.key)


def _check_taken(settings: Settings, record: RuleVersion) -> None:
    try:
        is_taken = record in read_rulebook(settings).history(record.rule.id)
    except BrokerError as error:
        raise ChangeError(f"rule {record.rule.id!r} was sent; whether it is in force is not known: {error}") from None
    if not is_taken:
        raise ChangeError(
            f"somebody else has changed rule {record.rule.id!r} at the same moment, and that counts; look with "
            f"`fraud-stream rules history {record.rule.id}`, and change it again if it is still wanted"
        )
