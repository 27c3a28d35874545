"""notebooks/dashboard.ipynb, executed on a broker without topics."""

import re
from pathlib import Path

import pytest

from tests.harness import settings_for
from tests.notebooks.executed import PICTURES, TABLES, execute

pytestmark = [pytest.mark.broker, pytest.mark.embedded]  # what a broker does is no matter here


def test_of_an_empty_broker_it_says_that_there_is_nothing(broker_port: int, tmp_path: Path) -> None:
    run = execute(*settings_for(broker_port, tmp_path), tmp_path)
    assert run.text("headline").startswith("No data: nothing was decided from ")
    assert run.rows("cards")["transactions"][0] == run.rows("cards")["workers"][0] == "0"
    for cell in (*PICTURES, *TABLES):
        assert not run.has_picture(cell), cell
        assert re.match(r"No (transaction was decided|dead letter|alerts|rule|labels)", run.text(cell)), cell
