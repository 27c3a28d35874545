"""A stream of payments that is hard on exactness, and what an application must have left of it, whatever befell it."""

import json
import random
from collections.abc import Iterator

import pytest

from fraud_stream.domain.intake import Intake
from fraud_stream.domain.profile import Profile
from fraud_stream.domain.windows import WindowStats
from fraud_stream.engine.keys import decode_key
from fraud_stream.kafka import read_all
from fraud_stream.records import alert_id
from fraud_stream.settings import Settings
from tables.codecs import StructCodec
from tests.harness import values
from tests.truth import DictProfiles, DictWindows, decide_all

CUSTOMERS = 400
START = 1_700_000_000.0


def payments(number: int, seed: int = 7) -> Iterator[tuple[str, bytes]]:
    """Keyed payments: some late, some sent twice, keys with a quote and a letter beyond ASCII."""
    rnd = random.Random(seed)
    time = START
    sent: list[tuple[str, bytes]] = []
    for n in range(number):
        time += rnd.expovariate(1.0)
        if rnd.random() < 0.01 and sent:
            yield rnd.choice(sent[-5_000:])  # a duplicate, exactly as it was
            continue
        customer = f'C"{rnd.randrange(CUSTOMERS)}é'
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
