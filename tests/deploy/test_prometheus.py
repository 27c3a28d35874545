"""A real Prometheus scrapes a running worker: what alerts and dashboards ask for is there."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from ruamel.yaml import YAML

from fraud_stream.broker import free_port
from tests.harness import ROOT, a_broker, produce, settings_for, wait_until, worker
from tests.integration.test_metrics import NUMBER, labels, payments

HERE = ROOT / "deploy" / "prometheus"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
needs_prometheus = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs Prometheus; on Debian and Ubuntu: apt-get install prometheus"
)
yaml = YAML(typ="safe")


def alerts() -> dict[str, str]:
    (group,) = yaml.load((HERE / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            yield f"{path.stem}: {panel['title']}", panel


@needs_prometheus
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),  # the token's file is there where it is deployed
        ("test", "rules", "alerts.test.yml"),
    ],
)
def test_prometheus_takes_the_files_and_the_alerts_fire_when_they_should(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=HERE, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_says_what_is_wrong_and_where_to_look() -> None:
    (group,) = yaml.load((HERE / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"].keys() == {"summary", "look"}


class Prometheus:
    """A Prometheus that scrapes a worker each second."""

    def __init__(self, folder: Path, target: str, token: str | None = None) -> None:
        config = yaml.load((HERE / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(HERE / "alerts.yml")]
        job = config["scrape_configs"][0]
        job["static_configs"] = [{"targets": [target]}]
        job.pop("authorization")
        job.update({"authorization": {"credentials": token}} if token else {})
        (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = (folder / "prometheus.log").open("wb")
        command = [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def ask(self, path: str, **parameters: str) -> Any:
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def samples(self, query: str) -> list[Any]:
        found: list[Any] = self.ask("query", query=query.replace("$__rate_interval", "30s"))["result"]
        return found

    def is_scraping(self) -> bool:
        try:
            return bool(self.samples("count_over_time(fraud_stream_transactions_scored_total[1m]) > 5"))
        except OSError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    with a_broker(folder) as port:
        access = {"FRAUD_STREAM_WEB_BIND": "0.0.0.0", "FRAUD_STREAM_WEB_TOKENS": f"viewer:prometheus:{'v' * 40}"}
        settings, environ = settings_for(port, folder, **access, FRAUD_STREAM_EVALUATION_PUBLISH_INTERVAL="100ms")
        produce(settings, "transactions", payments(0, NUMBER // 2))
        produce(settings, "labels", labels(0, NUMBER // 2))
        with worker(environ, folder) as running:
            running.wait_until_ready()
            wait_until(lambda: running.metric("fraud_stream_model_labels_learnt") == NUMBER // 2)
            produce(settings, "transactions", payments(NUMBER // 2, NUMBER))
            produce(settings, "labels", labels(NUMBER // 2, NUMBER))
            started = Prometheus(folder, f"127.0.0.1:{running.port}", running.tokens["viewer"])
            try:
                wait_until(started.is_scraping)
                wait_until(lambda: running.samples("fraud_stream_labelled_ratio") == [1.0])
                yield started
            finally:
                started.stop()


@needs_prometheus
@pytest.mark.broker
def test_every_query_of_every_panel_returns_data(prometheus: Prometheus) -> None:
    queries = {f"{name}: {one['expr']}": one["expr"] for name, panel in panels() for one in panel["targets"]}
    assert len(queries) > 30
    silent = [name for name, query in queries.items() if not prometheus.samples(query)]
    assert silent == []


@needs_prometheus
@pytest.mark.broker
def test_every_alert_is_evaluated_and_what_it_asks_for_is_there(prometheus: Prometheus) -> None:
    (group,) = prometheus.ask("rules")["groups"]
    assert {rule["name"]: rule["health"] for rule in group["rules"]} == dict.fromkeys(alerts(), "ok")
    for name, expression in alerts().items():
        selectors = re.findall(r"\b(?:fraud_stream_\w+|up)\b(?:\{[^}]*\})?", expression)
        assert selectors
        for selector in selectors:
            assert prometheus.samples(selector), f"{name} asks for {selector}, which is not there"
