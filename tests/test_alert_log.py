"""The log lines of alerts."""

import io
import logging
from datetime import UTC, datetime

import pytest
from mode.utils.logging import DefaultFormatter

from fraud_stream.alert_log import AlertFormatter, log_alert, use_plain_lines
from fraud_stream.records import Alert


def alert(**texts: str) -> Alert:
    told = {"transaction_id": "T1", "customer_id": "C1", "message": "too much", **texts}
    return Alert(
        "A", told["transaction_id"], told["customer_id"], datetime.now(UTC), datetime.now(UTC), 1.0, "HIGH", "RULE",
        0.8, "review", told["message"], [], "none", "r1",
    )  # fmt: skip


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the root logger writes, by a formatter of its own as Faust sets one up."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(DefaultFormatter("coloured %(message)s"))
    monkeypatch.setattr(logging.root, "handlers", [handler, logging.NullHandler()])
    return stream


@pytest.mark.parametrize("field", ["customer_id", "transaction_id", "message"])
def test_what_a_transaction_says_cannot_write_lines_of_its_own(field: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="fraud_stream.alerts"):
        log_alert(alert(**{field: "x\n\x1b[2JALERT"}))
    assert caplog.messages[0].isprintable()


def test_alerts_are_formatted_plainly_and_all_else_as_before(written: io.StringIO) -> None:
    logging.getLogger("fraud_stream.alerts").setLevel("INFO")
    use_plain_lines()
    log_alert(alert())
    logging.getLogger("other").error("something")
    first, second = written.getvalue().splitlines()
    assert first.endswith("[INFO] ALERT HIGH review risk 0.80 customer C1 transaction T1: too much")
    assert first.startswith(f"[{datetime.now():%Y-%m-%d}")
    assert second == "coloured something"


def test_a_handler_with_a_format_of_its_own_keeps_that(written: io.StringIO) -> None:
    logging.getLogger("fraud_stream.alerts").setLevel("INFO")
    logging.root.handlers[0].setFormatter(logging.Formatter('{"message": "%(message)s"}'))
    use_plain_lines()
    log_alert(alert())
    assert written.getvalue().startswith('{"message": "ALERT HIGH')


def test_handlers_are_set_up_once(written: io.StringIO) -> None:
    use_plain_lines()
    use_plain_lines()
    formatter = logging.root.handlers[0].formatter
    assert isinstance(formatter, AlertFormatter)
    assert not isinstance(formatter._other, AlertFormatter)
