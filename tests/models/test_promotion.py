"""Who decides: the newest promotion that can be read, or else the setting."""

from typing import Any

import msgspec
import pytest

from fraud_stream.models.promotion import REMEMBERED, Chair, Decides, Promotion, Promotions


def promoted(*decides: Decides | None) -> Promotions:
    made = Promotions()
    for n, one in enumerate(decides):
        made = made.then(Promotion(one, made.decides, 3, float(n), "ann", f"reason {n}"))
    return made


def chair(*decides: Decides | None, setting: Decides = "online") -> Chair:
    made = Chair(setting)
    made.offer(msgspec.json.encode(promoted(*decides)))
    return made


@pytest.mark.parametrize("setting", ["online", "challenger", "blend"])
def test_without_a_promotion_the_setting_says_who_decides(setting: Any) -> None:
    assert (Chair(setting).decides, chair(setting=setting).decides) == (setting, setting)


def test_a_promotion_overrides_the_setting_and_the_setting_may_be_returned_to() -> None:
    assert chair("challenger").decides == "challenger"
    assert chair("challenger", "online", setting="blend").decides == "online"
    assert chair("challenger", None, setting="blend").decides == "blend"


def test_the_record_that_is_read_last_counts() -> None:
    made = chair("challenger")
    made.offer(msgspec.json.encode(promoted("blend")))
    assert made.decides == "blend"


def test_what_was_in_force_before_is_recorded_and_the_oldest_are_forgotten() -> None:
    many: list[Decides] = ["blend", "online", "challenger"] * 10
    record = promoted(*many)
    assert len(record.promotions) == REMEMBERED
    assert record.promotions[-1] == Promotion("challenger", "online", 3, 29.0, "ann", "reason 29")
    assert [one.since for one in record.promotions] == [float(n) for n in range(10, 30)]
    assert promoted("blend").promotions[0].before is None


@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"{",
        b"[]",
        b'{"name": "\xff"}',
        b"[" * 100_000,
        b'{"name": "other"}',
        b'{"promotions": [{}]}',
        msgspec.json.encode(promoted("blend")).replace(b'"blend"', b'"nobody"'),
        msgspec.json.encode(promoted("blend")).replace(b"reason 0", b"x" * 501),
        msgspec.json.encode(msgspec.structs.replace(Promotions(), promotions=promoted("blend").promotions * 21)),
    ],
    ids=["empty", "cut", "list", "not UTF-8", "deep", "name", "fields", "who", "long", "many"],
)
def test_what_is_no_promotion_changes_nothing(other: bytes) -> None:
    made = chair("challenger")
    made.offer(other)
    assert (made.decides, made.refused) == ("challenger", 1)
