"""6,000 generated transactions through a worker and through the pipeline: the counts agree everywhere."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from fraud_stream.archive.layout import Archive, scored_files
from fraud_stream.archive.write import write
from fraud_stream.batch.opening import warehouse
from fraud_stream.batch.pipeline import run
from fraud_stream.batch.step import Batch
from fraud_stream.batch.warehouse import Warehouse
from fraud_stream.commands.archived_history import from_archive, learn_from_archive
from fraud_stream.commands.warehoused_history import learn_from_warehouse
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.evaluation.past import FRAUD, UNKNOWN, Needed
from fraud_stream.evaluation.training_set import Columns, TrainingSet
from fraud_stream.reading import read_all
from fraud_stream.records import DeadLetter
from fraud_stream.sections import WarehouseSettings
from fraud_stream.settings import Settings
from tests.harness import ROOT, a_broker, count, settings_for, transaction_alerts, values, wait_until, worker

pytestmark = pytest.mark.broker
DAY = date(2024, 1, 31)
SENT = 6_000
GENERATE = ["generate", "--count", str(SENT), "--rate", "1000/h", "--speed", "max", "--start", f"{DAY} 06:00:00"]
#: Labels that come after the day leave its features alone; they are sent at the end.
FAULTS = ["--broken-rate", "0.01", "--label-delay", "7d", "--flush-labels", "--quiet"]


class Done(NamedTuple):
    """What went through both."""

    settings: Settings
    warehouse: Warehouse

    def ask(self, sql: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = self.warehouse.rows(sql).to_dict("records")
        return found

    def run(self) -> dict[str, tuple[int, int, int]]:
        return {one.step: one.counts for one in run(Batch(self.settings, self.warehouse, DAY))}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    folder: Path = tmp_path_factory.mktemp("pipeline")
    with a_broker(folder) as port:
        settings, environ = settings_for(port, folder, FRAUD_STREAM_TOPICS_PARTITIONS="2")
        generate = [sys.executable, "-m", "fraud_stream", *GENERATE, *FAULTS]
        subprocess.run(generate, env=environ, cwd=ROOT, check=True, timeout=120)
        with worker(environ, folder):
            wait_until(lambda: count(settings, "scored") + count(settings, "transactions-dead") > SENT * 0.98, 120)
            settled: list[int] = []
            wait_until(
                lambda: (settled.append(count(settings, "scored")), settled[-3:] == [settled[-1]] * 3)[1], every=1
            )
        with warehouse(WarehouseSettings(url=f"duckdb:///{folder}/w.duckdb")) as opened:
            yield Done(settings, opened)


def test_the_counts_agree_everywhere(done: Done) -> None:
    steps = done.run()
    topic, scored = count(done.settings, "transactions"), values(done.settings, "scored")
    dead = [DeadLetter.from_headers(one.headers()).reason for one in read_all(done.settings, "transactions-dead")]
    assert topic == SENT
    assert steps["ingest"] == (SENT, SENT, 0)
    (counts,) = done.ask("SELECT * FROM ANALYTICS.DAILY_COUNTS")
    assert counts["raw"] == SENT
    assert counts["cleaned"] == counts["summarised"] == counts["featured"] == counts["scored"] == len(scored)
    assert counts["invalid"] == len(dead) > 30
    assert counts["duplicates"] == SENT - len(scored) - len(dead) > 30
    assert counts["alerts"] == len(transaction_alerts(done.settings)) > 0
    assert counts["agree"]


def test_what_is_invalid_is_what_the_stream_calls_invalid(done: Done) -> None:
    letters = [
        (letter.partition, letter.offset, letter.reason)
        for letter in (DeadLetter.from_headers(one.headers()) for one in read_all(done.settings, "transactions-dead"))
    ]
    rejected = done.ask("SELECT * FROM CLEANED_DATA.REJECTED_TRANSACTIONS WHERE reason <> 'duplicate'")
    assert Counter((one["partition_id"], one["position"], one["reason"]) for one in rejected) == Counter(letters)


def test_features_are_those_that_the_stream_scored_with(done: Done) -> None:
    online = {one["transaction"]["transaction_id"]: one["features"] for one in values(done.settings, "scored")}
    offline = done.ask("SELECT * FROM ANALYTICS.TRANSACTION_FEATURES")
    assert len(offline) == len(online)
    for one in offline:
        features = online[str(one["transaction_id"])]
        assert {name: one[name] for name in features} == features


def test_frauds_of_the_summary_are_those_of_the_labels(done: Done) -> None:
    frauds = {one["transaction_id"] for one in values(done.settings, "labels") if one["is_fraud"]}
    cleaned = {str(one["transaction_id"]) for one in done.ask("SELECT * FROM CLEANED_DATA.CLEANED_TRANSACTIONS")}
    (summed,) = done.ask(
        "SELECT sum(fraud_count) AS n, sum(unique_customers) AS c FROM ANALYTICS.HOURLY_CATEGORY_SUMMARY"
    )
    assert summed["n"] == len(frauds & cleaned) > 300


def test_run_again_it_loads_nothing_twice(done: Done) -> None:
    steps = done.run()
    assert steps["ingest"] == steps["export"] == (0, 0, 0)
    (counts,) = done.ask("SELECT * FROM ANALYTICS.DAILY_COUNTS")
    assert counts["raw"] == SENT
    assert counts["agree"]


def test_the_archive_has_each_decision_once_with_its_label(done: Done, tmp_path: Path) -> None:
    scored, labels = values(done.settings, "scored"), values(done.settings, "labels")
    assert write(done.settings, Archive(tmp_path))[:2] == (len(scored), len(labels))
    assert write(done.settings, Archive(tmp_path))[:2] == (0, 0)
    assert {path.parent.name for path in scored_files(tmp_path)} == {f"day={DAY}"}
    pasts = list(from_archive(tmp_path, Needed(("amount",), ()), Counter()))
    told = Counter(label for past in pasts for label in past.labels.tolist())
    assert sum(told.values()) == len(scored)
    assert told[UNKNOWN] == 0
    assert told[FRAUD] == sum(one["is_fraud"] for one in labels)
    history, maker = TrainingSet(1e9, 1_000_000), FeatureMaker(done.settings.feature_settings)
    assert not learn_from_archive(tmp_path, maker, history).left_out
    learnt = Counter(map(tuple, history.columns().rows.tolist()))
    assert learnt == Counter(tuple(one["features"].values()) for one in scored)


def test_the_warehouse_teaches_what_the_archive_does(done: Done, tmp_path: Path) -> None:
    """The same transactions, features, labels and times; those that the stream has scored and labelled."""
    done.run()
    write(done.settings, Archive(tmp_path))
    maker = FeatureMaker(done.settings.feature_settings)
    of_archive, of_warehouse = TrainingSet(1e9, 1_000_000), TrainingSet(1e9, 1_000_000)
    assert not learn_from_archive(tmp_path, maker, of_archive).left_out
    assert not learn_from_warehouse(done.warehouse, maker, of_warehouse).left_out
    for name, one, other in zip(Columns._fields, of_archive.columns(), of_warehouse.columns(), strict=True):
        if name in {"times", "known"}:  # the warehouse has microseconds
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
        else:
            np.testing.assert_array_equal(one, other)
