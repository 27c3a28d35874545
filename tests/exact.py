"""A stream of payments that is hard on exactness, and what an application must have left of it, whatever befell it."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fraud_stream.domain.intake import Intake
from fraud_stream.domain.memory import DictProfiles, DictWindows
from fraud_stream.domain.profile import Profile
from fraud_stream.domain.windows import WindowStats
from fraud_stream.engine.keys import decode_key
from fraud_stream.kafka import create_topics, make_producer
from fraud_stream.reading import read_all
from fraud_stream.records import alert_id
from fraud_stream.settings import Settings
from tables.codecs import StructCodec
from tests.harness import count, transaction_alerts, values, wait_until
from tests.truth import decide_all

CUSTOMERS = 400
START = 1_700_000_000.0


def payments(number: int, seed: int = 7, customers: int = CUSTOMERS, gap: float = 1.0) -> Iterator[tuple[str, bytes]]:
    """Keyed payments, `gap` seconds apart: some late, some sent twice, keys with a quote and a letter beyond ASCII."""
    rnd = random.Random(seed)
    now = START
    sent: list[tuple[str, bytes]] = []
    for n in range(number):
        now += rnd.expovariate(1.0 / gap)
        if rnd.random() < 0.01 and sent:
            yield rnd.choice(sent[-5_000:])  # a duplicate, exactly as it was
            continue
        customer = f'C"{rnd.randrange(customers)}é'
        body = {
            "transaction_id": f"T{n}",
            "customer_id": customer,
            "timestamp": round(now - (rnd.random() * 30 if rnd.random() < 0.05 else 0), 3),
            "amount": round(rnd.lognormvariate(4, 1), 2),
            "location": rnd.choice(["Oslo", "Rome", "Lima"]),
            "device_id": f"D{rnd.randrange(5)}",
            "payment_method": rnd.choice(["Credit Card", "Cryptocurrency"]),
        }
        sent.append((customer, json.dumps(body).encode()))
        yield sent[-1]


@contextmanager
def fed(settings: Settings, number: int, rate: float) -> Iterator[None]:
    """`number` payments that come at `rate` a second while the block runs; it ends when all are sent."""
    create_topics(settings)
    feeder = threading.Thread(target=feed, args=(settings, number, rate), daemon=True)
    feeder.start()
    yield
    feeder.join(number / rate + 60)
    assert not feeder.is_alive()


def feed(settings: Settings, number: int, rate: float) -> None:
    producer, began = make_producer(settings.broker), time.monotonic()
    for n, (key, value) in enumerate(payments(number)):
        time.sleep(max(0.0, began + n / rate - time.monotonic()))
        producer.produce(settings.topics.transactions, key=key, value=value)
        producer.poll(0)
    assert producer.flush(60) == 0


class Truth:
    """What must be there of the transactions that are on the topic now, from one pass without tables or crashes."""

    def __init__(self, settings: Settings) -> None:
        intake = Intake()
        messages = read_all(settings, settings.topics.transactions)
        transactions = [(message.offset(), intake.read(message.value())) for message in messages]
        self._settings = settings
        self._decided, self._state = decide_all(settings, transactions)

    def check(self, patience: float = 90.0) -> None:
        """Wait until everything is decided and written, and look whether it is right."""
        wait_until(lambda: count(self._settings, "scored") >= len(self._decided), patience)
        wait_until(lambda: self._decided.keys() == scored_ids(self._settings), patience)
        wait_until_right(self._wrong_windows)
        wait_until_right(self._wrong_profiles)
        self._check_alerts()
        self._check_scored()

    def _check_alerts(self) -> None:
        expected = {alert_id(ident) for ident, (_, decision) in self._decided.items() if decision.verdict != "accept"}
        assert {alert["alert_id"] for alert in transaction_alerts(self._settings)} == expected

    def _check_scored(self) -> None:
        for scored in values(self._settings, "scored"):
            row, decision = self._decided[scored["transaction"]["transaction_id"]]
            np.testing.assert_allclose(list(scored["features"].values()), row, rtol=0, atol=1e-9)
            assert scored["verdict"] == decision.verdict
            assert scored["rules"] == [rule.rule.id for rule in decision.hits]

    def _wrong_windows(self) -> dict[Any, Any]:
        codec = StructCodec(WindowStats)
        wrong: dict[Any, Any] = {}
        for table, truth in (("customer_tumbling", self._state.tumbling), ("customer_hopping", self._state.hopping)):
            assert isinstance(truth, DictWindows)
            stored = latest(self._settings, table).items()
            found = {(key[0], key[1][0]): codec.load(value) for key, value in stored}
            wrong |= {(table, *key): both for key, both in differences(found, dict(truth.panes)).items()}
        return wrong

    def _wrong_profiles(self) -> dict[Any, Any]:
        codec, truth = StructCodec(Profile), self._state.profiles
        assert isinstance(truth, DictProfiles)
        stored = latest(self._settings, "customer_profile").items()
        found = {key: codec.dump(codec.load(value)) for key, value in stored}
        return differences(found, {key: codec.dump(profile) for key, profile in truth.items()})


def differences(found: dict[Any, Any], truth: dict[Any, Any]) -> dict[Any, Any]:
    """What is there and what should be, where these differ."""
    keys = found.keys() | truth.keys()
    return {key: (found.get(key), truth.get(key)) for key in keys if found.get(key) != truth.get(key)}


def wait_until_right(wrong: Callable[[], dict[Any, Any]], patience: float = 20.0) -> None:
    """Wait until nothing is wrong any more; else say what is."""
    deadline = time.monotonic() + patience
    while (found := wrong()) and time.monotonic() < deadline:
        time.sleep(0.25)
    assert not found, f"{len(found)} are wrong, for example {list(found.items())[:3]}"


def scored_ids(settings: Settings) -> set[str]:
    return {scored["transaction"]["transaction_id"] for scored in values(settings, "scored")}


def latest(settings: Settings, table: str) -> dict:
    """What a recovery would find: the newest value of each key on the changelog."""
    newest = {}
    for message in read_all(settings, f"{settings.app.id}-{table}-changelog"):
        newest[decode_key(message.key())] = message.value()
    return {key: value for key, value in newest.items() if value is not None}
