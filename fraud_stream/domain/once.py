"""Each labelled transaction counts once, though a crash may have it sent twice.

A worker that dies after it has sent a labelled transaction and before it has stored that it did leaves the transaction
or its label to be read again, and whoever reads them joins them again.  That can only be while one of the two is not
settled: stored and acknowledged for good.  So it is enough to remember what was joined of unsettled records.

Source: Hohpe, Woolf: Enterprise Integration Patterns, "Idempotent Receiver", 2003.
"""

import msgspec

#: Of a partition's transactions and labels: an offset each.
Offsets = tuple[int, int]


class Join(msgspec.Struct, frozen=True, gc=False):
    """Which records a labelled transaction was joined of.

    Attributes:
        partition: Their partition.
        offsets: Their offsets: the transaction's and the label's.
        settled: Below these offsets all was settled when the labelled transaction was sent.
    """

    partition: int = 0
    offsets: Offsets = (-1, -1)
    settled: Offsets = (0, 0)


class Unsettled(msgspec.Struct, gc=False):
    """What was joined of one partition's unsettled records.

    Attributes:
        settled: Below these offsets all is settled.
        joins: Offsets by transaction id.
    """

    settled: Offsets = (0, 0)
    joins: dict[str, Offsets] = {}

    def settle(self, settled: Offsets) -> None:
        """Forget what is settled by now: it is not going to be sent again."""
        if settled[0] > self.settled[0] or settled[1] > self.settled[1]:
            tx, label = self.settled = max(settled[0], self.settled[0]), max(settled[1], self.settled[1])
            self.joins = {ident: at for ident, at in self.joins.items() if at[0] >= tx or at[1] >= label}


class Once(msgspec.Struct, gc=False):
    """Tells the first time of a labelled transaction from a repetition.

    Attributes:
        partitions: What is remembered, by partition.

    >>> once = Once()
    >>> once.is_first("T1", Join(0, (5, 2))), once.is_first("T1", Join(0, (5, 2)))
    (True, False)
    >>> once.is_first("T2", Join(0, (9, 4), settled=(6, 3))), list(once.partitions[0].joins)
    (True, ['T2'])
    """

    partitions: dict[int, Unsettled] = {}

    def is_first(self, ident: str, join: Join) -> bool:
        """Whether a transaction is met for the first time; it is remembered until it is settled."""
        unsettled = self.partitions.get(join.partition)
        if unsettled is None:
            unsettled = self.partitions[join.partition] = Unsettled()
        unsettled.settle(join.settled)
        if ident in unsettled.joins:
            return False
        unsettled.joins[ident] = join.offsets
        return True

    def copy(self) -> "Once":
        """Another one that is the same."""
        return Once({n: Unsettled(part.settled, dict(part.joins)) for n, part in self.partitions.items()})
