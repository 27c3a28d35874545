"""`backtest`, as an analyst uses and misuses it."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fraud_stream.commands.evaluate import labelled
from fraud_stream.commands.filed_history import Filed, from_file
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.intake import Intake
from fraud_stream.evaluation.past import Needed
from fraud_stream.evaluation.prequential import Prequential
from fraud_stream.files.mapping import load_mapping
from fraud_stream.records import Labelled
from fraud_stream.settings import Settings
from tests.harness import produce

START = 1_700_000_000.0
HOUR = 3_600.0
RULE = "amount > 300 and payment_method == 'Gift Card'"


def payment(n: int, rnd: random.Random) -> dict[str, Any]:
    is_fraud = rnd.random() < 0.15
    return {
        "transaction_id": f"T{n}",
        "customer_id": f"C{n % 30}",
        "timestamp": START + HOUR / 2 * n,
        "merchant_id": f"M{rnd.randrange(5)}",
        "amount": round(rnd.uniform(200, 600) if is_fraud else rnd.uniform(5, 400), 2),
        "payment_method": rnd.choice(["Gift Card", "Card"]),
        "is_fraud": is_fraud,
    }


def payments(count: int = 1_200) -> list[dict[str, Any]]:
    rnd = random.Random(4)
    return [payment(n, rnd) for n in range(count)]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A payment each half an hour for 25 days, in no order, with a row twice and one that is none."""
    rows = payments()
    rows.append(rows[50])
    random.Random(1).shuffle(rows)
    return written(tmp_path / "payments.jsonl", [*rows, {"amount": "much"}])


def told(run: Any, *arguments: str) -> Any:
    result = run("backtest", *arguments, "--json", "-")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def hits(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["amount"] > 300 and row["payment_method"] == "Gift Card"]


def test_a_condition_on_a_file_of_payments(run, file):
    found, hit = told(run, RULE, "--from", str(file)), hits(payments())
    frauds = [row for row in hit if row["is_fraud"]]
    figures = found["figures"]
    assert found["rule"] == {"id": None, "when": RULE, "state": None}
    assert (found["transactions"], found["labelled"]) == (1_200, 1_200)
    assert found["days"] == pytest.approx(1_199 / 48)
    assert (figures["hits"], figures["frauds"], figures["unknown"]) == (len(hit), len(frauds), 0)
    assert figures["precision"] == pytest.approx(len(frauds) / len(hit))
    assert figures["saved"] == pytest.approx(sum(row["amount"] for row in frauds))
    assert figures["false_a_day"] == pytest.approx((len(hit) - len(frauds)) / (1_199 / 48))
    assert [one["transaction_id"] for one in found["examples"]["frauds"]] == [
        row["transaction_id"] for row in frauds[:-6:-1]
    ]
    assert found["left_out"] == {"payments that come twice": 1, "rows that the worker would refuse": 1}
    same = {one["id"]: one for one in found["rules"]}["risky-method-high-amount"]
    assert (same["shared"], same["figures"]) == (len(hit), figures)
    assert (found["shared"], found["alone"]["hits"]) == (len(hit), 0)


def test_the_tables_say_the_same(run, file):
    result = run("backtest", RULE, "--from", str(file))
    assert result.exit_code == 0
    lines = {line.split("  ")[0]: line.split() for line in result.stdout.splitlines()}
    assert lines["this rule"][2] == f"{len(hits(payments())):,}"
    assert {"night-high-amount", "all in force", "all in force, and this one", "fraud", "genuine"} <= lines.keys()
    assert "1,200 transactions, 25.0 days from 2023-11-14 22:13:20Z" in result.stdout
    assert "It alone catches 0 frauds" in result.stdout
    assert "computing features as the stream would" in result.stderr
    assert "left out 1 payments that come twice" in result.stderr


def test_json_goes_into_a_file_beside_the_tables(run, file, tmp_path):
    path = tmp_path / "found.json"
    result = run("backtest", RULE, "--from", str(file), "--json", str(path))
    assert "all in force" in result.stdout
    assert json.loads(path.read_text()) == told(run, RULE, "--from", str(file))
    nowhere = run("backtest", RULE, "--from", str(file), "--json", str(tmp_path / "no" / "found.json"))
    assert (nowhere.exit_code, "choose another --json" in nowhere.stderr) == (1, True)


def test_a_rule_of_the_settings_whatever_its_state_is_not_compared_with_itself(run, file, tmp_path, monkeypatch):
    conf = tmp_path / "some.conf"
    conf.write_text("[rule large]\nwhen = amount > 500\n[rule tried]\nwhen = amount > 300\nstate = off\n")
    monkeypatch.setenv("FRAUD_STREAM_CONF", str(conf))
    off = told(run, "tried", "--from", str(file))
    assert off["rule"] == {"id": "tried", "when": "amount > 300", "state": "off"}
    assert [one["id"] for one in off["rules"]] == ["large"]
    assert off["shared"] == off["rules"][0]["figures"]["hits"] == off["in_force"]["hits"] > 0
    assert off["together"] == off["figures"]
    large = run("backtest", "large", "--from", str(file))
    assert "large (active): amount > 500" in large.stdout
    assert "all others in force" in large.stdout
    assert told(run, "large", "--from", str(file))["rules"] == []


def test_only_the_period_that_is_asked_for(run, file):
    day = 86_400.0
    for options, begin, end in (
        (("--since", str(START + day), "--until", str(START + 3 * day)), START + day, START + 3 * day),
        (("--hours", "24"), START + HOUR / 2 * 1_199 - day + 1, START + 100 * day),
        (("--hours", "24", "--until", str(START + 3 * day)), START + 2 * day, START + 3 * day),
    ):
        inside = [row for row in payments() if begin <= row["timestamp"] < end]
        found = told(run, RULE, "--from", str(file), *options)
        assert (found["transactions"], found["figures"]["hits"]) == (len(inside), len(hits(inside)))


def test_without_labels_it_says_so_and_what_can_be_said(run, tmp_path):
    rows = [{name: value for name, value in row.items() if name != "is_fraud"} for row in payments()]
    result = run("backtest", RULE, "--from", str(written(tmp_path / "payments.jsonl", rows)))
    assert result.exit_code == 0
    assert "none of them has a label" in result.stdout
    assert "more alerts a day" in result.stdout
    assert "precision" not in result.stdout.split("\n\n", 1)[1]
    assert any(line.startswith("unknown") for line in result.stdout.splitlines())


def test_those_without_a_label_are_counted_apart(run, tmp_path):
    rows = [row if n % 3 else {**row, "is_fraud": None} for n, row in enumerate(payments())]
    found = told(run, RULE, "--from", str(written(tmp_path / "payments.jsonl", rows)))
    unknown = [row for row in hits(rows) if row["is_fraud"] is None]
    assert (found["labelled"], found["figures"]["unknown"]) == (800, len(unknown))
    assert len(found["examples"]["unknown"]) == 5


def scored(row: dict[str, Any], *, more: Any = ()) -> dict[str, Any]:
    """A record on `scored`, as far as it matters, with the features of a payment that has no history."""
    transaction = {name: value for name, value in row.items() if name != "is_fraud"}
    features = {feature.name: feature.missing for feature in FeatureMaker().features} | {"amount": row["amount"]}
    return {"transaction": transaction, "features": features, "score": 0.5, **dict(more)}


def test_a_file_of_scored_transactions_needs_no_features_computed(run, tmp_path):
    rows = payments(300)
    records = [scored(row, more=[("is_fraud", int(row["is_fraud"]))] if n % 3 else ()) for n, row in enumerate(rows)]
    records[7]["features"].pop("amount")
    lines = written(tmp_path / "scored.jsonl", [*records, records[20]])
    found = told(run, RULE, "--from", str(lines))
    hit = hits(rows[:7] + rows[8:])
    assert (found["transactions"], found["repeated"]) == (299, 1)
    assert found["labelled"] == 299 - 100
    assert found["figures"]["hits"] == len(hit)
    assert found["figures"]["frauds"] == sum(row["is_fraud"] and int(row["transaction_id"][1:]) % 3 > 0 for row in hit)
    (why,) = found["left_out"]
    assert "missing required field `amount`" in why
    nested = pa.Table.from_pylist([{**record, "is_fraud": record.get("is_fraud")} for record in records])
    flat = nested.flatten()
    assert "features.amount" in flat.column_names
    for table in (nested, flat):
        pq.write_table(table, tmp_path / "scored.parquet")
        again = told(run, RULE, "--from", str(tmp_path / "scored.parquet"))
        assert again["left_out"] == {"rows that lack something that the rules name": 1}
        assert (again["figures"], again["rules"]) == (found["figures"], found["rules"])


def test_a_file_of_labelled_transactions(run, tmp_path):
    maker, rows = FeatureMaker(), payments(200)
    place = maker.names.index("amount")
    lines = []
    for row in rows:
        features = np.zeros(len(maker.names))
        features[place] = row["amount"]
        time, amount = row["timestamp"], row["amount"]
        one = Labelled(
            row["transaction_id"], row["customer_id"], time, amount, row["is_fraud"], time, "t", None, None, 0.0,
            "accept", "none", features.tobytes(), maker.version, row["merchant_id"],
        )  # fmt: skip
        lines.append(msgspec.json.encode(one))
    path = tmp_path / "labelled.jsonl"
    path.write_bytes(b"\n".join([*lines, b"{}"]))
    found = told(run, "amount > 300 and merchant_id != 'M0'", "--from", str(path))
    hit = [row for row in rows if row["amount"] > 300 and row["merchant_id"] != "M0"]
    assert (found["transactions"], found["labelled"], found["figures"]["hits"]) == (200, 200, len(hit))
    assert found["figures"]["frauds"] == sum(row["is_fraud"] for row in hit)
    refused = run("backtest", RULE, "--from", str(path))
    assert (refused.exit_code, "does not have payment_method" in refused.stderr) == (1, True)


def test_a_rule_in_force_that_cannot_be_evaluated_is_left_out_and_named(run, tmp_path, monkeypatch):
    conf = tmp_path / "some.conf"
    conf.write_text("[rule card]\nwhen = payment_method == 'Card'\n[rule large]\nwhen = amount > 500\n")
    monkeypatch.setenv("FRAUD_STREAM_CONF", str(conf))
    maker, row = FeatureMaker(), payments(1)[0]
    one = Labelled(
        "T1", "C1", START, 700.0, True, START, "t", None, None, 0.0, "accept", "none",
        np.ones(len(maker.names)).tobytes(), maker.version,
    )  # fmt: skip
    path = tmp_path / "labelled.jsonl"
    path.write_bytes(msgspec.json.encode(one))
    result = run("backtest", "amount > 0.5", "--from", str(path))
    assert result.exit_code == 0, row
    assert "left out the rule card" in result.stderr
    assert told(run, "amount > 0.5", "--from", str(path))["left_out_rules"] == ["card"]


def test_features_of_a_file_are_those_of_the_evaluation_to_the_last_one(tmp_path):
    rows, settings = payments(), Settings()
    path = written(tmp_path / "payments.jsonl", [*rows, rows[3]])
    names = FeatureMaker().names
    flow = labelled(path, load_mapping("identity"), Intake())
    judged = Prequential(settings, 5 * HOUR, with_challenger=False).scored(flow)
    expected = np.vstack([part.rows for part in judged])
    filed = Filed(path, "identity", 5 * HOUR)
    parts = list(from_file(filed, settings, Needed(names, ()), Counter()))
    for n, name in enumerate(names):
        assert np.concatenate([part.columns[name] for part in parts]).tolist() == expected[:, n].tolist(), name
    assert expected[:, names.index("merchant_frauds_30d")].max() > 5


@pytest.mark.parametrize(
    ("arguments", "why", "code"),
    [
        (("amout > 5",), "rule 'this rule': 'amout' is unknown; did you mean amount?", 1),
        (("amount > 5 or hour > 3",), "is no comparison", 1),
        (("amount > 5", "--from", "scord"), "neither a file, an archive, nor one of the topics scored and labelled", 2),
        (("amount > 5", "--from", "none.csv"), "there is no file 'none.csv'", 2),
        (("amount > 5", "--mapping", "handbook"), "name it with --from", 2),
        (("amount > 5", "--label-delay", "7d"), "name it with --from", 2),
        (("amount > 5", "--since", "2024-01-01", "--hours", "3"), "name one of them", 2),
        (("amount > 5", "--since", "2024-01-02", "--until", "2024-01-01"), "must be before --until", 2),
        (("amount > 5", "--hours", "0"), "is not in the range", 2),
        (("amount > 5",), "no broker answers at kafka://127.0.0.1:1;", 1),
        ((), "Missing argument 'RULE'", 2),
    ],
)
def test_what_is_wrong_is_told(arguments, why, code, run, monkeypatch):
    monkeypatch.setattr("fraud_stream.kafka.PATIENCE", 1.0)
    monkeypatch.setenv("FRAUD_STREAM_BROKER_URL", "kafka://127.0.0.1:1")
    result = run("backtest", *arguments)
    assert (result.exit_code, why in result.stderr) == (code, True), result.stderr


def test_what_is_no_rule_is_told(run, file):
    result = run("backtest", "night-high-amout", "--from", str(file))
    expected = "there is no rule 'night-high-amout'; did you mean night-high-amount? there are amount-above-threshold"
    assert (result.exit_code, expected in result.stderr) == (2, True), result.stderr
    result = run("backtest", "amount", "--from", str(file))
    assert (result.exit_code, "a condition is written like: amount > 1000" in result.stderr) == (2, True)


@pytest.mark.broker
def test_a_field_that_the_topic_does_not_have_is_told(run, served: Settings):
    result = run("backtest", "location == 'Oslo'", "--from", "labelled")
    assert (result.exit_code, "does not have location, which the rule names" in result.stderr) == (1, True)


def test_what_is_wrong_with_a_file_is_told(run, file, tmp_path):
    def said(path: Path, *options: str) -> str:
        result = run("backtest", "amount > 5", "--from", str(path), *options)
        assert result.exit_code == 1, result.output
        return result.stderr

    assert "there is no mapping 'nope'" in said(file, "--mapping", "nope")
    assert "1,200 were read, from 2023-11-14 22:13:20Z to" in said(file, "--since", "2030-01-01")
    assert "no row is a transaction" in said(written(tmp_path / "none.jsonl", [{"a": 1}]))
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1")
    assert "no Parquet file" in said(broken)
    table = pa.Table.from_pylist([scored(row) for row in payments(5)]).flatten().drop_columns("features.is_night")
    pq.write_table(table, tmp_path / "lacks.parquet")
    assert "no column features.is_night" in said(tmp_path / "lacks.parquet")
    texts = table.append_column("features.is_night", pa.array(["dark"] * 5))
    pq.write_table(texts, tmp_path / "texts.parquet")
    assert "column 'features.is_night' must hold numbers" in said(tmp_path / "texts.parquet")
    empty = written(tmp_path / "scored.jsonl", [{"transaction": {}, "features": {}}])
    assert "has no transaction to judge the rule by" in said(empty)


@pytest.mark.broker
def test_records_of_no_use_on_the_topics_are_counted_and_left_out(run, served: Settings):
    row = payments(1)[0]
    produce(served, "scored", [("c", b"nonsense"), ("c", None), ("c", json.dumps(scored(row)).encode())])
    produce(served, "labels", [("c", b"{"), ("c", b'{"transaction_id":"T0","customer_id":"C0","is_fraud":1}')])
    found = told(run, "amount >= 0")
    assert (found["transactions"], found["labelled"], found["figures"]["hits"]) == (1, 0, 1)
    assert sum(found["left_out"].values()) == 4
    assert any("is_fraud" in why for why in found["left_out"])
    result = run("backtest", "amount >= 0", "--from", "labelled")
    assert (result.exit_code, "has no transaction to judge the rule by" in result.stderr) == (1, True)


@pytest.mark.broker
def test_a_topic_that_is_not_there_is_told(run, broker_port, monkeypatch):
    monkeypatch.setenv("FRAUD_STREAM_BROKER_URL", f"kafka://127.0.0.1:{broker_port}")
    result = run("backtest", "amount > 5")
    assert (result.exit_code, "there is no topic 'rules'" in result.stderr) == (1, True), result.stderr
