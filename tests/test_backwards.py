import time

import pytest

from fraud_stream import kafka
from fraud_stream.backwards import Limits, search
from fraud_stream.errors import BrokerError
from tests.harness import topics

pytestmark = pytest.mark.broker
NUMBER = 1_000
PLACE = ("scored", 1)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Numbers on one partition in batches of 100; each tenth has the key that is looked for."""
    with topics(tmp_path_factory.mktemp("broker")) as made:
        ordered = {"linger.ms": 200, "batch.num.messages": 100, "max.in.flight.requests.per.connection": 1}
        producer = kafka.Producer({**kafka.client_config(made.broker), **ordered})
        for n in range(NUMBER):
            producer.produce("scored", str(n), "C1" if n % 10 == 0 else "C2", 1)
        assert producer.flush(10) == 0
        yield made


def of_c1(message) -> bool:
    return message.key() == b"C1"


def numbers(found) -> list[int]:
    return [int(message.value()) for message in found.messages]


def test_all_is_found_the_newest_first_also_beyond_what_the_broker_takes_for_the_end(settings):
    found = search(settings, PLACE, of_c1, Limits(found=NUMBER, piece=70))
    assert numbers(found) == list(range(NUMBER - 10, -1, -10))
    assert found.before is None
    assert found.read == NUMBER


def test_a_search_ends_when_enough_is_found_and_goes_on_from_there(settings):
    pages, before = [], None
    while True:
        found = search(settings, PLACE, of_c1, Limits(found=7, piece=70), before)
        assert len(found.messages) <= 7
        pages.append(numbers(found))
        before = found.before
        if before is None:
            break
    assert [number for page in pages for number in page] == list(range(NUMBER - 10, -1, -10))
    assert len(pages) > 10


def test_a_search_that_finds_nothing_ends_after_so_many_records_and_says_how_far_it_went(settings):
    found = search(settings, PLACE, lambda message: False, Limits(read=200, piece=100))
    assert found.messages == []
    assert 200 <= found.read < NUMBER
    assert found.before is not None
    further = search(settings, PLACE, of_c1, Limits(found=1), found.before)
    assert numbers(further)[0] < found.before
    assert further.back_to is not None
    assert found.back_to >= further.back_to > 1_600_000_000


def test_time_ends_a_search_between_two_pieces(settings):
    found = search(settings, PLACE, of_c1, Limits(found=NUMBER, seconds=0.0, piece=50))
    assert found.before is not None
    assert found.read >= 50
    assert all(number >= found.before for number in numbers(found))


def test_a_search_before_an_offset_beyond_the_end_reads_no_more_than_one_before_the_end(settings):
    found = search(settings, PLACE, lambda message: False, Limits(read=1, piece=100), before=10**12)
    assert 0 < found.read <= 200  # the broker may take the start of its last batch for the end
    assert found.before is not None
    beyond = search(settings, PLACE, of_c1, Limits(found=NUMBER, piece=70), before=2**63 - 1)
    assert numbers(beyond) == list(range(NUMBER - 10, -1, -10))


def test_time_ends_a_search_within_a_piece_and_nothing_is_passed_over(settings):
    def slowly(message) -> bool:
        time.sleep(0.005)
        return of_c1(message)

    pages, before, reads = [], None, []
    while before is None or before > 0:
        found = search(settings, PLACE, slowly, Limits(found=50, seconds=0.5, piece=NUMBER), before)
        pages += numbers(found)
        reads.append(found.read)
        before = found.before or 0
    assert len(reads) > 2
    assert max(reads) < 0.6 * NUMBER
    assert pages == list(range(NUMBER - 10, -1, -10))


def test_a_piece_that_has_more_than_is_wanted_loses_nothing(settings):
    found = search(settings, PLACE, of_c1, Limits(found=3, piece=NUMBER))
    assert numbers(found) == [NUMBER - 10, NUMBER - 20, NUMBER - 30]
    assert found.before == NUMBER - 30
    assert numbers(search(settings, PLACE, of_c1, Limits(found=1), found.before)) == [NUMBER - 40]


def test_an_empty_partition_has_nothing(settings):
    found = search(settings, ("scored", 2), of_c1)
    assert found == ([], None, 0, None)


def test_a_partition_that_is_not_there_is_told(settings):
    with pytest.raises(BrokerError, match="scored 99"):
        search(settings, ("scored", 99), of_c1)
