import msgspec

from fraud_stream.domain.packed import Doubles
from fraud_stream.domain.pending import DONE, EARLY, SCORED, Pending

SCORED_ONE = Pending(SCORED, 60.0, "C1", 5.0, 0.25, 0.8, "review", "online-3", Doubles.of([1.0, 2.0]).tobytes())


def test_the_stages_only_grow() -> None:
    assert EARLY < SCORED < DONE
    assert SCORED_ONE.stage < SCORED_ONE.done().stage


def test_what_remains_recognises_a_second_label_and_no_more() -> None:
    assert SCORED_ONE.done() == Pending(DONE, 60.0, "C1")
    assert (SCORED_ONE.stage, SCORED_ONE.amount) == (SCORED, 5.0)


def test_what_was_written_before_there_were_challengers_is_still_read() -> None:
    """Fields go by their places; those of the challenger are the last."""
    whole = msgspec.msgpack.decode(msgspec.msgpack.encode(SCORED_ONE))
    before = msgspec.msgpack.encode(whole[:14])
    assert msgspec.msgpack.decode(before, type=Pending) == SCORED_ONE
    assert msgspec.structs.asdict(SCORED_ONE)["challenger_score"] is None
