"""From where on a figure is a warning, and from where on critical.

Those that deploy/prometheus/alerts.yml has, too, are the same there; a test holds both equal.
"""

from typing import Literal, NamedTuple

#: How good something is; ``unknown`` is what cannot be told.
Level = Literal["unknown", "ok", "warning", "critical"]
#: From the best to the worst; what is not known is no worse than what is well.
LEVELS: tuple[Level, ...] = ("unknown", "ok", "warning", "critical")


class Limit(NamedTuple):
    """What a figure may be.

    Attributes:
        warning: Above it is a warning.
        critical: Above it is critical.

    >>> Limit(1.0, 5.0).level(1.0), Limit(1.0, 5.0).level(1.1), Limit(1.0, 5.0).level(9.0)
    ('ok', 'warning', 'critical')
    """

    warning: float
    critical: float

    def level(self, value: float) -> Level:
        """How good a value is."""
        if value > self.critical:
            return "critical"
        return "warning" if value > self.warning else "ok"


#: From the broker's timestamp to the decision, seconds, of the slowest 1 %.
LATENCY_SECONDS = Limit(0.2, 1.0)
#: Transactions that wait; a million are minutes of work for a worker.
LAG_RECORDS = Limit(10_000, 1_000_000)
#: Dead letters, of all records read from `transactions`.
ERROR_RATIO = Limit(0.01, 0.1)
#: How many times the share of transactions that alert is what it was before.
ALERT_SPIKE = Limit(2.0, 3.0)
#: So few alerts make no spike.
FEW_ALERTS = 20
#: Age of the newest online model while labels come, seconds.
MODEL_AGE_SECONDS = Limit(3_600.0, 86_400.0)
#: Seconds within which labels must have come for an old model to be a fault.
LABELS_WITHIN = 3_600.0
#: Rise of the share of transactions that lack a field, against the time before.
MISSING_RISE = Limit(0.1, 0.5)
#: Seconds since a day of the batch pipeline was finished: it is run once a day.
BATCH_SECONDS = Limit(26 * 3_600.0, 50 * 3_600.0)
#: Seconds that a worker may be starting, rebalancing or recovering.
NOT_RUNNING_SECONDS = 600.0
#: The share of what was read that may look undecided: counts of Prometheus are estimates.
UNDECIDED_RATIO = 0.01
#: Seconds without a transaction that are nothing yet.
QUIET_SECONDS = 600.0
