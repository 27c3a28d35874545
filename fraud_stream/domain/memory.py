"""The state of customers in plain memory: what a stream keeps in tables, for those who go through a file.

Nothing expires by itself, so a transaction is never late; who goes through a long file has old windows forgotten.
"""

from collections import defaultdict
from typing import Any

from fraud_stream.domain.observation import CustomerState
from fraud_stream.domain.outcomes import History
from fraud_stream.domain.profile import Profile
from fraud_stream.domain.windows import WindowStats, merged


class DictWindows:
    """Window statistics in a dictionary, by customer and pane."""

    def __init__(self, size: float, step: float) -> None:
        self.size, self.step = size, step
        self.panes: dict[tuple[str, float], WindowStats] = defaultdict(WindowStats)

    def change(self, key: Any, time: float) -> WindowStats | None:
        """The pane that a transaction of that time is added to."""
        return self.panes[key, time // self.step * self.step]

    def forget(self, before: float) -> None:
        """Forget the panes that were over before that time, seconds since 1970."""
        first = before - self.step
        self.panes = defaultdict(WindowStats, {key: stats for key, stats in self.panes.items() if key[1] >= first})

    def window(self, key: Any, time: float, last: float | None, pane: WindowStats | None) -> WindowStats:
        """The earliest window that contains that time."""
        newest = time // self.step * self.step
        starts = (newest - n * self.step for n in reversed(range(round(self.size / self.step))))
        found = [self.panes[key, start] for start in starts if (key, start) in self.panes]
        return found[0] if len(found) == 1 else merged(found)  # whoever asks only looks at it


class DictProfiles(dict[str, Profile]):
    """Profiles in a dictionary."""

    def put(self, key: Any, value: Profile | None) -> None:
        """Keep a changed profile."""
        self[key] = value or Profile()


def new_state(tumbling_size: float, hopping_size: float, hopping_step: float) -> CustomerState:
    """The state before any transaction; sizes in seconds."""
    labels: tuple[dict[str, History], dict[str, History]] = ({}, {})
    windows = DictWindows(tumbling_size, tumbling_size), DictWindows(hopping_size, hopping_step)
    return CustomerState(DictProfiles(), *windows, *labels)
