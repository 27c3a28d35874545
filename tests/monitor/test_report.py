import json

import pytest

from fraud_stream.monitor.report import COMPONENTS, document, report
from fraud_stream.terminal import as_json
from tests.monitor.seeing import seen_of, seen_with, worker

UNREADABLE = 'dead_letters_total{reason="null"}'
REPLAYED = 'transactions_special_total{what="replayed"}'


@pytest.mark.parametrize(("dead", "status", "code"), [(0, "ok", 0), (2, "warning", 1), (20, "critical", 2)])
def test_all_is_as_the_worst_and_what_cannot_be_told_is_no_worse(dead, status, code):
    made = report(seen_with({"transactions_read_total": 100, "transactions_scored_total": 80, UNREADABLE: dead}))
    assert (made.status, made.exit_code) == (status, code)
    assert list(made.sections) == list(COMPONENTS)


def test_one_component_is_judged_alone():
    seen = seen_with({"transactions_read_total": 100, UNREADABLE: 20, REPLAYED: 80})
    assert {name: report(seen, name).exit_code for name in COMPONENTS} == {
        "consumer": 2,
        "predictions": 3,  # what was read again is not decided again
        "model": 0,
        "data": 2,
        "batch": 3,
    }


def test_of_batch_runs_it_is_said_that_nothing_is_known():
    made = report(seen_of(worker({})), "batch")
    assert document(made)["components"] == {
        "batch": {"status": "unknown", "note": "no batch pipeline is known here", "figures": {}, "checks": []}
    }


def test_the_document_is_json_and_says_whom_it_is_of():
    found = json.loads(as_json(document(report(seen_of(worker({}, "http://one:6066"))))))
    assert found["source"] == {"kind": "workers", "addresses": ["http://one:6066"], "job": None}
    assert found["span_seconds"] == 7_200.0
    assert found["asked_seconds"] == 86_400.0
    assert found["workers"] == [
        {
            "name": "http://one:6066",
            "answers": True,
            "trouble": "",
            "phase": "running",
            "is_stalled": False,
            "up_seconds": 7_200.0,
            "still_seconds": 0.5,
        }
    ]
    for component in found["components"].values():
        assert component.keys() == {"status", "note", "figures", "checks"}
        for check in component["checks"]:
            assert check.keys() == {"name", "status", "reason", "advice"}
