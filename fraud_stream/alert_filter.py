"""Which alerts to show: in a terminal, and on the analyst's page."""

from dataclasses import dataclass

from fraud_stream.domain.rules import SEVERITY_SCORE
from fraud_stream.records import Alert, Drift

#: From the mildest to the worst.
SEVERITIES = tuple(SEVERITY_SCORE)


@dataclass(frozen=True)
class AlertFilter:
    """Which alerts to show; what is None does not matter.

    Attributes:
        severity: At least so severe.
        type: Of this type, in capitals or not.
        customer: Of this customer.
        verdict: With this verdict.
        min_score: With at least this risk, 0 to 1.
        rule: With this rule among the reasons.
    """

    severity: str | None = None
    type: str | None = None
    customer: str | None = None
    verdict: str | None = None
    min_score: float | None = None
    rule: str | None = None

    def admits(self, alert: Alert | Drift) -> bool:
        """Whether to show an alert; a drift is of no customer and has no verdict, score or rule."""
        return (
            (self.severity is None or SEVERITIES.index(alert.severity) >= SEVERITIES.index(self.severity))
            and (self.type is None or alert.type.casefold() == self.type.casefold())
            and (self._admits_drift() if isinstance(alert, Drift) else self._admits_transaction(alert))
        )

    def _admits_drift(self) -> bool:
        return (self.customer, self.verdict, self.min_score, self.rule) == (None,) * 4

    def _admits_transaction(self, alert: Alert) -> bool:
        return (
            self.customer in (None, alert.customer_id)
            and self.verdict in (None, alert.verdict)
            and (self.min_score is None or alert.risk_score >= self.min_score)
            and (self.rule is None or any(r.source == "rule" and r.name == self.rule for r in alert.reasons))
        )
