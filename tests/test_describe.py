"""What the pages say of values."""

from fraud_stream.domain.outcomes import History
from fraud_stream.domain.profile import Profile
from fraud_stream.domain.transaction import Transaction
from fraud_stream.web.describe import describe


def test_known_frauds_have_their_moments() -> None:
    history = History()
    history.add(60.0, True)
    history.add(120.0, True)
    assert describe(history) == {
        "frauds": 2,
        "known": [
            {"at": "1970-01-01T00:01:00Z", "frauds": 1},
            {"at": "1970-01-01T00:02:00Z", "frauds": 2},
        ],
    }


def test_a_profile_tells_what_is_usual_and_what_stood_out() -> None:
    profile = Profile()
    for n in range(6):
        profile.apply(Transaction(f"T{n}", "C1", n * 60.0, 100.0 if n == 5 else 10.0))
    found = describe(profile)
    assert found["usual_amount"] == (5 * 10 + 30) / 6
    assert found["outliers"] == ["1970-01-01T00:05:00Z"]
