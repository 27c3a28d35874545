import pandas as pd

from fraud_stream.overview.cards import Card, Cards, cards


def decided(number: int) -> pd.DataFrame:
    versions = [f"online-{n % 3}" for n in range(number)]
    latencies = [0.01 * (n + 1) for n in range(number)]
    columns = {"is_late": [n == 0 for n in range(number)], "amount": [10.0] * number, "latency": latencies}
    return pd.DataFrame({**columns, "model_version": versions, "rules_version": ["r1"] * number})


def test_cards_tell_what_somebody_wants_first():
    shown = cards(
        decided(1_001), pd.DataFrame({"amount": [1_000.5, 10.0]}), pd.DataFrame({"reason": ["a", *["null"] * 6]}), 2
    )
    assert {card.name: card[1:] for card in shown.cards} == {
        "transactions": ("1,001", "1 of them late"),
        "alerts": ("2", "0.2% of the transactions"),
        "dead letters": ("7", "most of them null"),
        "median latency": ("5,010.0 ms", "from the broker to the decision"),
        "p99 latency": ("9,910.0 ms", "one of a hundred takes longer"),
        "money alerted": ("1,010.50", "of 10,010.00 paid"),
        "workers": ("2", "in the consumer group now"),
        "model versions": ("3", "the newest online-1"),
        "rule versions": ("1", "the newest r1"),
    }


def test_without_decisions_there_are_cards_all_the_same():
    shown = cards(decided(0), pd.DataFrame({"amount": []}), pd.DataFrame({"reason": []}), 0)
    figures = {card.name: card.figure for card in shown.cards}
    assert figures["workers"] == "0"
    assert (figures["transactions"], figures["money alerted"], figures["p99 latency"]) == ("0", "0.00", "-")


def test_workers_that_nobody_counts_are_not_0():
    shown = cards(decided(1), pd.DataFrame({"amount": []}), pd.DataFrame({"reason": []}), None)
    assert {card.name: card.figure for card in shown.cards}["workers"] == "-"


def test_what_comes_from_topics_is_no_html():
    shown = Cards([Card("<i>", "<b>1", "a & b")])
    assert "&lt;i&gt;" in shown._repr_html_()
    assert "<i>" not in shown._repr_html_()
    assert "a &amp; b" in shown._repr_html_()
