"""What was read for the dashboard, in words and as a table: whoever looks at figures must know what they are of."""

import pandas as pd

from fraud_stream.frames import Found
from fraud_stream.history import Period


def table(**found: Found) -> pd.DataFrame:
    """How much was read of each topic, of which time, and how many records were none of this application's."""
    rows = {name: (len(one.frame), *map(_text, one.period), one.unreadable) for name, one in found.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["records", "from", "until", "unreadable"])


def headline(decisions: Found, asked: Period, broker: str) -> str:
    """One sentence on what there is: nothing, all that was asked for, or the end of it.

    Args:
        decisions: What was read of `scored`.
        asked: What was asked for.
        broker: Where it was read.
    """
    number, begin = len(decisions.frame), decisions.period.begin
    span = f"from {_text(begin)} until {_text(asked.end)} UTC"
    if not number:
        return (
            f"No data: nothing was decided {span} on {broker}. Is that the right broker, does a worker run "
            "(fraud-stream worker), and do transactions come (fraud-stream generate)?"
        )
    if begin > asked.begin:
        return f"The newest {number:,} decisions, {span}; for those since {_text(asked.begin)} raise MOST."
    return f"{number:,} decisions {span}, on {broker}."


def _text(seconds: float) -> str:
    return pd.Timestamp(seconds, unit="s").strftime("%Y-%m-%d %H:%M:%S")
