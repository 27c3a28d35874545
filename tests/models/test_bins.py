import numpy as np
import pytest

from fraud_stream.models.bins import ENOUGH_FRAUDS, LARGEST_SHARE, refined, shares
from fraud_stream.models.cells import CELLS, GROWTH, ZERO, cells_of

ONE_BIN = np.zeros(CELLS, dtype=np.int64)


def seen(*values: float) -> np.ndarray:
    return np.bincount(cells_of(np.array(values)), minlength=CELLS)


@pytest.mark.parametrize("value", [0.002, 0.5, 1.0, 99.0, 1e6, 1e8])
def test_a_cell_holds_values_that_differ_by_its_growth_at_most(value: float) -> None:
    cells = cells_of(np.array([value, value * GROWTH * GROWTH, -value]))
    assert 1 <= cells[1] - cells[0] <= 2
    assert cells[2] - ZERO == ZERO - cells[0]


def test_cells_are_in_the_order_of_the_numbers() -> None:
    values = np.array([-np.inf, -1e12, -5.0, -1e-9, 0.0, 1e-2, 3.0, 1e12, np.inf])
    cells = cells_of(values)
    assert (np.diff(cells) >= 0).all()
    assert (cells[0], cells[4], cells[-1]) == (0, ZERO, CELLS - 1)


def test_no_bin_holds_more_than_its_share_unless_it_is_one_cell() -> None:
    rnd = np.random.default_rng(1)
    values = seen(*rnd.lognormal(3, 1, 5_000), *[0.0] * 5_000)
    whole = shares(values, np.zeros(CELLS, dtype=np.int64))
    bins = refined(ONE_BIN, whole)
    for n in range(bins[-1] + 1):
        inside = whole[bins == n]
        assert inside.sum() <= LARGEST_SHARE or (inside > 0).sum() == 1
    assert 12 < bins[-1] < 40


def test_finer_bins_keep_the_cuts_of_the_coarser_ones() -> None:
    rnd = np.random.default_rng(2)
    first = refined(ONE_BIN, shares(seen(*rnd.normal(5, 1, 900)), seen()))
    second = refined(first, shares(seen(*rnd.normal(50, 9, 900)), seen()))
    cuts = [set(np.flatnonzero(np.diff(bins)).tolist()) for bins in (first, second)]
    assert cuts[0] < cuts[1]


def test_frauds_count_half_however_rare_they_are() -> None:
    genuine, frauds = seen(*range(1, 1_000)), seen(*[5_000.0] * ENOUGH_FRAUDS)
    assert shares(genuine, frauds)[cells_of(np.array([5_000.0]))[0]] == 0.5
    few = seen(*[5_000.0] * (ENOUGH_FRAUDS - 1))
    assert shares(genuine, few)[cells_of(np.array([5_000.0]))[0]] == 0.0


def test_one_value_is_one_bin() -> None:
    assert refined(ONE_BIN, shares(seen(*[7.0] * 500), seen()))[-1] == 0
    assert refined(ONE_BIN, shares(seen(), seen()))[-1] == 0
