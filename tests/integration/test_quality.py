"""Live evaluation on a real broker: the page against scikit-learn on what is on `labelled`, crashes, the threshold."""

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

from fraud_stream.evaluation.measures import card_precision
from fraud_stream.evaluation.prequential import Judged
from fraud_stream.settings import Settings
from producers.generate import generate
from tests.harness import Worker, settings_for, values, wait_until, worker

pytestmark = pytest.mark.broker
COUNT = 12_000
DAYS = 4
FAST = {"FRAUD_STREAM_EVALUATION_PUBLISH_INTERVAL": "500ms", "FRAUD_STREAM_MODEL_PUBLISH_INTERVAL": "100ms"}


def play(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], start: str, count: int, seed: int = 1) -> None:
    """Send payments of some days and all their labels."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    options = ["--rate", f"{COUNT // DAYS // 24}/h", "--speed", "max", "--customers", "300", "--quiet"]
    more = ["--count", str(count), "--start", start, "--label-delay", "2h", "--flush-labels", "--seed", str(seed)]
    done = CliRunner().invoke(generate, [*options, *more], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def labelled(settings: Settings) -> list[dict[str, Any]]:
    """What is on the topic, each transaction the first time: a crash may have a join sent twice."""
    return list({row["transaction_id"]: row for row in reversed(values(settings, "labelled"))}.values())


def evaluated(running: Worker, settings: Settings, least: int) -> dict[str, Any]:
    """The page once all labels are on it that are on the topic, and these are at least so many."""

    def found() -> Any:
        page, known = running.get("/quality/"), len(labelled(settings))
        return page if sum(day["labelled"] for day in page["by_day"]) == known >= least else None

    page: dict[str, Any] = wait_until(found, patience=90)
    return page


def test_the_page_shows_what_scikit_learn_makes_of_the_labelled_topic(
    broker_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, environ = settings_for(broker_port, tmp_path, **FAST)
    play(monkeypatch, environ, "2024-01-01", COUNT // 2)
    with worker(environ, tmp_path, "first") as running:
        wait_until(lambda: len(labelled(settings)) > 500, every=0.02)
        running.kill()
    with worker(environ, tmp_path, "second") as running:
        running.wait_until_ready()
        evaluated(running, settings, COUNT // 2 - 500)
        play(monkeypatch, environ, "2024-01-03", COUNT // 2, seed=2)
        page = evaluated(running, settings, COUNT - 1_000)
        expected = shares(settings, "2024-01-03")  # of the days before, a kill took the counts of an interval with it
        wait_until(lambda: shown_shares(running, "2024-01-03") == pytest.approx(expected, abs=1e-9))
        assert running.stop() == 0
    rows = labelled(settings)
    check_all(page, rows)
    check_scored(page, [row for row in rows if row["score"] is not None])


def shares(settings: Settings, since: str) -> dict[str, float]:
    """By day from `since` on: what is labelled, of what was scored."""
    known = Counter(day_of(row["timestamp"]) for row in labelled(settings))
    scored = Counter(day_of(row["transaction"]["timestamp"]) for row in values(settings, "scored"))
    return {day: known[day] / count for day, count in scored.items() if day >= since}


def day_of(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).date().isoformat()


def shown_shares(running: Worker, since: str) -> dict[str, float]:
    return {day["day"]: day["labelled_share"] for day in running.get("/quality/")["by_day"] if day["day"] >= since}


def check_all(page: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    frauds = np.array([row["is_fraud"] for row in rows])
    alerted = np.array([row["verdict"] != "accept" for row in rows])
    assert (page["labelled"], page["frauds"]) == (len(rows), frauds.sum())
    assert page["alerts"]["precision"] == pytest.approx(precision_score(frauds, alerted))
    assert page["alerts"]["recall"] == pytest.approx(recall_score(frauds, alerted))
    delays = np.quantile([row["labelled_at"] - row["timestamp"] for row in rows], [0.5, 0.9, 0.99])
    assert list(page["label_delay_seconds"].values()) == pytest.approx(delays.tolist(), rel=0.045)


def check_scored(page: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    frauds = np.array([row["is_fraud"] for row in rows])
    scores = np.array([row["score"] for row in rows])
    found = page["contestants"]["deciding"]
    assert (found["transactions"], found["frauds"]) == (len(rows), frauds.sum())
    assert found["average_precision"] == pytest.approx(average_precision_score(frauds, scores), abs=0.003)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(frauds, scores), abs=0.001)
    for name, measure in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        assert found[name] == pytest.approx(measure(frauds, scores >= 0.5)), name
    assert f1_score(frauds, scores >= found["best_threshold"]) == pytest.approx(found["best_f1"])
    numbers: dict[str, int] = {}
    customers = [numbers.setdefault(row["customer_id"], len(numbers)) for row in rows]
    times = np.array([row["timestamp"] for row in rows])
    judged = Judged(times, np.array(customers), frauds, {"model": scores}, np.zeros(len(rows)))
    assert found["card_precision"] == pytest.approx(card_precision(judged, scores, 100), abs=1e-9)


def thresholds(settings: Settings) -> list[float]:
    return [scored["threshold"] for scored in values(settings, "scored")]


@pytest.mark.parametrize("by", ["best-f1", "budget"])
def test_all_workers_decide_by_the_threshold_that_the_stream_has_shown(
    by: str, broker_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"FRAUD_STREAM_MODEL_THRESHOLD_BY": by, "FRAUD_STREAM_MODEL_ALERT_BUDGET": "60"}
    settings, environ = settings_for(broker_port, tmp_path, **FAST, **more)
    play(monkeypatch, environ, "2024-01-01", 2_000)
    with worker(environ, tmp_path, "a") as a:
        a.wait_until_ready()
        evaluated(a, settings, 1_800)
        play(monkeypatch, environ, "2024-01-02", 3_000, seed=2)  # the model is asked now
        evaluated(a, settings, 4_500)
        with worker(environ, tmp_path, "b") as b:
            wait_until(lambda: {a.partitions(), b.partitions()} == {2})
            page = wait_until(lambda: same_thresholds(a, b, by))
            time.sleep(1.0)
            before = len(thresholds(settings))
            play(monkeypatch, environ, "2024-01-05", 40, seed=3)
            wait_until(lambda: len(thresholds(settings)) >= before + 30)
            alerts = values(settings, "alerts")
    first, last = thresholds(settings)[0], {scored["threshold"] for scored in newest(settings)}
    assert first == 0.5
    assert last == {page["threshold"]["value"]} != {0.5}
    assert {alert["threshold"] for alert in alerts if alert["type"] != "DRIFT"} <= set(thresholds(settings))


def newest(settings: Settings) -> list[dict[str, Any]]:
    found = sorted(values(settings, "scored"), key=lambda scored: float(scored["decided_at"]))
    return found[-10:]


def same_thresholds(a: Worker, b: Worker, by: str) -> Any:
    pages = [one.get("/quality/") for one in (a, b)]
    one, other = (page["threshold"] for page in pages)
    return pages[0] if one == other and one["by"] == by else None
