import math

import msgspec
import numpy as np
import pytest

from fraud_stream.domain.described import PaymentFigures, WindowFigures, rows_of
from fraud_stream.domain.features import FeatureMaker

NOON = 1_767_268_800.0  # 2026-01-01, a Thursday
maker = FeatureMaker()


def features(figures) -> dict[str, float]:
    (row,) = rows_of([figures], maker, NOON)
    return dict(zip(maker.names, row.tolist(), strict=True))


def test_what_is_not_said_is_as_of_a_first_payment():
    found = features(PaymentFigures(50.0))
    assert (found["amount"], found["hour"], found["is_night"], found["history_count"]) == (50.0, 12.0, 0.0, 0.0)
    assert (found["sliding_count_1h"], found["sliding_sum_24h"], found["hopping_count_5m"]) == (1.0, 50.0, 1.0)
    assert found == features(WindowFigures(50.0))
    assert set(found) == set(maker.names)


def test_each_figure_of_a_payment_stands_for_its_features():
    usual = features(PaymentFigures(50.0))
    found = features(PaymentFigures(50.0, 3.5, 2.0, 0.25, 12.0, 7.0, True))
    changed = {name: value for name, value in found.items() if value != usual[name]}
    risks = dict.fromkeys(
        ("merchant_risk_24h", "merchant_risk_7d", "merchant_risk_30d", "merchant_risk_smoothed"), 0.25
    )
    assert changed == {
        "hour": 3.5,
        "is_night": 1.0,
        "seconds_since_last_log": math.log1p(2 * 86_400.0),
        "sliding_count_24h": 7.0,
        "is_new_location": 1.0,
        **risks,
    }


def test_each_figure_of_a_window_stands_for_its_features():
    found = features(WindowFigures(50.0, 20.0, 3.0, 2.0, 2.0))
    assert (found["amount_ratio_30d"], found["amount_ratio_winsorised"]) == (2.5, 2.5)
    assert (found["sliding_count_1h"], found["sliding_mean_1h"], found["sliding_sum_1h"]) == (3.0, 20.0, 60.0)
    assert (found["sliding_locations_1h"], found["sliding_devices_1h"]) == (2.0, 2.0)
    assert np.isfinite(list(features(WindowFigures(50.0, 0.0)).values())).all()


@pytest.mark.parametrize(
    "value",
    [{}, {"amount": -1}, {"amount": 1e12}, {"amount": 1, "colour": "red"}, {"amount": 1, "transaction_count": -1}],
)
def test_what_cannot_be_is_refused(value):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, WindowFigures)
