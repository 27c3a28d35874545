"""Playing a stream onto its topic: each record when it is due, and before it the labels that have become known."""

from dataclasses import dataclass

from producers.labels import DelayedLabels
from producers.pace import Pace
from producers.sending import Sender


@dataclass(frozen=True)
class Player:
    """Plays records.

    Attributes:
        sender: Sends them.
        topic: Where to.
        labels: The labels that are kept back.
        pace: Says when a record is due.
    """

    sender: Sender
    topic: str
    labels: DelayedLabels
    pace: Pace

    def play(self, time: float | None, key: str | None, value: bytes) -> bool:
        """Send a record of event time `time` once it is due; False where the run's time is up.

        `time` is in seconds since 1970; None, a time that cannot be read, is due at once.
        """
        if not self.pace.wait(time):
            return False
        if time is not None:
            self.labels.advance(time)
        self.sender.send(self.topic, key, value)
        return True
