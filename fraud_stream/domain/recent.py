"""Recognising a transaction that was seen before."""

from hashlib import blake2b

import msgspec

from fraud_stream.domain.packed import Doubles, Longs

#: A transaction id is a duplicate for this long, seconds of event time.
SPAN = 86_400.0
_SIZE = 8


class RecentIds(msgspec.Struct, array_like=True, gc=False):
    """The ids of a customer's transactions of the last 24 hours, as 64-bit digests.

    Attributes:
        times: Event time of each, seconds, in order of arrival.
        offsets: Offset each was first read at.
        digests: The digests, one after the other.

    >>> ids = RecentIds()
    >>> ids.add("T1", 0, 0.0), ids.add("T1", 1, 60.0), ids.add("T1", 2, 100_000.0)
    (True, False, True)
    """

    times: Doubles = msgspec.field(default_factory=Doubles.of)
    offsets: Longs = msgspec.field(default_factory=Longs.of)
    digests: bytes = b""

    def add(self, ident: str, offset: int, time: float, most: int = 1_000) -> bool:
        """Remember `ident`, at most the newest `most`; False where it is known already."""
        digest = _digest(ident)
        self._forget(time, most)
        if self._find(digest) is not None:
            return False
        self.times.append(time)
        self.offsets.append(offset)
        self.digests += digest
        return True

    def repeats(self, ident: str, offset: int) -> bool:
        """Whether what was read at `offset` is a duplicate: `ident` is known from another offset.

        An id that was forgotten is taken for new.
        """
        place = self._find(_digest(ident))
        return place is not None and self.offsets[place] != offset

    def _find(self, digest: bytes) -> int | None:
        place = self.digests.find(digest)
        while place > 0 and place % _SIZE:
            place = self.digests.find(digest, place + 1)
        return None if place < 0 else place // _SIZE

    def _forget(self, time: float, most: int) -> None:
        times = self.times
        if not times or (times[0] > time - SPAN and len(times) < most):
            return
        old = max(0, len(times) - most + 1)
        while old < len(self.times) and self.times[old] <= time - SPAN:
            old += 1
        if old:
            del self.times[:old], self.offsets[:old]
            self.digests = self.digests[old * _SIZE :]


def _digest(ident: str) -> bytes:
    return blake2b(ident.encode("utf-8", "surrogatepass"), digest_size=_SIZE).digest()
