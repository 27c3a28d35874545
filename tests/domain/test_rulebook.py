"""The rulebook: changes over the settings, versions, what is refused, and what that leaves in force."""

import json
import logging
import time
from hashlib import blake2b
from typing import Any

import msgspec
import pytest

from fraud_stream.domain import rulebook
from fraud_stream.domain.listing import Listed
from fraud_stream.domain.rulebook import Rulebook, RuleVersion
from fraud_stream.domain.rules import Rule, RuleError

NUMBERS = ("amount", "count")
encode = msgspec.json.encode


def book(*rules: Rule) -> Rulebook:
    return Rulebook(rules or (Rule("big", "amount > 100"), Rule("many", "count >= 6")), NUMBERS)


def version(ident: str = "big", when: str = "amount > 200", *, is_deleted: bool = False, **fields: Any) -> RuleVersion:
    return RuleVersion(Rule(ident, when, **fields), 1_700_000_000.0, "ana", "too many", is_deleted)


def in_force(there: Rulebook) -> list[tuple[str, str]]:
    return [(compiled.rule.id, compiled.rule.when) for compiled in there.in_force.rules]


def put(there: Rulebook, record: RuleVersion | Listed) -> None:
    there.offer(record.key.encode(), encode(record))


def change(there: Rulebook, changed: RuleVersion) -> RuleVersion:
    record = there.changed(changed)
    put(there, record)
    return record


def test_without_changes_the_rules_of_the_settings_are_in_force() -> None:
    there = book(Rule("big", "amount > 100"), Rule("off", "amount > 1", state="off"))
    assert in_force(there) == [("big", "amount > 100")]
    assert [rule.id for rule in there.rules] == ["big", "off"]
    assert [(one.by, one.rule.version) for one in there.history("big")] == [("settings", 1)]


def test_a_change_replaces_the_rule_of_the_settings_where_it_stands() -> None:
    there = book()
    before = there.version
    record = change(there, version())
    assert in_force(there) == [("big", "amount > 200"), ("many", "count >= 6")]
    assert there.version != before
    assert [one.rule.version for one in there.history("big")] == [1, 2]
    assert there.history("big")[-1] == record
    assert (record.by, record.reason, record.since) == ("ana", "too many", 1_700_000_000.0)


def test_a_new_rule_comes_behind_them_whatever_the_order_of_the_records() -> None:
    records = [book().changed(version(ident)) for ident in ("z", "a")]
    for order in (records, records[::-1]):
        there = book()
        for record in order:
            put(there, record)
        assert [ident for ident, _ in in_force(there)] == ["big", "many", "a", "z"]


def test_off_shadow_and_deleted() -> None:
    there = book()
    change(there, version(state="off"))
    change(there, version("many", "count >= 6", state="shadow"))
    assert [(compiled.rule.id, compiled.rule.state) for compiled in there.in_force.rules] == [("many", "shadow")]
    change(there, version("many", "count >= 6", is_deleted=True))
    assert (in_force(there), [rule.id for rule in there.rules]) == ([], ["big"])
    assert there.history("many")[-1].is_deleted


def test_what_was_deleted_comes_back_with_the_next_version() -> None:
    there = book()
    change(there, version(is_deleted=True))
    assert change(there, version()).rule.version == 3
    assert ("big", "amount > 200") in in_force(there)


def test_the_greatest_version_counts_in_whatever_order_they_are_read() -> None:
    there = book()
    records = [change(there, version(when=f"amount > {n}")) for n in range(5)]
    other = book()
    for record in records[::-1]:
        put(other, record)
    assert in_force(other) == in_force(there) == [("big", "amount > 4"), ("many", "count >= 6")]
    assert other.version == there.version
    assert [one.rule.version for one in other.history("big")] == [1, 2, 3, 4, 5, 6]


def test_the_version_does_not_depend_on_the_order_of_the_settings() -> None:
    rules = [Rule("big", "amount > 100"), Rule("many", "count >= 6")]
    assert book(*rules).version == book(*rules[::-1]).version


def test_the_version_comes_back_with_the_rules() -> None:
    there, other = book(), book()
    change(there, version())
    change(other, version())
    assert there.version == other.version


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (version(when="amont > 5"), "'amont' is unknown; did you mean amount"),
        (version(when="import os"), "cannot read the condition"),
        (version(message="{nothing}"), "the message names 'nothing'"),
        (version("x" * 101), "its id has 101 letters"),
        (version(""), "an id is a printable text"),
        (version(when="garbage((", state="off"), "cannot read the condition"),
        (version("x\udcff"), "surrogates not allowed"),
        (RuleVersion(Rule("big", "amount > 1"), 0.0, "ana", "x" * 501), "length <= 500"),
    ],
    ids=["name", "condition", "message", "long id", "no id", "off", "no text", "reason"],
)
def test_what_the_workers_would_refuse_is_not_even_made(changed: RuleVersion, why: str) -> None:
    with pytest.raises(RuleError, match=why):
        book().changed(changed)


GOOD = book().changed(version())
KEY = GOOD.key.encode()
WRONG = msgspec.structs.replace(GOOD, rule=msgspec.structs.replace(GOOD.rule, when="amont > 200"))


@pytest.mark.parametrize(
    ("key", "data", "why"),
    [
        (KEY, b"{", "Input data was truncated"),
        (KEY, b"", "Input data was truncated"),
        (KEY, b"\xff\xfe", ""),
        (KEY, b"[" * 100_000, ""),
        (KEY, b"{}", "kind"),
        (KEY, encode(GOOD).replace(b'"rule"', b'"other"', 1), "Invalid value 'other'"),
        (WRONG.key.encode(), encode(WRONG), "'amont' is unknown"),
        (KEY, encode(GOOD).replace(b'"when":', b'"wen":'), "wen"),
        (KEY, encode(GOOD).replace(b'"version":2', b'"version":1' + b"0" * 40), "version"),
        (KEY, encode(GOOD).replace(b'"version":2', b'"version":-2'), "version"),
        (KEY, encode(GOOD) + b" ", "it belongs under the key 'rule big 2 "),
        (KEY, encode(GOOD) + b" " * 1_000_001, "at most 1,000,000 are read"),
        (b"rule other 2", encode(GOOD), "it belongs under the key 'rule big 2 "),
        (None, encode(GOOD), "it belongs under the key 'rule big 2 "),
        (b"\xff", encode(GOOD), "it belongs under the key"),
        (b"k", encode(Listed("deny", "device", "D", 0.0, None, "a")).replace(b"device", b"planet"), "planet"),
        (b"k", encode(Listed("deny", "device", "D", 0.0, None, "a")), "it belongs under the key 'deny device D'"),
        (b"\xff", None, ""),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_used_is_refused_and_told_and_changes_nothing(
    key: bytes | None, data: bytes | None, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    there = book()
    change(there, version())
    before = there.version, in_force(there)
    with caplog.at_level(logging.ERROR):
        there.offer(key, data)
    assert (there.version, in_force(there)) == before
    assert there.refused == len(there.refusals) == 1
    assert "they stay as they are" in caplog.text
    assert why in caplog.text
    assert why in next(iter(there.refusals.values()))


def test_one_of_no_use_takes_nothing_away_when_the_topic_is_compacted() -> None:
    """Another worker, which reads only the newest record of each key, has the same rules."""
    there, kept = book(), dict[bytes, bytes]()
    good = change(there, version())
    bad = msgspec.structs.replace(good, rule=msgspec.structs.replace(good.rule, when="amont > 1", version=3))
    for record in (good, bad):
        kept[record.key.encode()] = encode(record)
    put(there, bad)
    restarted = book()
    for key, data in kept.items():
        restarted.offer(key, data)
    assert in_force(restarted) == in_force(there) == [("big", "amount > 200"), ("many", "count >= 6")]
    assert restarted.version == there.version


def test_a_tombstone_takes_back_what_it_is_of_as_compaction_will() -> None:
    there = book()
    first, second = change(there, version()), change(there, version(when="amount > 300"))
    there.offer(second.key.encode(), None)
    assert in_force(there)[0] == ("big", "amount > 200")
    there.offer(first.key.encode(), None)
    assert in_force(there)[0] == ("big", "amount > 100")
    for key in (
        None,
        b"",
        b"rule big",
        b"rule big 7",
        b"rule nothing 1 x",
        b"rule big x y",
        b"rule big " + b"9" * 5_000,
    ):
        there.offer(key, None)
    put(there, Listed("deny", "device", "D1", 5.0, None, "ana"))
    there.offer(b"deny device D1", None)
    assert (there.refused, len(there.in_force.rules), there.lists.entries(9.0)) == (0, 2, [])


def test_another_program_may_write_the_value_in_its_own_way_and_take_it_back() -> None:
    there = book()
    own = json.dumps(json.loads(encode(there.changed(version()))), indent=1, sort_keys=True).encode()
    key = f"rule big 2 {blake2b(own, digest_size=4).hexdigest()}".encode()
    assert key != there.changed(version()).key.encode()
    there.offer(key, own)
    assert in_force(there)[0] == ("big", "amount > 200")
    there.offer(key, None)
    assert (in_force(there)[0], there.refused) == (("big", "amount > 100"), 0)


def test_a_tombstone_of_one_that_came_second_takes_the_first_not_away() -> None:
    there = book()
    one, other = there.changed(version()), there.changed(version(when="amount > 300"))
    put(there, one)
    put(there, other)
    there.offer(other.key.encode(), None)
    assert in_force(there)[0] == ("big", "amount > 200")


def test_a_tombstone_of_a_list_is_none_of_a_rule_that_sounds_like_it() -> None:
    there = book()
    rule = change(there, version("allow customer"))
    put(there, Listed("allow", "customer", rule.key.removeprefix("rule allow customer "), 0.0, None, "ana"))
    there.offer(b"allow customer " + rule.key.removeprefix("rule allow customer ").encode(), None)
    assert ("allow customer", "amount > 200") in in_force(there)
    assert not there.lists


def test_of_two_with_one_number_the_first_counts_for_all() -> None:
    one, other = book().changed(version()), book().changed(version(when="amount > 300"))
    assert (one.rule.version, other.rule.version) == (2, 2)
    assert one.key != other.key
    there = book()
    put(there, one)
    put(there, other)
    put(there, one)
    assert in_force(there)[0] == ("big", "amount > 200")
    assert there.history("big")[1:] == [one]


def test_a_condition_that_no_record_can_hold_is_refused() -> None:
    for when in ("location == '\\ud800'", "location in ('Oslo', '\\ud83d\\ude00')", "location != '\\udfff'"):
        with pytest.raises(RuleError, match="must be a number, a text or a list of texts"):
            book().changed(version(when=when))


def test_a_thousand_changes_are_taken_in_at_once() -> None:
    """A worker that takes them in must not stand still: rules are put together when they are asked for."""
    there = book()
    records = [
        RuleVersion(Rule(f"r{n % 400}", f"amount > {n}", version=n // 400 + 1), 0.0, "ana") for n in range(1_600)
    ]
    began = time.process_time()
    for record in records:
        put(there, record)
    taken = time.process_time() - began
    assert len(there.in_force.rules) == 402
    assert taken < 40 * _seconds_of_one_set(there)


def _seconds_of_one_set(there: Rulebook) -> float:
    """What putting all rules together costs, once."""
    began = time.process_time()
    Rulebook(there.rules, NUMBERS).in_force  # noqa: B018 - making it is what is measured
    return time.process_time() - began


def test_there_is_a_greatest_number_of_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulebook, "MOST_RULES", 2)
    there = book()
    with pytest.raises(RuleError, match="there are 2 rules already"):
        there.changed(version("third"))
    change(there, version())  # one that is there may be changed
    change(there, version(is_deleted=True))
    change(there, version("third"))
    with pytest.raises(RuleError, match="there are 2 rules already"):
        there.changed(version())  # it was deleted, and its place is taken
    assert there.refused == 0


def test_entries_of_lists_come_the_same_way() -> None:
    there = book()
    put(there, Listed("deny", "device", "D1", 5.0, None, "ana"))
    assert [one.value for one in there.lists.entries(9.0)] == ["D1"]
    assert there.refused == 0
