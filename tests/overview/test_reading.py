import pandas as pd

from fraud_stream.frames import Found
from fraud_stream.history import Period
from fraud_stream.overview import reading

ASKED = Period(1_706_702_400.0, 1_706_788_800.0)
TEN = pd.DataFrame({"time": range(10)})


def test_the_table_says_how_much_was_read_and_of_which_time():
    table = reading.table(scored=Found(TEN, ASKED, 0), alerts=Found(TEN[:2], ASKED, 3))
    assert table.to_dict("index") == {
        "scored": {"records": 10, "from": "2024-01-31 12:00:00", "until": "2024-02-01 12:00:00", "unreadable": 0},
        "alerts": {"records": 2, "from": "2024-01-31 12:00:00", "until": "2024-02-01 12:00:00", "unreadable": 3},
    }


def test_the_headline_says_what_there_is():
    assert (
        reading.headline(Found(TEN, ASKED, 0), ASKED, "kafka://b")
        == "10 decisions from 2024-01-31 12:00:00 until 2024-02-01 12:00:00 UTC, on kafka://b."
    )


def test_the_headline_says_that_there_was_more():
    found = Found(TEN, ASKED._replace(begin=ASKED.end - 60), 0)
    assert reading.headline(found, ASKED, "kafka://b") == (
        "The newest 10 decisions, from 2024-02-01 11:59:00 until 2024-02-01 12:00:00 UTC; "
        "for those since 2024-01-31 12:00:00 raise MOST."
    )


def test_the_headline_says_that_there_is_nothing_and_what_to_look_at():
    text = reading.headline(Found(TEN[:0], ASKED, 0), ASKED, "kafka://b")
    assert text.startswith(
        "No data: nothing was decided from 2024-01-31 12:00:00 until 2024-02-01 12:00:00 UTC on kafka://b."
    )
    assert "fraud-stream worker" in text
