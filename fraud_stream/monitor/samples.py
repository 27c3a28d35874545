"""What workers tell, all of them together: counts are summed, histograms merged, what is shared is taken once."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from fraud_stream.monitor.buckets import Buckets
from fraud_stream.monitor.names import COUNTERS, GAUGES, HISTOGRAMS, PREFIX, STARTED

#: The label that says which worker tells it.
INSTANCE = "instance"
_NAMES = {
    STARTED,
    *(f"{PREFIX}{name}" for name in GAUGES),
    *(f"{PREFIX}{name}_total" for name in COUNTERS),
    *(f"{PREFIX}{name}_{part}" for name in HISTOGRAMS for part in ("bucket", "sum", "count")),
}


class Sample(NamedTuple):
    """A number that a worker tells, by its name and labels."""

    name: str
    labels: Mapping[str, str]
    value: float


class Samples:
    """Numbers that workers tell; those that no report needs, and those that are none, are left out.

    Args:
        samples: The numbers, each labelled with the worker it is of.
    """

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        self._by_name: dict[str, list[Sample]] = {name: [] for name in _NAMES}
        for one in samples:
            if one.name in _NAMES and math.isfinite(one.value):
                self._by_name[one.name].append(one)

    def counts(self, counter: str, **labels: str) -> list[Sample]:
        """The counts of a counter that have these labels."""
        return list(self._find(f"{PREFIX}{counter}_total", labels))

    def counted(self, counter: str, **labels: str) -> float:
        """What all workers have counted."""
        return math.fsum(one.value for one in self.counts(counter, **labels))

    def counted_by(self, counter: str, label: str) -> dict[str, float]:
        """What all workers have counted, by the values of a label."""
        found: defaultdict[str, float] = defaultdict(float)
        for one in self.counts(counter):
            found[one.labels[label]] += one.value
        return dict(sorted(found.items()))

    def gauges(self, gauge: str, **labels: str) -> list[Sample]:
        """The values of a gauge that have these labels."""
        return list(self._find(f"{PREFIX}{gauge}", labels))

    def shared(self, gauge: str, **labels: str) -> float | None:
        """The largest value of a gauge; None where nobody tells one."""
        return max((one.value for one in self.gauges(gauge, **labels)), default=None)

    def shared_by(self, gauge: str, label: str) -> dict[str, float]:
        """The largest value of a gauge for each value of a label."""
        found = {one.labels[label] for one in self.gauges(gauge)}
        return {name: max(one.value for one in self.gauges(gauge, **{label: name})) for name in sorted(found)}

    def started(self) -> dict[str, float]:
        """When each worker was started, seconds since 1970."""
        return {one.labels[INSTANCE]: one.value for one in self._by_name[STARTED]}

    def histogram(self, name: str) -> Buckets:
        """The values that all workers have counted in a histogram."""
        counts: defaultdict[float, float] = defaultdict(float)
        for one in self._by_name[f"{PREFIX}{name}_bucket"]:
            counts[float(one.labels["le"])] += one.value
        return Buckets(counts, math.fsum(one.value for one in self._by_name[f"{PREFIX}{name}_sum"]))

    def _find(self, name: str, labels: Mapping[str, str]) -> Iterator[Sample]:
        return (one for one in self._by_name[name] if labels.items() <= one.labels.items())
