"""What is announced on `models` goes to whom it is for."""

import asyncio
import inspect
import threading
from typing import Any

import msgspec
import pytest

from agents import models as module
from agents.models import kind_of, take
from fraud_stream.models.batch_shelf import BatchShelf
from fraud_stream.models.promotion import Chair, Promotion, Promotions
from fraud_stream.models.shelf import ModelShelf
from tests.models.test_online import FEATURES, STATE
from tests.models.test_panel import MODEL


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "shelf", ModelShelf("online", FEATURES, 0))
    monkeypatch.setattr(module, "challengers", BatchShelf(FEATURES))
    monkeypatch.setattr(module, "chair", Chair())
    monkeypatch.setitem(module.takers, module.promotion.KIND, module.chair.offer)


async def take_all(*records: Any) -> None:
    for record in records:
        waits = take(b"k", msgspec.json.encode(record) if isinstance(record, msgspec.Struct) else record)
        if waits is not None:
            await waits


@pytest.mark.usefixtures("bench")
async def test_each_record_reaches_whom_it_is_for() -> None:
    promotions = Promotions().then(Promotion("blend", None, 3, 1.0, "ann", ""))
    await take_all(STATE, MODEL, promotions)
    assert (module.shelf.state, module.chair.decides) == (STATE, "blend")
    assert module.challengers.in_force is not None
    assert module.challengers.in_force.model.id == MODEL.id
    assert (module.shelf.refused, module.challengers.refused, module.chair.refused) == (0, 0, 0)


@pytest.mark.usefixtures("bench")
async def test_a_challenger_is_loaded_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(module.challengers, "offer", lambda _: threads.append(threading.get_ident()))
    waits = take(b"k", msgspec.json.encode(MODEL))
    assert inspect.isawaitable(waits)
    await asyncio.wait_for(waits, 10)
    assert threads
    assert threads != [threading.get_ident()]


@pytest.mark.usefixtures("bench")
async def test_what_is_none_of_them_is_refused_once() -> None:
    await take_all(
        None, b"", b"{", b"[]", b'{"kind": 7}', b'{"kind": "\xff"}', b"[" * 100_000, b'{"kind": "promotions"}x'
    )
    refused = module.shelf.refused, module.challengers.refused, module.chair.refused
    assert refused == (7, 0, 0)
    await take_all(b'{"kind": "promotions", "name": "x"}', b'{"kind": "hist-gradient-boosting"}')
    assert (module.challengers.refused, module.chair.refused) == (1, 1)
    assert kind_of(None) == ""
