from agents.tally import Tally


def test_a_model_is_as_sure_of_a_fraud_as_of_none() -> None:
    tally = Tally()
    tally.note_scores([0.02, 0.98, 0.5])
    counts = dict(tally.confidence.cumulative())
    assert (counts["0.55"], counts["0.95"], counts["0.98"], counts["+Inf"]) == (1, 1, 3, 3)
    assert tally.confidence.total == 0.98 + 0.98 + 0.5


def test_where_no_model_was_asked_nothing_is_noted() -> None:
    tally = Tally()
    tally.note_scores(None)
    assert dict(tally.confidence.cumulative())["+Inf"] == 0
