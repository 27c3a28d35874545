"""Keys of tables and changelogs.

A key is stored as Faust stores it: as JSON, a windowed key as ``[key, [start, end]]``.  orjson escapes what needs it.
"""

from typing import Any

import orjson

#: Start and end of a window, seconds; the end is Faust's: start + size - 0.1.
WindowRange = tuple[float, float]


def encode_key(key: Any) -> bytes:
    r"""The bytes of a key, equal to what Faust itself would write.

    >>> encode_key(('C"1', (0.0, 59.9)))
    b'["C\\"1",[0.0,59.9]]'
    """
    return orjson.dumps(key)


def decode_key(data: bytes) -> Any:
    """The key that `data` holds, with tuples where JSON has lists.

    >>> decode_key(b'["C1",[0.0,59.9]]')
    ('C1', (0.0, 59.9))
    """
    key = orjson.loads(data)
    return _hashable(key) if type(key) is list else key


def _hashable(value: list[Any]) -> tuple[Any, ...]:
    return tuple(_hashable(part) if type(part) is list else part for part in value)


def window_range(start: float, size: float) -> WindowRange:
    """A window as Faust writes it."""
    return start, start + size - 0.1
