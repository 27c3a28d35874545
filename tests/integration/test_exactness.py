"""Two workers, ``kill -9`` of each in turn in mid-stream: nothing lost, nothing counted twice, no alert invented."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud_stream.domain.intake import Intake
from fraud_stream.domain.profile import Profile
from fraud_stream.domain.windows import WindowStats
from fraud_stream.engine.keys import decode_key
from fraud_stream.kafka import read_all
from fraud_stream.records import alert_id
from fraud_stream.settings import Settings
from tables.codecs import StructCodec
from tests.harness import count, produce, settings_for, values, wait_until, worker
from tests.truth import DictProfiles, DictWindows, decide_all

TRANSACTIONS = 30_000
CUSTOMERS = 400
START = 1_700_000_000.0


def transactions(seed: int = 7) -> Iterator[tuple[str, bytes]]:
    rnd = random.Random(seed)
    time = START
    sent: list[tuple[str, bytes]] = []
    for n in range(TRANSACTIONS):
        time += rnd.expovariate(1.0)
        if rnd.random() < 0.01 and sent:
            yield rnd.choice(sent[-5_000:])  # a duplicate, exactly as it was
            continue
        customer = f'C"{rnd.randrange(CUSTOMERS)}é'  # a quote and a letter beyond ASCII in every key
        body = {
            "transaction_id": f"T{n}",
            "customer_id": customer,
            "timestamp": round(time - (rnd.random() * 30 if rnd.random() < 0.05 else 0), 3),
            "amount": round(rnd.lognormvariate(4, 1), 2),
            "location": rnd.choice(["Oslo", "Rome", "Lima"]),
            "device_id": f"D{rnd.randrange(5)}",
            "payment_method": rnd.choice(["Credit Card", "Cryptocurrency"]),
        }
        sent.append((customer, json.dumps(body).encode()))
        yield sent[-1]


@pytest.mark.broker
def test_two_workers_killed_in_turn_lose_and_invent_nothing(broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(
        broker_port, tmp_path, FRAUD_STREAM_MODEL_ENABLED="false", FRAUD_STREAM_ENGINE_CHUNK_SIZE="100"
    )
    produce(settings, settings.topics.transactions, transactions())
    with worker(environ, tmp_path, "a") as a, worker(environ, tmp_path, "b") as b:
        wait_until(lambda: count(settings, "scored") > TRANSACTIONS * 0.2, every=0.05)
        a.kill()
        with worker(environ, tmp_path, "a2") as a2:
            wait_until(lambda: count(settings, "scored") > TRANSACTIONS * 0.6, every=0.05)
            b.kill()
            expected = decided(settings)
            wait_until(lambda: scored_ids(settings) == expected.keys(), patience=90)
            wait_until(
                lambda: latest(settings, "customer_tumbling").keys() and windows_are_exact(settings), patience=20
            )
            assert a2.stop() == 0
    check_outputs(settings, expected)
    assert windows_are_exact(settings)
    assert profiles_are_exact(settings)


def by_partition(settings: Settings) -> Iterator[tuple[int, bytes]]:
    for message in read_all(settings, settings.topics.transactions):
        yield message.offset(), message.value()


def decided(settings: Settings) -> dict:
    intake = Intake()
    found, _ = decide_all(settings, ((offset, intake.read(value)) for offset, value in by_partition(settings)))
    return found


def scored_ids(settings: Settings) -> set[str]:
    return {scored["transaction"]["transaction_id"] for scored in values(settings, "scored")}


def check_outputs(settings: Settings, expected: dict) -> None:
    alerted = {ident for ident, (_, decision) in expected.items() if decision.verdict != "accept"}
    assert {alert["alert_id"] for alert in values(settings, "alerts")} == {alert_id(ident) for ident in alerted}
    for scored in values(settings, "scored"):
        row, decision = expected[scored["transaction"]["transaction_id"]]
        assert list(scored["features"].values()) == pytest.approx(row, abs=1e-9)
        assert scored["verdict"] == decision.verdict
        assert scored["rules"] == [rule.rule.id for rule in decision.hits]


def latest(settings: Settings, table: str) -> dict:
    """What a recovery would find: the newest value of each key on the changelog."""
    newest = {}
    for message in read_all(settings, f"{settings.app.id}-{table}-changelog"):
        newest[decode_key(message.key())] = message.value()
    return {key: value for key, value in newest.items() if value is not None}


def windows_are_exact(settings: Settings) -> bool:
    intake = Intake()
    _, state = decide_all(settings, ((offset, intake.read(value)) for offset, value in by_partition(settings)))
    codec = StructCodec(WindowStats)
    for table, truth in (("customer_tumbling", state.tumbling), ("customer_hopping", state.hopping)):
        assert isinstance(truth, DictWindows)
        found = {(key[0], key[1][0]): codec.load(value) for key, value in latest(settings, table).items()}
        if found != dict(truth.panes):
            return False
    return True


def profiles_are_exact(settings: Settings) -> bool:
    intake = Intake()
    _, state = decide_all(settings, ((offset, intake.read(value)) for offset, value in by_partition(settings)))
    codec = StructCodec(Profile)
    assert isinstance(state.profiles, DictProfiles)
    found = {key: codec.load(value) for key, value in latest(settings, "customer_profile").items()}
    return {key: codec.dump(profile) for key, profile in found.items()} == {
        key: codec.dump(profile) for key, profile in state.profiles.items()
    }
