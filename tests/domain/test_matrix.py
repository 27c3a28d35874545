import pytest

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.matrix import matrix


def test_rows_of_different_lengths_are_refused() -> None:
    """Together they may have as many numbers as a matrix: every feature would shift."""
    with pytest.raises(ValueError, match=r"rows of different lengths: \[1, 2, 3\]"):
        matrix([[1.0, 2.0], [3.0, 4.0, 5.0], [6.0]])


def test_facts_that_are_no_features_are_refused() -> None:
    with pytest.raises(ValueError, match="are needed"):
        FeatureMaker().rows([[1.0] * 13])
