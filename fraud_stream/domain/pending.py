"""Joining a scored transaction with its label, whichever comes first."""

import msgspec

from fraud_stream.domain.packed import Doubles, unpack

EARLY, SCORED, DONE = 0, 1, 2


class Pending(msgspec.Struct, array_like=True, gc=False):
    """What waits for the other half of a labelled transaction.

    Attributes:
        stage: ``EARLY``: a label without its transaction; ``SCORED``: a transaction without its label; ``DONE``: both
            came.  It only grows, which is how an older value is recognised.
        time: Event time, seconds; the entry expires a horizon later.
        customer_id: The customer.
        amount: The amount.
        score: What the model said.
        risk: How risky it was found.
        verdict: What was decided.
        model_version: The model that scored it.
        features: What it was scored with, as 64-bit floats one after the other: see `row`.
        is_fraud: The label.
        labelled_at: When it became known.
        source: Who said so.
        kind: What kind of fraud.
        merchant_id: Where it was paid.
        offset: Where it was read: of `transactions`, or of `labels` where it is a label.
        online_score: What the online model said, whoever decided.
        challenger_score: What the challenger said, likewise.

    >>> Pending(SCORED, 60.0, "C1", amount=5.0).done().stage == DONE
    True
    """

    stage: int
    time: float
    customer_id: str
    amount: float = 0.0
    score: float | None = None
    risk: float = 0.0
    verdict: str = "accept"
    model_version: str = ""
    features: bytes = b""
    is_fraud: bool = False
    labelled_at: float = 0.0
    source: str = ""
    kind: str | None = None
    merchant_id: str | None = None
    offset: int = -1
    online_score: float | None = None
    challenger_score: float | None = None

    @property
    def row(self) -> list[float]:
        """The features it was scored with, as numbers."""
        return unpack(Doubles, self.features).tolist()

    def done(self) -> "Pending":
        """What remains after the join: enough to recognise a second label."""
        return Pending(DONE, self.time, self.customer_id)
