from fraud_stream.domain.pending import DONE, EARLY, SCORED, Pending

SCORED_ONE = Pending(SCORED, 60.0, "C1", 5.0, 0.25, 0.8, "review", "online-3", [1.0, 2.0])
LABEL = Pending(EARLY, 90.0, "C1", is_fraud=True, labelled_at=90.0, source="chargeback", kind="stolen card")


def test_the_stages_only_grow() -> None:
    assert EARLY < SCORED < DONE
    assert SCORED_ONE.stage < SCORED_ONE.joined(LABEL).stage
    assert SCORED_ONE.stage < SCORED_ONE.done().stage


def test_the_join_has_what_was_scored_and_what_the_label_says() -> None:
    joined = SCORED_ONE.joined(LABEL)
    assert joined == Pending(
        DONE,
        60.0,
        "C1",
        5.0,
        0.25,
        0.8,
        "review",
        "online-3",
        [1.0, 2.0],
        is_fraud=True,
        labelled_at=90.0,
        source="chargeback",
        kind="stolen card",
    )


def test_the_join_leaves_both_halves_as_they_were() -> None:
    SCORED_ONE.joined(LABEL)
    assert (SCORED_ONE.stage, SCORED_ONE.is_fraud, LABEL.features) == (SCORED, False, [])


def test_what_remains_recognises_a_second_label_and_no_more() -> None:
    assert SCORED_ONE.joined(LABEL).done() == Pending(DONE, 60.0, "C1")
