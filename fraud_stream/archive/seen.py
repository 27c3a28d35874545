"""Recognising a decision that was sent twice: a crash between two deliveries repeats the newest of a partition."""

from bisect import bisect_left, insort

#: Offsets that are remembered of each partition: many times what is on its way at once.
MOST = 50_000


class SeenOffsets:
    """The newest offsets of one partition.

    Args:
        offsets: Those that are known, ascending.

    >>> seen = SeenOffsets([])
    >>> seen.is_new(5), seen.is_new(3), seen.is_new(5)
    (True, True, False)
    """

    def __init__(self, offsets: list[int], most: int = MOST) -> None:
        self.offsets = offsets
        self._most = most

    def is_new(self, offset: int) -> bool:
        """Whether it was not seen; one from before all that are remembered was."""
        known = self.offsets
        if not known or offset > known[-1]:
            known.append(offset)
        else:
            place = bisect_left(known, offset)
            if known[place] == offset or (place == 0 and len(known) >= self._most):
                return False
            insort(known, offset)
        if len(known) > 2 * self._most:  # seldom, as it moves them all
            del known[: -self._most]
        return True
