"""How far the labelled transactions were taken in, and which of them wait to be learnt."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from fraud_stream.domain.once import Join
from fraud_stream.models.state import Progress


class TakenIn:
    """Which labelled transactions were taken in, and which of these wait to be learnt.

    It is published with what was learnt, so whoever goes on knows what is left.

    Args:
        progress: What was published; nothing where nothing was.

    >>> taken = TakenIn()
    >>> taken.takes(0, "T1", Join()), taken.takes(1, "T1", Join()), taken.takes(2, "T2", Join())
    (True, False, True)
    >>> taken.finish([0])
    >>> again = TakenIn(taken.progress())
    >>> again.takes(0, "T1", Join()), again.takes(2, "T2", Join()), again.takes(3, "T2", Join())
    (False, True, False)
    """

    def __init__(self, progress: Progress | None = None) -> None:
        progress = progress or Progress()
        self._read = progress.read
        self._once = progress.once.copy()
        self._waiting = {offset for first, last in progress.waiting for offset in range(first, last + 1)}

    def takes(self, offset: int, ident: str, join: Join) -> bool:
        """Whether the transaction `ident`, read at an `offset` of `labelled`, is to be learnt; it waits until it is."""
        if offset <= self._read:
            return offset in self._waiting
        self._read = offset
        if not self._once.is_first(ident, join):
            return False
        self._waiting.add(offset)
        return True

    def finish(self, offsets: Iterable[int]) -> None:
        """These are learnt."""
        self._waiting.difference_update(offsets)

    def progress(self) -> Progress:
        """As it is published."""
        return Progress(self._read, list(_ranges(self._waiting)), self._once.copy())


def _ranges(offsets: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ranges of consecutive offsets, first and last."""
    for _, found in groupby(enumerate(sorted(offsets)), key=lambda pair: pair[1] - pair[0]):
        run = [offset for _, offset in found]
        yield run[0], run[-1]
