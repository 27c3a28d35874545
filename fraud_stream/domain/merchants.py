"""What labels have told of the merchants: one worker notes it, all score with it."""

from collections.abc import Iterator

from fraud_stream.domain.outcomes import History, Outcome


class Merchants:
    """The history of each merchant.

    Attributes:
        histories: By merchant.

    >>> from fraud_stream.domain.once import Join
    >>> merchants = Merchants()
    >>> merchants.note("M1", 0, Outcome("T1", Join(), 100.0, True))
    >>> [(name, history.noted) for name, history in merchants.changed()], list(merchants.changed())
    ([('M1', 1)], [])
    """

    def __init__(self) -> None:
        self.histories: dict[str, History] = {}
        self._before: dict[str, History | None] = {}

    def get(self, merchant: str) -> History | None:
        """The history of one; None where nothing is known."""
        return self.histories.get(merchant)

    def note(self, merchant: str, offset: int, outcome: Outcome) -> None:
        """Note an outcome that was read at an offset of `labelled`, unless it was noted before."""
        history = self.histories.get(merchant)
        if history is not None and offset <= history.read:
            return
        if merchant not in self._before:
            self._before[merchant] = history and history.copy()
        if history is None:
            history = self.histories[merchant] = History()
        history.read = offset
        history.note(outcome)

    def take(self, merchant: str, history: History) -> None:
        """Take over what another worker noted, unless as much is known here."""
        if self.is_news(merchant, history.noted):
            self.histories[merchant] = history

    def is_news(self, merchant: str, noted: int) -> bool:
        """Whether a history with so many labels knows more than the one held."""
        known = self.histories.get(merchant)
        return known is None or known.noted < noted

    def changed(self) -> Iterator[tuple[str, History]]:
        """Those in which something was noted since this was last asked."""
        before, self._before = self._before, {}
        for name, old in before.items():
            if old is None or old.noted < self.histories[name].noted:
                yield name, self.histories[name]

    def forget(self) -> None:
        """Take back what was noted since `changed` was last asked: another worker will read those labels."""
        before, self._before = self._before, {}
        for name, old in before.items():
            if old is None:
                del self.histories[name]
            else:
                self.histories[name] = old
