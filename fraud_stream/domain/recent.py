"""Recognising a transaction that was seen before."""

from hashlib import blake2b

import msgspec

from fraud_stream.domain.packed import Doubles

#: A transaction id is a duplicate for this long, seconds of event time.
SPAN = 86_400.0
_SIZE = 8


class RecentIds(msgspec.Struct, array_like=True, gc=False):
    """The ids of a customer's transactions of the last 24 hours, as 64-bit digests.

    Attributes:
        times: Event time of each, seconds, in order of arrival.
        digests: The digests, one after the other.

    >>> ids = RecentIds()
    >>> ids.add("T1", 0.0), ids.add("T1", 60.0), ids.add("T1", 100_000.0)
    (True, False, True)
    """

    times: Doubles = msgspec.field(default_factory=Doubles.of)
    digests: bytes = b""

    def add(self, ident: str, time: float, most: int = 1_000) -> bool:
        """Remember `ident`, at most the newest `most`; False where it is known already."""
        digest = blake2b(ident.encode("utf-8", "surrogatepass"), digest_size=_SIZE).digest()
        self._forget(time, most)
        if self._holds(digest):
            return False
        self.times.append(time)
        self.digests += digest
        return True

    def _holds(self, digest: bytes) -> bool:
        place = self.digests.find(digest)
        while place % _SIZE and place > 0:
            place = self.digests.find(digest, place + 1)
        return place >= 0

    def _forget(self, time: float, most: int) -> None:
        old = max(0, len(self.times) - most + 1)
        while old < len(self.times) and self.times[old] <= time - SPAN:
            old += 1
        if old:
            del self.times[:old]
            self.digests = self.digests[old * _SIZE :]
