import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_stream.access import owner_of, read_people

ANA = "admin:ana:" + "a" * 40
BO = "analyst:bo:" + "b" * 40


def test_people_are_read():
    people = read_people(f" {ANA}, {BO} ,")
    assert [(one.role, one.name) for one in people] == [("admin", "ana"), ("analyst", "bo")]
    assert read_people("") == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("root:ana:" + "a" * 40, "entry 1 is not understood"),
        (ANA + ",bo", "entry 2 is not understood"),
        ("admin:a.b:" + "a" * 40, "NAME has 1 to 64"),
        ("admin:ana:short", "the token of ana must have 20 to 200"),
        ("admin:ana:" + "ä" * 40, "the token of ana must have"),
        (f"{ANA},{ANA}", "two entries have the same name"),
        (f"{ANA},admin:bo:{'a' * 40}", "two entries have the same token"),
    ],
)
def test_what_is_wrong_is_told_and_no_token(text, why):
    with pytest.raises(ValueError, match=why) as caught:
        read_people(text)
    assert "a" * 40 not in str(caught.value)
    assert "short" not in str(caught.value)


@given(st.text())
def test_no_other_token_is_somebodys(token):
    people = read_people(f"{ANA},{BO}")
    assert owner_of(token, people) is None or token in {one.token for one in people}
    assert owner_of("b" * 40, people) == people[1]
