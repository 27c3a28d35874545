"""The cards on top: the figures that somebody wants first."""

from html import escape
from typing import Any, NamedTuple

import pandas as pd

_NONE = "-"
_BOX = "display:inline-block;min-width:11em;margin:4px;padding:10px 14px;border:1px solid #8884;border-radius:8px"


class Card(NamedTuple):
    """One figure.

    Attributes:
        name: What it is.
        figure: The figure, as people write it.
        note: What else is to be known of it.
    """

    name: str
    figure: str
    note: str


class Cards:
    """Cards as notebooks show them: boxes, and a table as plain text.

    >>> Cards([Card("alerts", "1,250", "4.2 % of the transactions")])
    alerts          1,250  4.2 % of the transactions
    """

    def __init__(self, cards: list[Card]) -> None:
        self.cards = cards

    def __repr__(self) -> str:
        width, room = (max(len(card[place]) for card in self.cards) for place in (0, 1))
        lines = (f"{name:<{width}}  {figure:>{max(room, 13)}}  {note}" for name, figure, note in self.cards)
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        return "".join(_box(*map(escape, card)) for card in self.cards)


def _box(name: str, figure: str, note: str) -> str:
    return f'<div style="{_BOX}">{name}<br><b style="font-size:1.6em">{figure}</b><br><small>{note}&nbsp;</small></div>'


def cards(decisions: pd.DataFrame, alerts: pd.DataFrame, letters: pd.DataFrame, workers: int | None) -> Cards:
    """The cards of some frames; `workers` is how many there are now, None where nobody knows."""
    late, paid = int(decisions["is_late"].sum()), decisions["amount"].sum()
    models, rules = (decisions[name].nunique() for name in ("model_version", "rules_version"))
    return Cards(
        [
            Card("transactions", f"{len(decisions):,}", f"{late:,} of them late"),
            Card("alerts", f"{len(alerts):,}", f"{_share(len(alerts), len(decisions))} of the transactions"),
            Card("dead letters", f"{len(letters):,}", f"most of them {_most(letters['reason'])}"),
            Card("median latency", _milliseconds(decisions, 0.5), "from the broker to the decision"),
            Card("p99 latency", _milliseconds(decisions, 0.99), "one of a hundred takes longer"),
            Card("money alerted", f"{alerts['amount'].sum():,.2f}", f"of {paid:,.2f} paid"),
            Card("workers", _NONE if workers is None else f"{workers:,}", "in the consumer group now"),
            Card("model versions", f"{models:,}", f"the newest {_newest(decisions, 'model_version')}"),
            Card("rule versions", f"{rules:,}", f"the newest {_newest(decisions, 'rules_version')}"),
        ]
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else _NONE


def _most(values: "pd.Series[Any]") -> str:
    """The most frequent value."""
    return str(values.mode().iloc[0]) if len(values) else _NONE


def _milliseconds(decisions: pd.DataFrame, share: float) -> str:
    return f"{decisions['latency'].quantile(share) * 1_000:,.1f} ms" if len(decisions) else _NONE


def _newest(decisions: pd.DataFrame, column: str) -> str:
    return str(decisions[column].iloc[-1]) if len(decisions) else _NONE
