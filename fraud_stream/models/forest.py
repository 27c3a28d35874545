"""The random forest that may be the challenger: small trees on twenty features, each with its reason."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from fraud_stream.models.challenger import Rows
from fraud_stream.models.flat_forest import SHAPE

#: The features of the forest, in the order of its rows, and why each is one.  All are exact: none is of a tumbling or
#: hopping window, whose names hang on settings.  docs/batch.md has this list as a table, which a test holds to it.
WHY = {
    "amount": "what is at stake; thieves buy what sells on",
    "amount_zscore": "against all that the customer paid before",
    "amount_ratio_winsorised": "against the customer's habit, which earlier frauds do not shift",
    "outliers_7d": "payments out of habit come in rows",
    "hour": "attacks have other hours than customers",
    "is_night": "the hour, as one cut",
    "is_weekend": "habits differ, and analysts are few",
    "is_risky_payment_method": "cannot be taken back",
    "seconds_since_last_log": "velocity: how soon after the last payment",
    "sliding_count_1h": "velocity: bursts, card testing",
    "sliding_count_24h": "velocity: slower bursts",
    "sliding_sum_24h": "velocity: a card that is emptied",
    "sliding_locations_1h": "one customer at several places at once",
    "sliding_devices_1h": "one customer on several devices at once",
    "is_new_device": "account takeover comes from another device",
    "is_new_location": "and from another place",
    "customer_days_since_fraud": "a card that was hit is hit again",
    "merchant_days_since_fraud": "a compromised merchant stays one for weeks",
    "merchant_frauds_7d": "how many were hit there of late",
    "merchant_risk_smoothed": "their share, with little believed of few labels",
}
FEATURES = tuple(WHY)
#: Trees; each may have as many leaves as fit into a word: what a worker scores in some microseconds a payment.
TREES = 50
_LEAST_IN_LEAF = 5
#: The share of the features that each split looks at.
_LOOKED_AT = 0.4


class Forest:
    """A fitted scikit-learn RandomForestClassifier.

    Args:
        rows: `FEATURES` of labelled transactions, one row each.
        labels: Whether each was fraud; both kinds must be among them.
        weights: For how many transactions each row stands; one each where it is None.

    Attributes:
        classifier: The classifier.
    """

    def __init__(
        self, rows: Rows, labels: Sequence[bool] | NDArray[np.bool_], weights: NDArray[np.float64] | None = None
    ) -> None:
        self.classifier = RandomForestClassifier(
            TREES,
            max_leaf_nodes=SHAPE.most_leaves,
            min_samples_leaf=_LEAST_IN_LEAF,
            max_features=_LOOKED_AT,
            random_state=0,
        )
        self.classifier.fit(rows, labels, sample_weight=weights)

    def probabilities(self, rows: Rows) -> NDArray[np.float64]:
        """The probability of fraud of each row."""
        found: NDArray[np.float64] = self.classifier.predict_proba(rows)[:, 1]
        return found
