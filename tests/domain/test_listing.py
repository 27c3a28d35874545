"""Lists: what a transaction meets, until when, and what can be listed."""

import msgspec
import pytest

from fraud_stream.domain import listing
from fraud_stream.domain.listing import Listed, ListName, Lists, What
from fraud_stream.domain.rules import RuleError
from fraud_stream.domain.transaction import Transaction

TX = Transaction("T1", "C1", 0.0, 5.0, merchant_id="M1", device_id="D1")


def entry(name: ListName, what: What, value: str, *, since: float = 0.0, until: float | None = None) -> Listed:
    return Listed(name, what, value, since, until, "ana")


def lists(*entries: Listed) -> Lists:
    made = Lists()
    for one in entries:
        made.take(one, 0.0)
    return made


@pytest.mark.parametrize(("what", "value"), [("customer", "C1"), ("merchant", "M1"), ("device", "D1")])
def test_each_kind_is_found_by_its_field(what: What, value: str) -> None:
    found = lists(entry("deny", what, value)).find("deny", TX, 1.0)
    assert found is not None
    assert (found.what, found.value) == (what, value)
    assert lists(entry("deny", what, value + "x")).find("deny", TX, 1.0) is None
    assert lists(entry("allow", what, value)).find("deny", TX, 1.0) is None


def test_a_field_that_is_missing_meets_nothing() -> None:
    bare = Transaction("T1", "C1", 0.0, 5.0)
    assert lists(entry("deny", "merchant", "M1"), entry("deny", "device", "D1")).find("deny", bare, 1.0) is None


def test_the_name_of_one_kind_is_no_name_of_another() -> None:
    assert lists(entry("deny", "merchant", "C1")).find("deny", TX, 1.0) is None


def test_an_entry_ends_at_its_time() -> None:
    held = lists(entry("deny", "customer", "C1", until=60.0))
    assert [bool(held.find("deny", TX, now)) for now in (59.9, 60.0, 61.0)] == [True, False, False]
    assert (len(held.entries(59.9)), len(held.entries(60.0))) == (1, 0)


def test_a_later_entry_replaces_an_earlier_one_and_one_that_ends_at_once_removes_it() -> None:
    held = lists(entry("deny", "customer", "C1"), entry("deny", "customer", "C1", since=5.0, until=60.0))
    assert [one.until for one in held.entries(1.0)] == [60.0]
    held.take(entry("deny", "customer", "C1", since=7.0, until=7.0), 7.0)
    assert (bool(held), held.entries(1.0)) == (False, [])
    held.take(entry("deny", "customer", "C2", since=7.0, until=7.0), 7.0)  # it was not there
    assert not held


def test_there_is_a_greatest_number_of_entries_and_ended_ones_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_ENTRIES", 2)
    held = lists(entry("deny", "customer", "C1"), entry("deny", "customer", "C2", until=60.0))
    with pytest.raises(RuleError, match="there are 2 entries of lists already"):
        held.take(entry("deny", "customer", "C3", since=9e9), 59.0)  # what it says of the time makes no room
    held.take(entry("deny", "customer", "C1", since=59.0, until=90.0), 59.0)  # one that is there may be changed
    held.take(entry("deny", "customer", "C3", since=60.0), 60.0)
    assert [one.value for one in held.entries(60.0)] == ["C1", "C3"]
    assert (held.count(60.0), held.count(90.0)) == (2, 1)


def test_entries_are_told_in_the_order_of_their_keys() -> None:
    held = lists(
        entry("snooze", "customer", "C2", until=9.0), entry("allow", "device", "D1"), entry("allow", "device", "B")
    )
    assert [one.key for one in held.entries(1.0)] == ["allow device B", "allow device D1", "snooze customer C2"]


@pytest.mark.parametrize(("what", "until"), [("merchant", 60.0), ("device", 60.0), ("customer", None)])
def test_only_customers_are_snoozed_and_not_for_ever(what: What, until: float | None) -> None:
    with pytest.raises(ValueError, match="only the alerts of a customer can be snoozed, until some time"):
        entry("snooze", what, "X", until=until)


def test_what_cannot_be_is_not_read_from_a_topic_either() -> None:
    data = msgspec.json.encode(entry("deny", "device", "X")).replace(b"deny", b"snooze")
    with pytest.raises(msgspec.ValidationError, match="only the alerts of a customer"):
        msgspec.json.decode(data, type=Listed)
