from fraud_stream.domain.merchants import Merchants
from fraud_stream.domain.once import Join
from fraud_stream.domain.outcomes import History, Outcome


def outcome(number: int, time: float, is_fraud: bool) -> Outcome:
    return Outcome(f"T{number}", Join(0, (number, number)), time, is_fraud)


def noted(merchants: Merchants) -> dict[str, int]:
    return {name: history.noted for name, history in merchants.histories.items()}


def test_what_was_noted_is_given_once() -> None:
    merchants = Merchants()
    for offset in range(3):
        merchants.note("M1", offset, outcome(offset, 1.0, False))
    assert [(name, history.noted) for name, history in merchants.changed()] == [("M1", 3)]
    assert list(merchants.changed()) == []


def test_what_was_noted_before_is_no_change() -> None:
    merchants = Merchants()
    merchants.note("M1", 5, outcome(5, 1.0, False))
    list(merchants.changed())
    merchants.note("M1", 5, outcome(5, 1.0, False))
    assert list(merchants.changed()) == []


def test_the_newer_history_stays() -> None:
    merchants, newer, older = Merchants(), History(noted=5), History(noted=3)
    for history in (older, newer, older):
        merchants.take("M1", history)
    assert merchants.get("M1") is newer
    assert merchants.get("M2") is None


def test_what_is_forgotten_is_noted_anew() -> None:
    """Another worker may read these labels next, or this one again."""
    merchants = Merchants()
    merchants.note("M1", 0, outcome(0, 1.0, True))
    list(merchants.changed())
    merchants.note("M1", 1, outcome(1, 2.0, True))
    merchants.note("M2", 2, outcome(2, 2.0, True))
    merchants.forget()
    assert noted(merchants) == {"M1": 1}
    merchants.note("M1", 1, outcome(1, 2.0, True))
    assert [(name, history.noted) for name, history in merchants.changed()] == [("M1", 2)]
