"""A worker under fuzz: it lives, and nothing else in a chunk is lost."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraud_stream.domain.intake import REASONS
from fraud_stream.reading import read_all
from fraud_stream.records import DeadLetter
from tests.harness import count, produce, settings_for, values, wait_until, worker

pytestmark = pytest.mark.broker
FIELDS = ["transaction_id", "customer_id", "user_id", "timestamp", "amount", "location", "merchant", "device"]
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([1e18, 1.7e12, -1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
RECORDS = st.one_of(
    st.none(),
    st.binary(max_size=60),
    ANY_JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(FIELDS), ANY_JSON, max_size=8).map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(FIELDS), ANY_JSON, min_size=4).map(lambda value: json.dumps(value).encode()[:-5]),
)
KEYS = st.none() | st.binary(max_size=10) | st.text(max_size=10).map(lambda text: text.encode("utf-8", "surrogatepass"))


def collected(most: int = 1_500) -> list[tuple[bytes | None, bytes | None]]:
    """Records that hypothesis thinks of."""
    found: list[tuple[bytes | None, bytes | None]] = []

    @settings(max_examples=most, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(KEYS, RECORDS)
    def collect(key: bytes | None, value: bytes | None) -> None:
        found.append((key, value))

    collect()
    return found


def good(n: int) -> tuple[bytes, bytes]:
    body = {"transaction_id": f"good-{n}", "customer_id": f"c{n % 7}", "timestamp": 1.7e9 + n, "amount": 1}
    return f"c{n % 7}".encode(), json.dumps(body).encode()


def test_fuzzed_records_stop_nothing_and_lose_nothing(broker_port: int, tmp_path: Path) -> None:
    conf, environ = settings_for(broker_port, tmp_path)
    fuzz = collected()
    giants = [(b"c0", b'{"transaction_id":"' + bytes([98]) * 1_000_000 + b'"}')] * 3
    records = [*fuzz, *giants, *(good(n) for n in range(500))]
    random.Random(1).shuffle(records)
    produce(conf, "transactions", records)
    produce(conf, "labels", fuzz)
    with worker(environ, tmp_path) as running:
        wait_until(lambda: good_ones(conf) == {f"good-{n}" for n in range(500)})
        wait_until(lambda: accounted(conf, "transactions") >= len(records))
        assert running.process.poll() is None
        assert running.stop() == 0
    assert accounted(conf, "transactions") == len(records)
    letters = [DeadLetter.from_headers(m.headers()) for m in read_all(conf, "transactions-dead")]
    assert {letter.reason for letter in letters} <= set(REASONS)
    assert sum(letter.topic == "labels" for letter in letters) == len(fuzz)  # none of them is a label


def good_ones(conf: Any) -> set[str]:
    idents = (scored["transaction"]["transaction_id"] for scored in values(conf, "scored"))
    return {ident for ident in idents if ident.startswith("good-")}


def accounted(conf: Any, topic: str) -> int:
    """Records of a topic that were scored or refused.  A fuzzed record that is a transaction has an id of its own."""
    dead = (DeadLetter.from_headers(m.headers()) for m in read_all(conf, "transactions-dead"))
    return count(conf, "scored") + sum(letter.topic == topic for letter in dead)
