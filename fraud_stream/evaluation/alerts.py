"""What the worker would have alerted, by what made the alert and by the kind of fraud."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_stream.evaluation.prequential import COLD_START, DOUBT, MODEL, RULES, Judged


class Alerted(NamedTuple):
    """The alerts that one thing made, or the frauds of one kind.

    Attributes:
        name: What it is.
        alerts: How many alerts; of a kind, how many of its frauds were alerted.
        precision: The share of frauds among them.
        recall: The share of all frauds that they are; of a kind, of its own.
        f1: The harmonic mean of both.
    """

    name: str
    alerts: int
    precision: float
    recall: float
    f1: float


def alerted(judged: Judged) -> list[Alerted]:
    """By what made the alerts, of all, and by the kind of fraud where kinds are known."""
    found = [_of(judged, judged.alerts == name, name) for name in (RULES, MODEL, COLD_START, DOUBT)]
    kinds = [_of_kind(judged, str(kind)) for kind in np.unique(judged.kinds[judged.frauds]) if kind]
    return [*found, _of(judged, judged.alerts != "", "all"), *kinds]


def _of(judged: Judged, chosen: NDArray[np.bool_], name: str) -> Alerted:
    right, alerts, frauds = int(judged.frauds[chosen].sum()), int(chosen.sum()), int(judged.frauds.sum())
    precision = right / alerts if alerts else float("nan")
    return Alerted(name, alerts, precision, right / max(frauds, 1), 2 * right / max(alerts + frauds, 1))


def _of_kind(judged: Judged, kind: str) -> Alerted:
    of_kind = judged.kinds == kind
    hit = int((judged.alerts[of_kind] != "").sum())
    return Alerted(kind, hit, float("nan"), hit / int(of_kind.sum()), float("nan"))
