"""What others have published on the same test."""

from typing import NamedTuple

from fraud_stream.evaluation.measures import Quality

_NAN = float("nan")


class Published(NamedTuple):
    """A result and who has it.

    Attributes:
        name: The model.
        quality: What was published of it; nan where a measure was not.
    """

    name: str
    quality: Quality


#: By mapping.  Of the Handbook: trained on 2018-07-25 to 31, tested on 2018-08-08 to 14, chapter 5.
PUBLISHED = {
    "handbook": (
        Published("published: logistic regression", Quality(0.606, 0.871, 0.291, _NAN, _NAN)),
        Published("published: random forest", Quality(0.658, 0.867, 0.287, _NAN, _NAN)),
        Published("published: XGBoost", Quality(0.639, 0.862, 0.273, _NAN, _NAN)),
    )
}
