"""Groups of alerts: what belongs together."""

from fraud_stream.domain.grouping import AlertGroup, joined


def groups(*times: float) -> list[tuple[str, int]]:
    """The group and the place in it of alerts of these times, of ids A0, A1, ..."""
    found, group = [], None
    for n, time in enumerate(times):
        new = joined(group, time, f"A{n}", 60.0)
        group = new if group is None or new.first >= group.first else group
        found.append((new.id, new.count))
    return found


def test_alerts_within_a_minute_of_the_first_belong_together() -> None:
    assert groups(0.0, 30.0, 59.9) == [("A0", 1), ("A0", 2), ("A0", 3)]


def test_a_group_ends_a_minute_after_its_first_alert_however_many_come() -> None:
    assert groups(0.0, 50.0, 100.0, 120.0) == [("A0", 1), ("A0", 2), ("A2", 1), ("A2", 2)]


def test_an_alert_of_before_the_first_has_a_group_of_its_own() -> None:
    assert groups(100.0, 99.9, 105.0) == [("A0", 1), ("A1", 1), ("A0", 2)]


def test_a_group_keeps_the_time_of_its_first_alert() -> None:
    assert joined(AlertGroup("A", 5.0, 3), 9.0, "B", 60.0) == AlertGroup("A", 5.0, 4)
