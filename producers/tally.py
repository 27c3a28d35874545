"""What a generator tells while it runs: a line for each hour of the stream, and one at the end."""

import time
from collections.abc import Callable

from fraud_stream.files.times import time_text
from producers.customers import HOUR
from producers.stream import Sent


class Tally:
    """Counts records and the shares that matter.

    Attributes:
        records: All records.
        frauds: Frauds among them.
        missing: Records that lack a field.
        duplicates: Records that were sent before.
        outliers: Genuine payments whose amount slipped.
        broken: Records no reader can take.
    """

    def __init__(self) -> None:
        self.records = self.frauds = self.missing = self.duplicates = self.outliers = self.broken = 0

    def add(self, sent: Sent) -> None:
        """Count one record."""
        self.records += 1
        self.frauds += sent.kind is not None
        self.missing += sent.missing
        self.duplicates += sent.duplicate
        self.outliers += sent.outlier
        self.broken += sent.broken

    def __str__(self) -> str:
        """The counts, and shares of all records in percent."""
        counts = {"missing": self.missing, "duplicates": self.duplicates, "outliers": self.outliers}
        counts |= {"broken": self.broken} if self.broken else {}
        shares = (f"{n} {100 * k / max(1, self.records):.1f} %" for n, k in {"fraud": self.frauds, **counts}.items())
        return f"{self.records:,} records, {', '.join(shares)}"


class HourlyReport:
    """Tells the tally of each hour of event time, and of the whole.

    Args:
        echo: Takes a line.
        clock: The wall clock, seconds.
    """

    def __init__(self, echo: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self.total = Tally()
        self._hour = Tally()
        self._echo = echo
        self._clock = clock
        self._begun: float | None = None
        self._current = 0

    def add(self, sent: Sent) -> None:
        """Count one record; tell the hour before, where it begins a new one."""
        self._begun = self._clock() if self._begun is None else self._begun
        hour = int(sent.time // HOUR)
        if hour != self._current:
            self._close_hour()
            self._current = hour
        self._hour.add(sent)
        self.total.add(sent)

    def close(self, more: str = "") -> None:
        """Tell the last hour and the whole, with `more` behind it."""
        self._close_hour()
        now = self._clock()
        seconds = max(now - (now if self._begun is None else self._begun), 1e-3)
        self._echo(f"total: {self.total}; {seconds:.1f} s, {self.total.records / seconds:,.0f} records/s{more}")

    def _close_hour(self) -> None:
        if self._hour.records:
            self._echo(f"{time_text(self._current * 3_600_000)[:16]}  {self._hour}")
        self._hour = Tally()
