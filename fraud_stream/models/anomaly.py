"""What is unusual, told without labels: half-space trees over a few features, and an alert budget.

The budget makes a score into an opinion: unusual is what scores above all but `share` of the last `WINDOWS` windows.
"""

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.decision import Contribution, Watched
from fraud_stream.models.half_space_trees import HalfSpaceTrees

Rows = NDArray[np.float64]
#: The features that say something without labels, each with the value from which on all values are taken for one.
#: They are how large the payment is, for anybody and for this customer, what is new about it, and how much happens.
#: Merchants' and customers' frauds are left out, as they need labels, and so is the calendar, as an hour is not fraud.
LARGEST = {
    "amount": 5_000.0,
    "amount_ratio_winsorised": 50.0,
    "outliers_7d": 10.0,
    "is_new_device": 1.0,
    "is_new_location": 1.0,
    "sliding_locations_1h": 5.0,
    "sliding_devices_1h": 5.0,
    "sliding_count_1h": 20.0,
}
TREES, HEIGHT, WINDOW = 100, 6, 1_000
#: The threshold is found in the scores of so many windows.
WINDOWS = 10
_SEED = 1


class AnomalyDetector:
    """Watches transactions in the order of their decisions, scoring each before it learns it.

    It has an opinion after two windows: it counts in the first, and finds its threshold in the second.

    Args:
        names: The names of the features of a row, in order.
        share: The share of the transactions that may be unusual: the alert budget.

    Attributes:
        threshold: The score above which a transaction is unusual; None while it has no opinion.

    >>> detector = AnomalyDetector(tuple(LARGEST), share=0.01)
    >>> detector.watch(np.tile([20.0, 1.0, 0, 0, 0, 1, 1, 1], (2_000, 1))).is_unusual.count(True)
    0
    >>> watched = detector.watch(np.array([[20.0, 1, 0, 0, 0, 1, 1, 1], [900.0, 30, 2, 1, 1, 3, 3, 5]]))
    >>> watched.is_unusual
    [False, True]
    """

    def __init__(self, names: Sequence[str], share: float) -> None:
        self.threshold: float | None = None
        self._names = tuple(LARGEST)
        self._columns = [tuple(names).index(name) for name in LARGEST]
        self._factors = 1.0 / np.log1p(list(LARGEST.values()))
        self._share = share
        self._trees = HalfSpaceTrees(TREES, HEIGHT, WINDOW, _SEED)
        self._window: list[tuple[Rows, Rows]] = []
        self._recent: deque[Rows] = deque(maxlen=WINDOWS)
        self._usual = np.zeros(len(LARGEST))
        self._seen = 0

    def watch(self, rows: Rows) -> Watched:
        """What is to be said of each row; it is learnt then."""
        scores: list[float | None] = []
        is_unusual: list[bool] = []
        for part in self._parts(self._scaled(rows)):
            found = self._trees.scores_before_learning(part)
            beyond = found > (np.inf if self.threshold is None else self.threshold)
            scores += [None] * len(part) if np.isnan(found[0]) else found.tolist()
            is_unusual += beyond.tolist()
            self._note(part, found)
        return Watched(scores, is_unusual)

    def look(self, rows: Rows) -> Watched:
        """What would be said of each row if it came next; nothing is learnt."""
        if self._seen < WINDOW:
            return Watched([None] * len(rows), [False] * len(rows))
        found = self._trees.scores(self._scaled(rows))
        beyond = found > (np.inf if self.threshold is None else self.threshold)
        return Watched(found.tolist(), beyond.tolist())

    def reasons(self, rows: Rows, most: int) -> list[list[Contribution]]:
        """For each row the features that make it most unusual, the largest `most` of them, the largest first.

        A feature's amount is how much the score falls if it has its median in the last full window instead.
        """
        width = len(self._columns)
        scaled, places = self._scaled(rows), np.arange(width)
        others = np.repeat(scaled[:, None, :], width, axis=1)
        others[:, places, places] = self._usual
        without = self._trees.scores(others.reshape(-1, width)).reshape(-1, width)
        falls = self._trees.scores(scaled)[:, None] - without
        largest = np.argsort(-falls, axis=1, kind="stable")[:, :most].tolist()
        return [
            [Contribution(self._names[n], float(row[self._columns[n]]), float(fall[n])) for n in best if fall[n] > 0]
            for row, fall, best in zip(rows, falls, largest, strict=True)
        ]

    def _scaled(self, rows: Rows) -> Rows:
        """The features it looks at, each from 0 to 1 by its logarithm."""
        found: Rows = np.minimum(np.log1p(np.maximum(rows[:, self._columns], 0.0)) * self._factors, 1.0)
        return found

    def _parts(self, rows: Rows) -> Iterator[Rows]:
        """The rows cut where a window is full, so that it does not matter how they come in chunks."""
        cuts = range(WINDOW - self._seen % WINDOW, len(rows), WINDOW)
        yield from np.split(rows, cuts)

    def _note(self, rows: Rows, scores: Rows) -> None:
        self._window.append((rows, scores))
        self._seen += len(rows)
        if self._seen % WINDOW:
            return
        seen, found = (np.concatenate(column) for column in zip(*self._window, strict=True))
        self._window = []
        self._usual = np.median(seen, axis=0)
        if self._seen > WINDOW:
            self._recent.append(found)
            self.threshold = float(np.quantile(np.concatenate(self._recent), 1.0 - self._share, method="higher"))
