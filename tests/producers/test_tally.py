from producers.stream import Sent
from producers.tally import HourlyReport, Tally

HOUR = 3_600.0
START = 1_704_067_200.0


def sent(time: float, kind: str | None = None, **faults: bool) -> Sent:
    return Sent(time, time, "C1", "T1", b"{}", kind, **faults)


def test_a_line_for_each_hour_that_has_records_and_one_for_all() -> None:
    lines: list[str] = []
    clock = iter((100.0, 104.0))
    report = HourlyReport(lines.append, lambda: next(clock))
    for record in (
        sent(START),
        sent(START + 10, "card_testing"),
        sent(START + 2 * HOUR, missing=True),
        sent(START + 2 * HOUR),
    ):
        report.add(record)
    report.close("; seed 1")
    assert lines == [
        "2024-01-01 00:00  2 records, fraud 50.0 %, missing 0.0 %, duplicates 0.0 %, outliers 0.0 %",
        "2024-01-01 02:00  2 records, fraud 0.0 %, missing 50.0 %, duplicates 0.0 %, outliers 0.0 %",
        "total: 4 records, fraud 25.0 %, missing 25.0 %, duplicates 0.0 %, outliers 0.0 %; 4.0 s, 1 records/s; seed 1",
    ]


def test_broken_records_are_told_only_where_there_are_some() -> None:
    tally = Tally()
    tally.add(sent(START))
    assert "broken" not in str(tally)
    tally.add(sent(START, broken=True))
    assert "broken 50.0 %" in str(tally)


def test_nothing_sent_is_told_without_an_hour() -> None:
    lines: list[str] = []
    HourlyReport(lines.append).close()
    assert len(lines) == 1
    assert lines[0].startswith("total: 0 records")
