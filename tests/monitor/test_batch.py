import pytest

from fraud_stream.monitor.batch import batch
from fraud_stream.monitor.seen import BatchLoss, BatchRun, BatchRuns
from tests.monitor.seeing import HOUR, NOW, check, seen_of, worker


def run(step: str, hours_ago: float, day: str = "2024-01-31", error: str = "") -> BatchRun:
    return BatchRun(day, step, not error, NOW - hours_ago * HOUR, 2.0, 100, 90, 10, error)


def section(*runs: BatchRun, trouble: str = ""):
    return batch(seen_of(worker({}), batch=BatchRuns(runs, trouble)))


def test_what_was_run_within_the_time_that_was_asked_for_is_counted():
    found = section(run("export", 1), run("ingest", 2), run("export", 30, "2024-01-30"))
    assert found.figures == {
        "steps": 2,
        "failed": 0,
        "days": 1,
        "rows_in": 200,
        "rows_out": 180,
        "rows_rejected": 20,
        "work_seconds": 4.0,
    }
    assert found.status == "ok"


def test_a_step_that_has_failed_is_critical_until_it_goes_well():
    failed = run("clean", 2, error="no rows")
    told = check(section(failed, run("export", 3)), "steps")
    assert (told.status, told.reason) == ("critical", "clean of 2024-01-31 has failed: no rows")
    assert "pipeline run --date 2024-01-31" in told.advice
    assert check(section(run("clean", 1), failed, run("export", 3)), "steps").status == "ok"


def test_of_several_that_have_failed_their_number_is_told():
    found = section(*(run(step, 1, error="why") for step in ("clean", "export")))
    assert check(found, "steps").reason.endswith("why, and 1 more")


@pytest.mark.parametrize(("hours", "status"), [(25, "ok"), (27, "warning"), (51, "critical")])
def test_a_day_that_was_not_finished_for_long_is_told(hours, status):
    assert check(section(run("ingest", 1), run("export", hours)), "finished").status == status


def test_where_no_day_was_ever_finished_that_is_a_warning():
    assert check(section(run("ingest", 1), run("export", 1, error="why")), "finished").status == "warning"


@pytest.mark.parametrize(("hours", "status"), [(1, "warning"), (25, "ok")])
def test_what_retention_took_lately_is_a_warning(hours, status):
    lost = [BatchLoss(NOW - hours * HOUR, f"{n} records are gone") for n in (5, 7)]
    found = batch(seen_of(worker({}), batch=BatchRuns([run("export", 1)], lost=lost)))
    assert found.status == status
    if status == "warning":
        assert check(found, "retention").reason == "5 records are gone, and 1 more such"


def test_a_warehouse_that_tells_nothing_is_told_with_the_reason():
    found = section(trouble="another program has it")
    assert (found.status, check(found, "steps").reason) == ("unknown", "another program has it")


def test_where_there_is_no_pipeline_that_is_said():
    found = batch(seen_of(worker({})))
    assert (found.status, found.note) == ("unknown", "no batch pipeline is known here")
