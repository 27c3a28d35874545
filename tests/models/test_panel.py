"""Both models are asked, and one of them, or both, decide."""

from typing import Any

import msgspec
import numpy as np
import pytest

from fraud_stream.models.artifact import digest, dump, libraries
from fraud_stream.models.batch import BatchModel
from fraud_stream.models.batch_shelf import BatchShelf
from fraud_stream.models.blend import blended
from fraud_stream.models.challenger import Challenger
from fraud_stream.models.panel import Panel
from fraud_stream.models.promotion import Chair, Decides
from fraud_stream.models.scorer import ModelScorer
from fraud_stream.models.shelf import ModelShelf
from tests.models.test_online import FEATURES, STATE, stream

DRAWN = stream(6, 2_000)
FITTED = Challenger(np.array([row for row, _ in DRAWN]), [label for _, label in DRAWN])
DATA = dump(FITTED.classifier, FEATURES)
MODEL = BatchModel(
    "challenger",
    "hist-gradient-boosting",
    3,
    list(FEATURES),
    "v",
    2_000,
    9,
    1.0,
    2.0,
    None,
    libraries(),
    digest(DATA),
    5.0,
    DATA,
)
ROWS = np.array([row for row, _ in stream(7, 50)])
ONLINE = ModelScorer(STATE, FEATURES).scores(ROWS)
TREES = FITTED.probabilities(ROWS)


def offered(shelf: BatchShelf, **changes: Any) -> BatchShelf:
    shelf.offer(msgspec.json.encode(msgspec.structs.replace(MODEL, **changes)))
    return shelf


class Bench:
    """A panel and what it asks."""

    def __init__(self, decides: Decides, min_frauds: int = 0, *, online: bool = True, challenger: bool = True) -> None:
        self.online, self.challengers = ModelShelf("online", FEATURES, min_frauds), BatchShelf(FEATURES)
        if online:
            self.online.offer(msgspec.json.encode(STATE))
        if challenger:
            offered(self.challengers)
        self.panel = Panel(self.online, self.challengers, Chair(decides))


def test_the_challenger_is_asked_and_says_what_the_file_says() -> None:
    opinion = Bench("online").panel.ask(ROWS)
    online, challenger = zip(*opinion.said(len(ROWS)), strict=True)
    assert list(online) == ONLINE
    assert challenger == pytest.approx(TREES, abs=1e-12)
    assert opinion.challenger_id == "challenger-3"


@pytest.mark.parametrize(
    ("decides", "ident", "scores"),
    [
        ("online", "online-1", ONLINE),
        ("challenger", "challenger-3", TREES.tolist()),
        ("blend", "online-1+challenger-3", blended(np.array(ONLINE), TREES).tolist()),
    ],
)
def test_who_is_named_decides_and_is_cited(decides: Decides, ident: str, scores: list[float]) -> None:
    opinion = Bench(decides).panel.ask(ROWS)
    assert opinion.id == ident
    assert opinion.scores(ROWS) == pytest.approx(scores, abs=1e-12)


@pytest.mark.parametrize("decides", ["online", "challenger", "blend"])
def test_without_a_challenger_the_online_model_decides(decides: Decides) -> None:
    assert (Bench(decides).panel.decides, Bench(decides, challenger=False).panel.decides) == (decides, "online")
    opinion = Bench(decides, challenger=False).panel.ask(ROWS)
    assert (opinion.id, opinion.scores(ROWS), opinion.challenger_id) == ("online-1", ONLINE, None)
    assert opinion.said(len(ROWS)) == [(score, None) for score in ONLINE]


@pytest.mark.parametrize("decides", ["online", "blend"])
def test_where_the_online_model_has_learnt_too_little_rules_alone_decide(decides: Decides) -> None:
    for bench in (Bench(decides, STATE.frauds + 1), Bench(decides, online=False)):
        opinion = bench.panel.ask(ROWS)
        assert opinion.scores(ROWS) is None
        assert opinion.said(len(ROWS))[0] == (None, pytest.approx(TREES[0]))


def test_a_challenger_that_decides_needs_no_online_model_and_then_has_no_reasons() -> None:
    opinion = Bench("challenger", STATE.frauds + 1).panel.ask(ROWS)
    assert opinion.scores(ROWS) == pytest.approx(TREES, abs=1e-12)
    assert opinion.contributions(ROWS[:3], 3) == [[], [], []]


@pytest.mark.parametrize("decides", ["online", "challenger", "blend"])
def test_the_reasons_are_the_online_models_whoever_decides(decides: Decides) -> None:
    found = Bench(decides).panel.ask(ROWS).contributions(ROWS[5:8], 2)
    assert found == ModelScorer(STATE, FEATURES).contributions(ROWS[5:8], 2)
    assert any(found)


def test_where_there_is_no_model_nothing_is_said_and_nothing_is_cited() -> None:
    opinion = Bench("blend", online=False, challenger=False).panel.ask(ROWS)
    assert (opinion.id, opinion.scores(ROWS), opinion.said(len(ROWS))[0]) == ("none", None, (None, None))


def test_the_newest_challenger_stays_whatever_the_order() -> None:
    shelf = BatchShelf(FEATURES)
    for version in (2, 5, 3, 5):
        offered(shelf, version=version, learnt=version)
    assert shelf.in_force is not None
    assert (shelf.in_force.model.id, shelf.in_force.model.learnt, shelf.refused) == ("challenger-5", 5, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "0"},
        {"features": ["amount"]},
        {"data": b"", "sha256": digest(b"")},
        {"libraries": {}},
        {"version": 0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_challenger_that_cannot_be_used_is_refused_and_the_one_there_stays(changes: dict[str, Any]) -> None:
    shelf = offered(BatchShelf(FEATURES))
    before = shelf.in_force
    offered(shelf, **{"version": 9, **changes})
    assert (shelf.in_force, shelf.refused) == (before, 1)
    assert shelf.refusal


@pytest.mark.parametrize("data", [b"", b"null", b"{", b'{"name": "\xff"}', b"[" * 100_000])
def test_what_is_no_challenger_is_refused(data: bytes) -> None:
    shelf = offered(BatchShelf(FEATURES))
    shelf.offer(data)
    assert (shelf.in_force is not None, shelf.refused) == (True, 1)
