"""What the application must find, computed in one pass without Kafka, tables or crashes."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from fraud_stream.domain.decision import Decision, Judge, NoModel, Thresholds
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.observation import CustomerState, Observer
from fraud_stream.domain.profile import Profile
from fraud_stream.domain.transaction import Transaction
from fraud_stream.domain.windows import WindowStats, merged
from fraud_stream.settings import Settings


class DictWindows:
    """Window statistics in a dictionary; nothing expires."""

    def __init__(self, size: float, step: float) -> None:
        self.size, self.step = size, step
        self.panes: dict[tuple[str, float], WindowStats] = defaultdict(WindowStats)

    def change(self, key: Any, time: float) -> WindowStats | None:
        return self.panes[key, time // self.step * self.step]

    def window(self, key: Any, time: float, last: float | None, pane: WindowStats | None) -> WindowStats:
        newest = time // self.step * self.step
        starts = (newest - n * self.step for n in range(round(self.size / self.step)))
        return merged(self.panes[key, start] for start in sorted(starts) if (key, start) in self.panes)


class DictProfiles(dict[str, Profile]):
    """Profiles in a dictionary."""

    def put(self, key: Any, value: Profile | None) -> None:
        assert value is not None
        self[key] = value


def decide_all(
    settings: Settings, transactions: Iterable[tuple[int, Transaction]]
) -> tuple[dict[str, tuple[list[float], Decision]], CustomerState]:
    """Rows and decisions by transaction id, and the state at the end; `transactions` come with their offsets."""
    maker = FeatureMaker(settings.feature_settings)
    observer = Observer(maker, settings.windows.max_events)
    judge = Judge(maker.names, settings.rules, Thresholds())
    windows = settings.windows
    state = CustomerState(
        DictProfiles(),
        DictWindows(windows.tumbling_size, windows.tumbling_size),
        DictWindows(windows.hopping_size, windows.hopping_step),
    )
    observed = [(tx, seen) for offset, tx in transactions if (seen := observer.observe(tx, offset, state)) is not None]
    rows = maker.rows([seen.facts for _, seen in observed])
    decisions = judge.decide([tx for tx, _ in observed], rows, NoModel())
    pairs = zip(rows.tolist(), decisions, strict=True)
    return {tx.transaction_id: pair for (tx, _), pair in zip(observed, pairs, strict=True)}, state
