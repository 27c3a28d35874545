"""notebooks/dashboard.ipynb, executed after a worker's run: its figures against those of the topics."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import precision_score, recall_score

from fraud_stream.frames import FOREIGN
from fraud_stream.reading import read_all
from fraud_stream.records import DeadLetter
from fraud_stream.settings import Settings
from producers.generate import generate
from tests.harness import (
    ON_KAFKA,
    ROOT,
    a_broker,
    count,
    produce,
    settings_for,
    transaction_alerts,
    values,
    wait_until,
    worker,
)
from tests.notebooks.executed import NOTEBOOK, PICTURES, Run, execute

pytestmark = [pytest.mark.broker, pytest.mark.embedded]  # what a broker does is no matter here
#: The model alerts what it is less sure of, so that some alerts are its own.
EAGER = {"FRAUD_STREAM_MODEL_ALERT_THRESHOLD": "0.2", "FRAUD_STREAM_MODEL_PUBLISH_INTERVAL": "100ms"}
COUNT = 4_000
DAYS = 3
DAY = 86_400.0
START = 1_704_067_200.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """After a worker's run: payments of three days, some of them unreadable, three too late, and a foreign letter."""
    folder = tmp_path_factory.mktemp("dashboard")
    with a_broker(folder) as port:
        settings, environ = settings_for(port, folder, **EAGER)
        produce(settings, "transactions-dead", [("x", b"nobody of ours has sent this")])
        with worker(environ, folder) as running:
            for day in range(DAYS):
                generate_payments(environ, day)
                wait_until(lambda: is_done(settings))  # the model has learnt of a day when the next one comes
            produce(settings, "transactions", [late(settings, n) for n in range(3)])
            wait_until(lambda: is_done(settings))
            yield execute(settings, environ, folder)
            assert running.stop() == 0


def generate_payments(environ: Mapping[str, str], day: int) -> None:
    number = str(COUNT // DAYS)
    options = ["--rate", f"{number}/d", "--speed", "max", "--count", number, "--customers", "300", "--seed", str(day)]
    faults = ["--broken-rate", "0.03", "--duplicate-rate", "0", "--start", f"2024-01-{day + 1:02}"]
    labels = ["--label-delay", "2h", "--flush-labels", "--quiet"]
    done = CliRunner().invoke(generate, [*options, *faults, *labels], env=dict(environ), catch_exceptions=False)
    assert done.exit_code == 0, done.output


def late(settings: Settings, number: int) -> tuple[str, bytes]:
    """A payment of a customer of this run that is days behind the newest of its partition."""
    customer = values(settings, "scored")[number]["transaction"]["customer_id"]
    body = {"transaction_id": f"L{number}", "customer_id": customer, "timestamp": START + number, "amount": 1}
    return customer, json.dumps(body).encode()


def is_done(settings: Settings) -> bool:
    """Whether every transaction was decided or refused, and every label joined."""
    decided = count(settings, "scored") + count(settings, "transactions-dead") - 1
    return decided >= count(settings, "transactions") and count(settings, "labelled") >= count(settings, "labels")


def distinct(records: list[Any], *names: str) -> list[Any]:
    """Each record once, the first time."""
    return list({tuple(one[name] for name in names): one for one in reversed(records)}.values())


def scored(settings: Settings) -> list[Any]:
    return distinct(values(settings, "scored"), "partition", "offset")


def alerts(settings: Settings) -> list[Any]:
    return distinct(transaction_alerts(settings), "alert_id")


def reasons(settings: Settings) -> Counter[str]:
    """Dead letters by their reason."""
    headers = [message.headers() for message in read_all(settings, "transactions-dead")]
    return Counter(DeadLetter.from_headers(one).reason if one else FOREIGN for one in headers)


def total(table: str, place: int) -> int:
    """The sum of a column of a table over time, whose rows begin with a date."""
    lines = [line.split() for line in table.splitlines() if re.match(r"\d{4}-", line)]
    return sum(int(line[place]) for line in lines)


def test_the_cards_are_what_the_topics_hold(run: Run) -> None:
    decided, alerted = scored(run.settings), alerts(run.settings)
    latencies = 1_000 * np.quantile([one["latency"] for one in decided], [0.5, 0.99])
    dead, cards = reasons(run.settings), run.rows("cards")
    money, paid = (sum(amounts) for amounts in ([a["amount"] for a in alerted], [amount(one) for one in decided]))
    assert len(decided) > 0.9 * COUNT
    assert len(alerted) > 100
    assert cards == {
        "transactions": [f"{len(decided):,}", "3 of them late"],
        "alerts": [f"{len(alerted):,}", f"{len(alerted) / len(decided):.1%} of the transactions"],
        "dead letters": [f"{sum(dead.values()):,}", cards["dead letters"][1]],
        "median latency": [f"{latencies[0]:,.1f} ms", "from the broker to the decision"],
        "p99 latency": [f"{latencies[1]:,.1f} ms", "one of a hundred takes longer"],
        "money alerted": [f"{money:,.2f}", f"of {paid:,.2f} paid"],
        "workers": ["1" if ON_KAFKA else "-", "in the consumer group now"],  # the embedded broker does not tell
        "model versions": [str(len({one["model_version"] for one in decided})), cards["model versions"][1]],
        "rule versions": ["1", f"the newest {decided[0]['rules_version']}"],
    }


def test_the_cards_name_the_most_frequent_reason_and_the_newest_model(run: Run) -> None:
    cards, dead = run.rows("cards"), reasons(run.settings)
    reason = cards["dead letters"][1].removeprefix("most of them ")
    assert dead[reason] == max(dead.values())
    newest = max(scored(run.settings), key=lambda one: float(one["decided_at"]))
    assert cards["model versions"][1] == f"the newest {newest['model_version']}"


def amount(one: dict[str, Any]) -> float:
    return float(one["transaction"]["amount"])


def test_what_was_read_is_all_there_is(run: Run) -> None:
    text = run.text("read")
    expected = {
        "scored": len(scored(run.settings)),
        "alerts": len(alerts(run.settings)),
        "dead_letters": sum(reasons(run.settings).values()),
        "labelled": count(run.settings, "labelled"),
    }
    for name, number in expected.items():
        assert re.search(rf"^{name} +{number} .* 0$", text, re.MULTILINE), (name, number, text)
    assert run.text("headline").startswith(f"{expected['scored']:,} decisions from ")


@pytest.mark.parametrize("cell", ["records", "closer"])
def test_records_over_time_are_all_that_were_decided(cell: str, run: Run) -> None:
    decided, text = scored(run.settings), run.text(cell)
    alerted = sum(one["verdict"] != "accept" for one in decided)
    assert (total(text, -2), total(text, -1)) == (len(decided) - alerted, alerted)


def test_an_hour_of_decisions_is_where_it_was(run: Run) -> None:
    stamps = [message.timestamp()[1] // 3_600_000 for message in read_all(run.settings, "scored")]
    found = [line.split() for line in run.text("records").splitlines()]
    by_hour = {f"{row[0]} {row[1]}": int(row[2]) + int(row[3]) for row in found if row[0].startswith("2")}
    expected = {
        str(np.datetime64(hour, "h")).replace("T", " ") + ":00:00+00:00": n for hour, n in Counter(stamps).items()
    }
    assert {hour: number for hour, number in by_hour.items() if number} == expected
    assert 24 <= len(by_hour) <= 26


def test_latency_is_that_of_the_decisions(run: Run) -> None:
    latencies = [1_000 * one["latency"] for one in scored(run.settings)]
    expected = [len(latencies), *np.quantile(latencies, [0.5, 0.95, 0.99]), max(latencies)]
    (row,) = (line.split() for line in run.text("latency-table").splitlines() if line.startswith("all "))
    assert [float(value) for value in row[1:]] == pytest.approx(expected, abs=0.06)


def test_errors_are_the_dead_letters_by_reason_and_the_late(run: Run) -> None:
    expected = {**reasons(run.settings), "late": 3}
    names = run.text("errors").splitlines()[1].split()
    assert {name: total(run.text("errors"), place - len(names)) for place, name in enumerate(names)} == expected
    assert len(expected) > 4


def test_shares_are_of_the_alerts(run: Run) -> None:
    found = alerts(run.settings)
    kinds = Counter({"MODEL": "model", "UNSUPERVISED": "anomaly"}.get(one["type"], "rules") for one in found)
    hits = Counter(rule for one in found for rule in {r["name"] for r in one["reasons"] if r["source"] == "rule"})
    for cell, expected in (("components", kinds), ("rules", hits)):
        shown = {line.split()[0]: line.split()[1:] for line in run.text(cell).splitlines()[2:]}
        assert {name: int(number) for name, (number, _) in shown.items() if name in expected} == expected
        for name, (number, share) in ((name, row) for name, row in shown.items() if name in expected):
            assert float(share) == pytest.approx(int(number) / len(found), abs=1e-6), name
    assert set(kinds) >= {"rules", "model"}


def test_types_and_severities_are_those_of_the_alerts(run: Run) -> None:
    found = alerts(run.settings)
    for cell, name in (("types", "type"), ("severity", "severity")):
        shown = {line.split()[0]: line.split()[1:] for line in run.text(cell).splitlines()[2:]}
        expected = Counter(one[name] for one in found)
        assert {key: sum(map(int, row)) for key, row in shown.items() if key in expected} == expected


def test_quality_is_what_scikit_learn_makes_of_the_labels_of_each_day(run: Run) -> None:
    labelled = distinct(values(run.settings, "labelled"), "customer_id", "transaction_id")
    shown = {line.split()[0]: line.split()[1:] for line in run.text("quality-table").splitlines()[2:]}
    assert set(shown) == {str(np.datetime64(int(one["timestamp"] // DAY), "D")) for one in labelled}
    for day, (number, frauds, alerted, precision, recall) in shown.items():
        those = [one for one in labelled if str(np.datetime64(int(one["timestamp"] // DAY), "D")) == day]
        truth, said = ([one["is_fraud"] for one in those], [one["verdict"] != "accept" for one in those])
        assert [float(number), float(frauds), float(alerted)] == [len(those), sum(truth), sum(said)]
        assert float(precision) == pytest.approx(precision_score(truth, said), abs=6e-4)
        assert float(recall) == pytest.approx(recall_score(truth, said), abs=6e-4)
    assert len(shown) >= DAYS
    assert run.text("quality").count("2024-01-0") == len(shown)


@pytest.mark.parametrize("cell", PICTURES)
def test_each_picture_is_there_and_shows_something(cell: str, run: Run) -> None:
    pixels = run.picture(cell)[..., :3]
    assert pixels.shape[0] > 100
    assert pixels.shape[1] > 800
    coloured = np.ptp(pixels, axis=2) > 0.1  # neither white, nor black, nor grey: axes and letters alone have none
    assert coloured.mean() > 0.0005


def test_it_is_kept_without_outputs() -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}, cell["id"]
        assert (cell.get("outputs"), cell.get("execution_count")) in (([], None), (None, None)), cell["id"]
    assert notebook["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def test_the_application_itself_needs_no_jupyter() -> None:
    locked = {line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines()}
    assert not locked & {"ipykernel", "ipython", "jupyter-core", "nbclient", "nbformat"}
