"""docs/operations.md, re-process: another worker decides all payments again, beside what was there."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from fraud_stream.settings import Settings, load
from tests.harness import ROOT, count, produce, settings_for, values, wait_until, worker
from tests.integration.test_challenger import label, payments

pytestmark = pytest.mark.broker
NUMBER = 1_200
PAGE = (ROOT / "docs" / "operations.md").read_text()
#: What the page sets.
ANEW = dict(re.findall(r"(FRAUD_STREAM_(?:APP_ID|TOPICS_\w+))=(\S+)", PAGE.partition("## Re-process")[2]))


def decided(settings: Settings) -> dict[tuple[int, int], Any]:
    """What was decided of each transaction: its features but those that count labels, and the alert."""
    found = {}
    for one in values(settings, settings.topics.scored):
        features = {n: v for n, v in one["features"].items() if not n.startswith(("customer_", "merchant_"))}
        found[one["partition"], one["offset"]] = features
    return found


def rule_alerts(settings: Settings) -> set[str]:
    """The ids of the alerts that a rule has made."""
    alerts = (one for one in values(settings, settings.topics.alerts) if "stream" not in one)
    return {one["alert_id"] for one in alerts if any(why["source"] == "rule" for why in one["reasons"])}


def test_it_makes_the_same_again_and_leaves_what_was_there(broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(broker_port, tmp_path)
    found = payments(0, NUMBER)
    produce(settings, "transactions", [(customer, record) for customer, record, _ in found])
    produce(settings, "labels", [label(*one) for one in found])
    produce(settings, "transactions", [("C1", b"no JSON")])
    with worker(environ, tmp_path, "first") as first:
        wait_until(lambda: count(settings, "labelled") >= NUMBER)
        assert first.stop() == 0
    sizes = {name: count(settings, name) for name in ("scored", "alerts", "labelled", "models")}
    other = {**environ, **ANEW, "FRAUD_STREAM_APP_ID": f"{settings.app.id}-anew"}  # no other test's group
    anew = load(other).settings
    with worker(other, tmp_path, "second") as second:
        wait_until(second.partitions)
        wait_until(lambda: count(anew, anew.topics.labelled) >= NUMBER)
        assert second.stop() == 0
    assert {name: count(settings, name) for name in sizes} == sizes
    assert decided(anew) == decided(settings)
    assert rule_alerts(anew) == rule_alerts(settings) != set()
    assert count(anew, anew.topics.dead) == count(settings, settings.topics.dead) == 1
    assert len({one["transaction_id"] for one in values(anew, anew.topics.labelled)}) == NUMBER


def test_the_page_gives_another_name_to_all_that_a_worker_makes() -> None:
    settings = load({"FRAUD_STREAM_CONF": os.devnull, **ANEW}).settings
    shipped = load({"FRAUD_STREAM_CONF": os.devnull}).settings
    ours = {name: getattr(settings.topics, name) for name in type(settings.topics).model_fields}
    same = {name for name, value in ours.items() if value == getattr(shipped.topics, name)}
    assert same == {"transactions", "labels", "rules", "audit", "partitions", "replication"}
    assert settings.app.id != shipped.app.id
