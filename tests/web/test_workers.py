from fraud_stream.web.dashboard.answers import Count, Counted, WorkerReport
from fraud_stream.web.dashboard.rules import hits_by_rule
from fraud_stream.web.dashboard.workers import together


def report(**counters: Counted) -> WorkerReport:
    return WorkerReport("http://a", "running", True, 0.0, [0], {}, counters, {})


def hits(*counts: tuple[str, str, float]) -> Counted:
    return Counted("hits", ["rule", "state"], [Count([rule, state], value) for rule, state, value in counts])


def test_the_counts_of_workers_are_added_up_by_their_labels():
    first = report(hits=hits(("big", "active", 2), ("odd", "shadow", 1)), read=Counted("read", [], [Count([], 5)]))
    second = report(hits=hits(("big", "active", 3), ("big", "shadow", 7)), read=Counted("read", [], [Count([], 6)]))
    found = together([first, second])
    assert found["hits"] == hits(("big", "active", 5), ("odd", "shadow", 1), ("big", "shadow", 7))
    assert found["read"].total == 11


def test_a_rule_that_changed_its_state_has_all_its_hits():
    assert hits_by_rule(hits(("big", "active", 5), ("odd", "shadow", 1), ("big", "shadow", 7))) == {"big": 12, "odd": 1}


def test_no_worker_has_no_counts():
    assert together([]) == {}
