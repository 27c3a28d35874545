import pytest

from fraud_stream.errors import BrokerError
from fraud_stream.kafka import make_producer
from fraud_stream.reading import read_all
from fraud_stream.records import DeadLetter
from fraud_stream.redrive import REDRIVEN, Place, Selection, letters, make_plan, redrive
from fraud_stream.settings import Settings
from tests.harness import topics

pytestmark = pytest.mark.broker
REASONS = ("bad_id", "bad_amount", "null")


@pytest.fixture
def settings(tmp_path):
    with topics(tmp_path) as made:
        yield made


def bury(settings: Settings, numbers: range, **changes) -> None:
    """Dead letters whose reasons take turns, on four partitions."""
    producer = make_producer(settings.broker)
    for n in numbers:
        origin = changes.get("topic", "transactions"), changes.get("partition", n % 4)
        letter = DeadLetter(REASONS[n % 3], "why", *origin, n, 1.0)
        headers = [("trace", b"t%d" % n), *changes.get("headers", ()), *letter.headers()]
        value = None if n == 5 else b"\xff value %d" % n
        producer.produce(settings.topics.dead, value, b"key %d" % n, partition=n % 4, headers=headers)
    assert producer.flush(10) == 0


def send_back(settings: Settings, **selection) -> int:
    return redrive(settings, make_plan(letters(settings), Selection(**selection)))


def arrived(settings: Settings) -> list[int]:
    return sorted(int(message.key().split()[1]) for message in read_all(settings, "transactions"))


def test_key_value_partition_and_own_headers_come_back_as_they_were(settings):
    bury(settings, range(12))
    assert send_back(settings) == 12
    found = {int(message.key().split()[1]): message for message in read_all(settings, "transactions")}
    assert sorted(found) == list(range(12))
    for n, message in found.items():
        assert message.value() == (None if n == 5 else b"\xff value %d" % n)
        assert message.partition() == n % 4
        assert message.headers() == [("trace", b"t%d" % n), (REDRIVEN, b"1")]


def test_each_letter_is_redriven_once(settings):
    bury(settings, range(12))
    assert send_back(settings) == 12
    assert send_back(settings) == 0
    bury(settings, range(12, 15))
    assert send_back(settings) == 3
    assert arrived(settings) == list(range(15))


def test_one_reason_passes_over_no_letter_of_another(settings):
    bury(settings, range(12))
    assert send_back(settings, reasons=frozenset({"bad_amount"})) == 4
    assert arrived(settings) == [1, 4, 7, 10]
    assert send_back(settings, reasons=frozenset({"bad_amount"})) == 0
    assert send_back(settings) == 8
    assert arrived(settings) == list(range(12))


def test_what_is_beyond_the_limit_is_left_waiting(settings):
    bury(settings, range(12))
    assert [send_back(settings, limit=5) for _ in range(4)] == [5, 5, 2, 0]
    assert arrived(settings) == list(range(12))


def test_a_place_is_sent_whatever_is_remembered_and_changes_nothing_of_it(settings):
    bury(settings, range(12))
    plan = make_plan(letters(settings), Selection(places=frozenset({Place(1, 2)})))
    assert redrive(settings, plan, remember=False) == 1
    assert arrived(settings) == [9]
    assert send_back(settings) == 12


def test_the_number_of_times_is_counted(settings):
    bury(settings, range(1), headers=[(REDRIVEN, b"2")])
    send_back(settings)
    (message,) = read_all(settings, "transactions")
    assert dict(message.headers())[REDRIVEN] == b"3"


@pytest.mark.parametrize("count", [b"many", b"", None, b"9" * 5_000])
def test_a_count_that_is_none_starts_anew(settings, count):
    bury(settings, range(1), headers=[(REDRIVEN, count)])
    send_back(settings)
    (message,) = read_all(settings, "transactions")
    assert dict(message.headers())[REDRIVEN] == b"1"


def test_more_letters_than_a_batch(settings):
    bury(settings, range(1_203))
    assert send_back(settings) == 1_203
    assert arrived(settings) == list(range(1_203))
    assert send_back(settings) == 0


def test_foreign_records_stay(settings):
    producer = make_producer(settings.broker)
    for headers in (
        [],
        [("reason", b"x"), ("detail", b""), ("topic", b"t"), ("partition", b"0"), ("offset", b"0"), ("time", b"0")],
    ):
        producer.produce(settings.topics.dead, b"v", headers=headers)
    assert producer.flush(10) == 0
    found = list(letters(settings))
    assert {letter.state for letter in found} == {"foreign"}
    plan = make_plan(found, Selection(places=frozenset(letter.place for letter in found)))
    assert (plan.chosen, plan.left) == (set(), {"foreign": 2})


def test_states_and_what_is_left(settings):
    bury(settings, range(6))
    send_back(settings, reasons=frozenset({"null"}))
    assert sorted(letter.state for letter in letters(settings)) == ["redriven"] * 2 + ["waiting"] * 4
    plan = make_plan(letters(settings), Selection(reasons=frozenset({"null", "bad_id"}), limit=1))
    assert plan.topics == {"transactions": 1}
    assert plan.left == {"redriven before": 2, "not selected": 2, "beyond the limit": 1}


def test_topic_that_is_gone_is_an_error_and_is_not_made(settings):
    bury(settings, range(2), topic="old-name")
    for _ in range(2):
        with pytest.raises(BrokerError, match="topics that are not there: 'old-name'"):
            send_back(settings)


def test_partition_that_is_gone_leaves_the_choice_to_the_key(settings):
    bury(settings, range(4), topic="models")  # which has one partition
    assert send_back(settings) == 4
    assert {message.partition() for message in read_all(settings, "models")} == {0}


def test_after_a_failure_the_rest_is_still_waiting(settings, monkeypatch):
    bury(settings, range(12))
    monkeypatch.setattr("fraud_stream.redrive._BATCH", 5)
    delivered = iter([True, False])

    class Producer:
        def __init__(self, real):
            self.real, self.fails = real, False

        def produce(self, *args, on_delivery, **kwargs):
            self.real.produce(*args, **kwargs)

        def flush(self, timeout):
            return self.real.flush(timeout) if next(delivered) else 1

    real = make_producer(settings.broker)
    monkeypatch.setattr("fraud_stream.redrive.make_producer", lambda _: Producer(real))
    with pytest.raises(BrokerError, match="5 of 12 were sent, then: the broker has not answered"):
        send_back(settings)
    monkeypatch.undo()
    assert send_back(settings) == 7
    assert set(arrived(settings)) == set(range(12))


def test_refused_delivery_is_an_error(settings, monkeypatch):
    bury(settings, range(2), partition=50)
    monkeypatch.setattr("fraud_stream.redrive.check_topics", lambda *_: {"transactions": 99})
    with pytest.raises(BrokerError, match=r"0 of 2 were sent, then: transactions 50: .*Unknown partition"):
        send_back(settings)
    assert arrived(settings) == []
