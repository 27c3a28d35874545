"""Alerts of one customer that belong together: those within a short time of the first."""

import msgspec


class AlertGroup(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A customer's alerts that belong together.

    Attributes:
        id: The id of the first alert.
        first: Its event time, seconds since 1970.
        count: How many there are so far.
    """

    id: str
    first: float
    count: int


def joined(group: AlertGroup | None, time: float, ident: str, within: float) -> AlertGroup:
    """The group that an alert of event time `time` belongs to: a new one from `within` seconds after the first on.

    One from before the first has a group of its own; the customer's group goes on.

    >>> first = joined(None, 100.0, "A-1", within=60.0)
    >>> joined(first, 159.0, "A-2", within=60.0)
    AlertGroup(id='A-1', first=100.0, count=2)
    >>> joined(first, 160.0, "A-3", within=60.0)
    AlertGroup(id='A-3', first=160.0, count=1)
    """
    if group is None or not 0 <= time - group.first < within:
        return AlertGroup(ident, time, 1)
    return AlertGroup(group.id, group.first, group.count + 1)
