import pytest

from fraud_stream import audit
from fraud_stream.audit import Author, Change, audited, read_audit
from fraud_stream.errors import BrokerError, ChangeError
from tests.harness import produce, topics

pytestmark = pytest.mark.broker
ANA = Author("ana", "page", "admin")
CHANGE = Change("rule", "big", {"when": "amount > 9"}, "a try")


@pytest.fixture
def settings(tmp_path):
    with topics(tmp_path) as made:
        yield made


def test_a_change_is_told_before_it_is_made_and_once_more_where_it_fails(settings):
    with audited(settings, ANA, CHANGE):
        (entry,) = read_audit(settings)
    assert (entry.by, entry.via, entry.role, *CHANGE) == (*ANA, entry.action, entry.target, entry.details, entry.reason)
    with pytest.raises(ChangeError), audited(settings, ANA, CHANGE):
        raise ChangeError("somebody else was faster")
    assert [one.failure for one in read_audit(settings)] == [None, None, "somebody else was faster"]


def test_what_cannot_be_told_is_not_done(settings, monkeypatch):
    def refuse(*_):
        raise BrokerError("no broker answers")

    monkeypatch.setattr(audit, "deliver", refuse)
    with pytest.raises(BrokerError), audited(settings, ANA, CHANGE):
        pytest.fail("it was done all the same")


def test_what_is_no_entry_is_passed_over(settings):
    produce(settings, "audit", [("x", b"{"), ("x", None), ("x", b"\xff")])
    assert list(read_audit(settings)) == []
