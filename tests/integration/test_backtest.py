"""A worker's own `scored`: what `backtest` says of it is what pandas counts, from the topics and from files alike."""

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from fraud_stream.cli import main
from fraud_stream.reading import read_all
from fraud_stream.settings import Settings
from tests.harness import a_broker, count, produce, settings_for, values, wait_until, worker

pytestmark = pytest.mark.broker
START = 1_700_000_000.0
DAY = 86_400.0
PAYMENTS = 3_000
TRIED = "amount > 150 and sliding_count_24h >= 4 and payment_method in ('Card', 'Gift Card')"


def payment(n: int, rnd: random.Random) -> dict[str, Any]:
    is_fraud = rnd.random() < 0.1
    return {
        "transaction_id": f"T{n}",
        "customer_id": f"C{rnd.randrange(60)}",
        "timestamp": START + 300 * n,
        "amount": round(rnd.uniform(100, 900) if is_fraud else rnd.lognormvariate(3.5, 1.0), 2),
        "merchant_id": f"M{rnd.randrange(9)}",
        "device_id": f"D{rnd.randrange(4)}",
        "location": rnd.choice(["Oslo", "Rome", "Lima"]),
        "payment_method": rnd.choice(["Card", "Gift Card", "Cryptocurrency"]),
        "is_fraud": is_fraud if rnd.random() < 0.8 else None,
    }


ROWS = [payment(n, random.Random(n)) for n in range(PAYMENTS)]
LABELLED = [row for row in ROWS if row["is_fraud"] is not None]


def label(row: dict[str, Any], *, is_fraud: bool) -> tuple[str, bytes]:
    ids = {"transaction_id": row["transaction_id"], "customer_id": row["customer_id"]}
    told = {"is_fraud": is_fraud, "labelled_at": row["timestamp"] + DAY, "source": "test"}
    return row["customer_id"], json.dumps({**ids, **told}).encode()


def record(row: dict[str, Any]) -> tuple[str, bytes]:
    body = {name: value for name, value in row.items() if name != "is_fraud"}
    return row["customer_id"], json.dumps(body).encode()


class Stage(NamedTuple):
    settings: Settings
    environ: Mapping[str, str]
    folder: Path

    def told(self, *arguments: str) -> Any:
        result = CliRunner(env=dict(self.environ)).invoke(main, ["backtest", *arguments, "--json", "-"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A worker has decided all payments; three records of `scored` are there twice, as after a crash."""
    folder: Path = tmp_path_factory.mktemp("backtest")
    with a_broker(folder) as port:
        settings, environ = settings_for(port, folder, FRAUD_STREAM_TOPICS_PARTITIONS="2")
        produce(settings, "transactions", [*map(record, ROWS), record(ROWS[-1]), ("C1", b"nonsense")])
        labels = [label(row, is_fraud=row["is_fraud"]) for row in LABELLED]
        second = [label(row, is_fraud=not row["is_fraud"]) for row in LABELLED[:50]]
        produce(settings, "labels", [*labels, *second])
        with worker(environ, folder) as running:
            wait_until(lambda: count(settings, "scored") == PAYMENTS and count(settings, "labelled") == len(LABELLED))
            assert running.stop() == 0
        again = list(read_all(settings, "scored"))[100:103]
        produce(settings, "scored", [(one.key(), one.value()) for one in again])
        yield Stage(settings, environ, folder)


@pytest.fixture(scope="module")
def frame(stage: Stage) -> pd.DataFrame:
    """What the topic holds, by pandas, each transaction once."""
    table = pd.json_normalize(values(stage.settings, "scored")).drop_duplicates(["partition", "offset"])
    known = {row["transaction_id"]: row["is_fraud"] for row in LABELLED}
    return table.assign(label=[known.get(ident) for ident in table["transaction.transaction_id"]])


def hit(table: pd.DataFrame) -> "pd.Series[bool]":
    methods = table["transaction.payment_method"].isin(["Card", "Gift Card"])
    return (table["features.amount"] > 150) & (table["features.sliding_count_24h"] >= 4) & methods


def counted(table: pd.DataFrame, hits: "pd.Series[bool]") -> dict[str, Any]:
    times, amounts, frauds = table["transaction.timestamp"], table["transaction.amount"], table["label"].eq(True)
    days = (times.max() - times.min()) / DAY
    genuine = table["label"].eq(False)
    right, wrong = int((hits & frauds).sum()), int((hits & genuine).sum())
    return {
        "hits": int(hits.sum()),
        "hits_a_day": pytest.approx(hits.sum() / days),
        "frauds": right,
        "genuine": wrong,
        "unknown": int((hits & ~frauds & ~genuine).sum()),
        "precision": pytest.approx(right / (right + wrong)),
        "recall": pytest.approx(right / frauds.sum()),
        "saved": pytest.approx(amounts[hits & frauds].sum()),
        "cost": pytest.approx(amounts[hits & genuine].sum()),
        "false_a_day": pytest.approx(wrong / days),
    }


def test_figures_of_the_topic_are_those_that_pandas_counts(stage: Stage, frame: pd.DataFrame) -> None:
    found, hits = stage.told(TRIED), hit(frame)
    in_force = frame["rules"].str.len() > 0  # as the worker has decided
    assert (found["transactions"], found["repeated"], found["labelled"]) == (PAYMENTS, 3, len(LABELLED))
    assert found["frauds"] == frame["label"].eq(True).sum()
    assert found["figures"] == counted(frame, hits)
    assert found["in_force"] == counted(frame, in_force)
    assert found["alone"] == counted(frame, hits & ~in_force)
    assert found["together"] == counted(frame, hits | in_force)
    assert found["shared"] == (hits & in_force).sum()
    assert min(found["figures"]["frauds"], found["alone"]["frauds"], found["shared"]) > 10
    for one in found["rules"]:
        by_worker = frame["rules"].map(lambda ids, ident=one["id"]: ident in ids)
        assert (one["figures"]["hits"], one["shared"]) == (by_worker.sum(), (by_worker & hits).sum())
        if by_worker.any():
            assert one["figures"] == counted(frame, by_worker)


def test_examples_are_hits_of_their_kind(stage: Stage, frame: pd.DataFrame) -> None:
    examples, hits = stage.told(TRIED, "--examples", "7")["examples"], frame[hit(frame)]
    newest = hits.sort_values("transaction.timestamp", ascending=False)
    for kind, chosen in (("frauds", newest["label"].eq(True)), ("genuine", newest["label"].eq(False))):
        assert [one["transaction_id"] for one in examples[kind]] == newest[chosen]["transaction.transaction_id"][
            :7
        ].tolist()


def test_a_day_of_the_topic(stage: Stage, frame: pd.DataFrame) -> None:
    begin, end = START + 3 * DAY, START + 4 * DAY
    times = frame["transaction.timestamp"]
    inside = frame[(times >= begin) & (times < end)]
    expected = counted(inside, hit(inside))
    assert stage.told(TRIED, "--since", str(begin), "--until", str(end))["figures"] == expected
    assert stage.told(TRIED, "--until", str(end), "--hours", "24")["figures"] == expected


def test_a_file_of_the_same_payments_gives_the_same_figures(stage: Stage) -> None:
    path = stage.folder / "payments.jsonl"
    rows = [*ROWS, ROWS[-1]]
    random.Random(1).shuffle(rows)
    path.write_text("\n".join([*map(json.dumps, rows), "nonsense"]))
    by_file, by_topic = stage.told(TRIED, "--from", str(path)), stage.told(TRIED)
    assert by_file["left_out"] == {"payments that come twice": 1, "rows that the worker would refuse": 1}
    same = ("transactions", "labelled", "days", "figures", "in_force", "alone", "together", "rules", "examples")
    assert {name: by_file[name] for name in same} == {name: by_topic[name] for name in same}


def test_scored_transactions_saved_give_the_same_figures(stage: Stage) -> None:
    known = {row["transaction_id"]: row["is_fraud"] for row in LABELLED}
    records = values(stage.settings, "scored")
    records = [{**one, "is_fraud": known.get(one["transaction"]["transaction_id"])} for one in records]
    lines, table = stage.folder / "scored.jsonl", stage.folder / "scored.parquet"
    lines.write_text("\n".join(map(json.dumps, records)))
    columns = ("transaction", "features", "is_fraud")
    pq.write_table(pa.Table.from_pylist([{name: one[name] for name in columns} for one in records]), table)
    by_topic = stage.told(TRIED)
    for path in (lines, table):
        found = stage.told(TRIED, "--from", str(path))
        assert {**found, "history": ""} == {**by_topic, "history": ""}


def test_the_topic_labelled_has_the_same_of_those_with_a_label(stage: Stage, frame: pd.DataFrame) -> None:
    rule = "amount > 150 and sliding_count_24h >= 4 and merchant_id != 'M0'"
    known = frame[frame["label"].notna()]
    hits = (known["features.amount"] > 150) & (known["features.sliding_count_24h"] >= 4)
    found = stage.told(rule, "--from", "labelled")
    assert (found["transactions"], found["figures"]["unknown"]) == (len(LABELLED), 0)
    assert found["figures"] == counted(known, hits & (known["transaction.merchant_id"] != "M0"))


def test_a_rule_that_was_added_at_run_time_is_known_beside_a_topic(stage: Stage) -> None:
    added = ["rules", "add", "late", "--when", TRIED, "--state", "off"]
    result = CliRunner(env=dict(stage.environ)).invoke(main, added)
    assert result.exit_code == 0, result.output
    by_id, by_condition = stage.told("late"), stage.told(TRIED)
    assert by_id["rule"]["id"] == "late"
    assert {**by_id, "rule": None} == {**by_condition, "rule": None}
