"""``fraud-stream promote``: have another model decide, in every worker at once, and have it recorded."""

import time
from typing import Any

import click
import msgspec

from fraud_stream.announced import Announced, announce, read_announced
from fraud_stream.audit import Change, audited
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.errors import ModelError
from fraud_stream.models.artifact import trees_of
from fraud_stream.models.promotion import Decides, Promotion
from fraud_stream.settings import Settings, load
from fraud_stream.user import operator, reason_option, user_name

#: What leaves it to the setting again.
SETTING = "setting"


@click.command()
@click.argument("who", type=click.Choice(["online", "challenger", "blend", SETTING]))
@reason_option
def promote(who: Any, reason: str) -> None:
    """Have another model decide, in every worker at once.

    That is the online model, the challenger, or the blend of both; `setting` leaves it to [model] decides again.
    Workers need no restart.  Who said so, when and why is recorded: `fraud-stream models`.
    """
    settings = load().settings
    if not settings.model.enabled:
        raise ModelError("[model] enabled = false: no model decides; set it to true in every worker first")
    decides: Decides | None = None if who == SETTING else who
    there = read_announced(settings)
    if decides in {"challenger", "blend"}:
        check_challenger(settings, there)
    before = there.promotions.decides
    version = there.challenger.version if there.challenger else None
    promotion = Promotion(decides, before, version, time.time(), user_name(), reason)
    with audited(settings, operator(), Change("promote", who, msgspec.to_builtins(promotion), reason)):
        announce(settings, there.promotions.then(promotion))
    click.echo(f"{_named(decides, settings)} decides from now on, in every worker; before: {_named(before, settings)}")


def check_challenger(settings: Settings, there: Announced) -> None:
    """Look whether workers can use the challenger.

    Raises:
        ModelError: There is none, or they refuse it.
    """
    if there.challenger is None:
        raise ModelError("no challenger is announced; `fraud-stream train` fits one and announces it")
    trees_of(there.challenger, FeatureMaker(settings.feature_settings).names)


def _named(decides: Decides | None, settings: Settings) -> str:
    return decides or f"[model] decides = {settings.model.decides}"
