"""Event times: text and numbers to seconds since 1970, and back to text."""

import functools
import math
from datetime import UTC, datetime

YEAR_2000 = 946_684_800.0
#: A number from here on is milliseconds: as seconds it would be the year 5138.
_FIRST_MILLISECOND = 1e11


def event_seconds(value: object) -> float | None:
    """Seconds since 1970 of a time in seconds, milliseconds or ISO 8601 (UTC where it names no zone).

    It reads what the worker reads.  None where `value` is no time, or one before 2000.

    >>> event_seconds("2024-01-31 12:00:00") == event_seconds(1706702400) == event_seconds("1706702400000")
    True
    >>> event_seconds("2019-11-31T22:22:43") is None
    True
    """
    try:
        seconds = _iso(value) if isinstance(value, str) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    seconds = seconds / 1000.0 if seconds >= _FIRST_MILLISECOND else seconds
    return seconds if YEAR_2000 <= seconds < math.inf else None


def _iso(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return float(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def time_text(milliseconds: int) -> str:
    """``YYYY-MM-DD HH:MM:SS`` in UTC, with ``.mmm`` behind it where the milliseconds are not zero.

    >>> time_text(1_706_702_400_000), time_text(1_706_702_400_250)
    ('2024-01-31 12:00:00', '2024-01-31 12:00:00.250')
    """
    second, rest = divmod(milliseconds, 1000)
    return f"{_second_text(second)}.{rest:03d}" if rest else _second_text(second)


@functools.lru_cache(maxsize=64)
def _second_text(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S}"
