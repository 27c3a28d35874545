"""The input of the measurements."""

import msgspec

from benchmarks.latency import RAISED_BY, RAISED_EVERY, _first_places, raised
from benchmarks.material import steps
from fraud_stream.domain.intake import Intake
from fraud_stream.records import Label


def test_the_input_is_the_same_in_every_run() -> None:
    assert list(steps(500, 10.0)) == list(steps(500, 10.0))


def test_every_record_is_a_transaction_keyed_by_its_customer() -> None:
    intake = Intake()
    for step in steps(500, 10.0):
        transaction = intake.read(step.transaction.value)
        assert (transaction.transaction_id, transaction.customer_id) == (step.transaction_id, step.transaction.key)


def test_nearly_every_transaction_has_a_label_and_it_comes_later() -> None:
    sent: set[str] = set()
    labelled: list[str] = []
    for step in steps(1_000, 10.0):
        for label in (msgspec.json.decode(record.value, type=Label) for record in step.labels):
            assert label.transaction_id in sent
            labelled.append(label.transaction_id)
        sent.add(step.transaction_id)
    assert len(labelled) == len(set(labelled))
    assert len(sent) - 10 <= len(labelled) <= len(sent)


def test_raising_makes_enough_alerts_and_changes_nothing_else() -> None:
    plain, changed = list(steps(200, 10.0)), list(raised(steps(200, 10.0)))
    different = [n for n, (before, after) in enumerate(zip(plain, changed, strict=True)) if before != after]
    assert different == list(range(0, 200, RAISED_EVERY))
    before, after = (Intake().read(flow[0].transaction.value) for flow in (plain, changed))
    assert after.amount > RAISED_BY
    assert msgspec.structs.replace(after, amount=before.amount) == before


def test_a_transaction_that_is_sent_again_is_due_when_it_is_sent_first() -> None:
    flow = list(steps(3, 10.0))
    places = _first_places([*flow, flow[0]])
    assert list(places.values()) == [0, 1, 2]
