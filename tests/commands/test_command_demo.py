import io

import msgspec
from rich.console import Console

from fraud_stream.commands.demo import _take
from fraud_stream.demo.score import Score
from tests.commands.test_command_alerts import DRIFT, alert


class Message:
    """A Kafka message, as far as the demo looks at it."""

    def __init__(self, value: object) -> None:
        self._value = msgspec.json.encode(value)

    def error(self) -> None: ...

    def topic(self) -> str:
        return "alerts"

    def value(self) -> bytes:
        return self._value


def test_a_drift_is_shown_and_counts_as_no_alert_of_a_transaction():
    score, console = Score(), Console(file=io.StringIO(), width=200)
    _take([Message(alert(1)), Message(DRIFT), Message(alert(1))], "alerts", score, console)
    shown = console.file.getvalue().splitlines()
    assert [line.split()[3] for line in shown] == ["review", "DRIFT"]
    assert score.alerted == {"TXN-1"}
