from types import SimpleNamespace

import pytest

from fraud_stream.web.dashboard.answers import AlertQuery, BadQueryError, HistoryPlace, asked


def test_what_is_asked_for_is_read():
    assert asked(SimpleNamespace(query={"customer": "C1", "before": "7"}), HistoryPlace) == HistoryPlace("C1", 7)


@pytest.mark.parametrize(
    "query", [{"customer": "C\ud800"}, {"colour\udcff": "red"}, {"customer": "\udc80"}], ids=["value", "name", "low"]
)
def test_half_a_surrogate_pair_cannot_be_asked_for(query):
    with pytest.raises(BadQueryError, match="no text"):
        asked(SimpleNamespace(query=query), AlertQuery)


@pytest.mark.parametrize("before", [-1, 2**63, 10**30])
def test_an_offset_that_there_cannot_be_is_refused(before):
    with pytest.raises(BadQueryError, match="before"):
        asked(SimpleNamespace(query={"customer": "C1", "before": str(before)}), HistoryPlace)
