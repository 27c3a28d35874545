"""``fraud-stream models``: the models that are announced, how good they are, and who decides."""

import time
from collections.abc import Iterator
from typing import Any

import click

from fraud_stream.announced import Announced, read_announced
from fraud_stream.models.batch import BatchModel, Measures
from fraud_stream.models.promotion import Promotion
from fraud_stream.models.state import ModelState
from fraud_stream.settings import Settings, load
from fraud_stream.terminal import as_json, print_table, timestamp

_COLUMNS = ("model", "kind", "age", "learnt", "frauds", "held out: average precision", "ROC AUC")
_PROMOTIONS = ("decides", "since", "by", "challenger", "before", "reason")


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def models(json_: bool) -> None:
    """List the models that are announced, and who decides."""
    settings = load().settings
    there = read_announced(settings)
    if json_:
        click.echo(as_json(_told(there, settings)))
        return
    now = time.time()
    print_table(f"Models at {settings.broker.url}", _COLUMNS, _rows(there, now))
    said = "a promotion" if there.promotions.decides else "[model] decides"
    click.echo(f"\n{there.promotions.decides or settings.model.decides} decides, by {said}")
    if there.promotions.promotions:
        rows = [_promotion(one) for one in reversed(there.promotions.promotions)]
        print_table("\nPromotions", _PROMOTIONS, rows)


def _rows(there: Announced, now: float) -> Iterator[tuple[str, ...]]:
    held = there.challenger.held_out if there.challenger else None
    if there.online is not None:
        yield _row(there.online, now, held.online if held else None)
    if there.challenger is not None:
        yield _row(there.challenger, now, held.challenger if held else None)


def _row(model: ModelState | BatchModel, now: float, found: Measures | None) -> tuple[str, ...]:
    measures = ("-", "-") if found is None else (f"{found.average_precision:.3f}", f"{found.roc_auc:.3f}")
    return model.id, model.kind, age(now - model.created_at), f"{model.learnt:,}", f"{model.frauds:,}", *measures


def age(seconds: float) -> str:
    """A length of time, roughly.

    >>> age(42.0), age(300.0), age(7_200.0), age(259_200.0)
    ('42 s', '5 min', '2 h', '3 d')
    """
    for size, unit in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s"


def _promotion(one: Promotion) -> tuple[str, ...]:
    version = "-" if one.challenger is None else str(one.challenger)
    return one.decides or "the setting", timestamp(one.since), one.by, version, one.before or "the setting", one.reason


def _told(there: Announced, settings: Settings) -> dict[str, Any]:
    return {
        "decides": there.promotions.decides or settings.model.decides,
        "setting": settings.model.decides,
        "models": [_summary(model) for model in (there.online, there.challenger) if model is not None],
        "promotions": there.promotions.promotions,
    }


def _summary(model: ModelState | BatchModel) -> dict[str, Any]:
    """All that is known of a model, without its numbers and the names of the features, which are long."""
    left_out = {"numbers", "progress", "data", "features"}
    return {name: getattr(model, name) for name in model.__struct_fields__ if name not in left_out}
