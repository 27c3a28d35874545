import click
import pytest
from click.testing import CliRunner

from fraud_stream.options import FiniteRange


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_numbers_that_are_none_are_refused(text: str) -> None:
    @click.command()
    @click.option("--rate", type=FiniteRange(0, min_open=True))
    def command(rate: float) -> None:
        raise AssertionError(f"took {rate}")

    found = CliRunner().invoke(command, [f"--rate={text}"])
    assert found.exit_code == 2
    assert "finite" in found.output or "range" in found.output


def test_a_number_within_bounds_is_taken() -> None:
    assert FiniteRange(0, 1).convert("0.5", None, None) == 0.5
    with pytest.raises(click.BadParameter, match="not in the range"):
        FiniteRange(0, 1).convert("1.5", None, None)
