from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.domain.decision import NoModel
from fraud_stream.models.scorer import ModelScorer
from fraud_stream.models.shelf import ModelShelf
from tests.models.test_online import FEATURES, STATE

ROW = np.array([[100.0, 5.0, 7.0]])


def data(**changes: Any) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(STATE, **changes))


def shelf(min_frauds: int = 0) -> ModelShelf:
    return ModelShelf("online", FEATURES, min_frauds)


def test_before_the_first_state_there_is_no_model() -> None:
    empty = shelf()
    assert isinstance(empty.scorer, NoModel)
    assert (empty.state, empty.scorer.scores(ROW), empty.scorer.id) == (None, None, "none")


def test_a_state_that_fits_is_taken_into_force() -> None:
    held = shelf()
    held.offer(data())
    assert isinstance(held.scorer, ModelScorer)
    assert held.scorer.id == "online-1"
    assert held.scorer.scores(ROW) == ModelScorer(STATE, FEATURES).scores(ROW)
    assert (held.state, held.refused) == (STATE, 0)


def test_the_newest_version_stays_in_force_whatever_the_order() -> None:
    held = shelf()
    for version in (2, 5, 3, 5):
        held.offer(data(version=version, learnt=version * 100))
    assert held.scorer.id == "online-5"
    assert held.refused == 0


def test_a_state_of_the_same_version_is_not_taken() -> None:
    held = shelf()
    held.offer(data(learnt=1))
    held.offer(data(learnt=2))
    assert held.state is not None
    assert held.state.learnt == 1


@pytest.mark.parametrize(
    "other",
    [
        data(version=9, kind="tree"),
        data(version=9, features=["amount", "count", "new"]),
        data(version=9, features=["count", "amount", "constant"]),
        data(version=9, numbers={}),
        b"",
        b"null",
        b"{",
        b"[]",
        b'{"name": "online"}',
        data(version=9).replace(b'"frauds":', b'"frauds":1e400,"x":'),
        b'{"name": "\xff"}',
        b'{"x": ' + b"[" * 100_000,
    ],
    ids=[
        "kind",
        "features",
        "order",
        "numbers",
        "empty",
        "null",
        "cut",
        "list",
        "missing",
        "huge",
        "not UTF-8",
        "deep",
    ],
)
def test_a_state_that_cannot_be_used_is_refused_and_the_one_in_force_stays(other: bytes) -> None:
    held = shelf()
    held.offer(data())
    scorer = held.scorer
    held.offer(other)
    assert (held.scorer, held.refused) == (scorer, 1)


@pytest.mark.parametrize("other", [None, data(version=9, name="another")])
def test_what_is_not_meant_for_here_is_passed_over(other: bytes | None) -> None:
    held = shelf()
    held.offer(data())
    held.offer(other)
    assert (held.scorer.id, held.refused) == ("online-1", 0)


def test_after_a_refused_state_a_newer_one_is_taken() -> None:
    held = shelf()
    held.offer(data(version=7, kind="tree"))
    held.offer(data(version=2))
    assert (held.scorer.id, held.refused) == ("online-2", 1)


def test_a_model_that_has_learnt_too_few_frauds_is_in_force_and_not_asked() -> None:
    held = shelf(min_frauds=STATE.frauds + 1)
    held.offer(data())
    assert (held.scorer.id, held.scorer.scores(ROW)) == ("online-1", None)
    held.offer(data(version=2, frauds=STATE.frauds + 1))
    assert held.scorer.scores(ROW) is not None


@given(st.binary(max_size=60) | st.tuples(st.integers(0, len(data()) - 1), st.integers(0, 255)))
@settings(max_examples=200, deadline=None)
def test_whatever_is_offered_a_model_stays_in_force(change: Any) -> None:
    """A reader of a topic calls this: it must not fail."""
    held, offered = shelf(), bytearray(data(version=2))
    held.offer(data())
    if isinstance(change, bytes):
        offered = bytearray(change)
    else:
        offered[change[0]] = change[1]
    held.offer(bytes(offered))
    found = held.scorer.scores(ROW)
    assert found is not None
    assert 0 <= found[0] <= 1
