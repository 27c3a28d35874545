"""What `fraud-stream backtest` tells people: the figures of the rules, what the rule would add, some of its hits."""

from collections.abc import Sequence

import click

from fraud_stream.domain.rules import Rule
from fraud_stream.evaluation.backtest import Backtest, Examples, Figures
from fraud_stream.terminal import print_table, timestamp

#: What a rule is called that is not in the settings.
UNNAMED = "this rule"
_COLUMNS = ("", "hits", "a day", "frauds", "precision", "recall", "saved", "cost", "false a day", "unknown", "shared")
#: Of these something can be said without labels.
_WITHOUT_LABELS = ("", "hits", "a day", "shared")
_LEGEND = (
    "saved: amount of the frauds hit; cost: amount of the genuine payments hit; false: genuine payments hit; "
    "unknown: hits without a label; shared: hits that this rule and that line's have in common"
)


def state_of(rule: Rule) -> str | None:
    """Its state in the settings; None where it is not there."""
    return None if rule.id == UNNAMED else rule.state


def show(found: Backtest, rule: Rule, history: str) -> None:
    """Print what came of a rule, which history has this name."""
    span = f"{found.days:.1f} days from {timestamp(found.begin)} to {timestamp(found.end)}"
    click.echo(f"{history}: {found.transactions:,} transactions, {span}")
    if found.repeated:
        click.echo(f"{found.repeated:,} records that came again were left out")
    click.echo(_of_labels(found) + "\n")
    named = "" if rule.id == UNNAMED else f"{rule.id} ({rule.state}): "
    print_table(f"{named}{rule.when}", *_table(found, rule))
    if found.labelled:
        click.echo(_LEGEND)
    click.echo("\n" + _gain(found))
    _show_examples(found.examples)


def _of_labels(found: Backtest) -> str:
    if not found.labelled:
        return (
            "none of them has a label: which hits are frauds, and so precision, recall, what would be saved and how "
            "many alerts would be false, cannot be told before labels come"
        )
    unknown = found.transactions - found.labelled
    which = f"{found.labelled:,} have a label, and of {unknown:,} nothing is known" if unknown else "all have a label"
    return f"{which}; {found.frauds:,} are frauds, of {found.fraud_amount:,.2f} together"


def _table(found: Backtest, rule: Rule) -> tuple[Sequence[str], list[Sequence[str]]]:
    """The columns and the rows: the rule, each in force, all of these, and with the rule."""
    others = "all others in force" if state_of(rule) == "active" else "all in force"
    lines = [
        (rule.id, found.figures, "-"),
        *((one.id, one.figures, f"{one.shared:,}") for one in found.rules),
        (others, found.in_force, f"{found.shared:,}"),
        (f"{others}, and this one", found.together, "-"),
    ]
    rows = [(name, *_cells(figures), shared) for name, figures, shared in lines]
    if found.labelled:
        return _COLUMNS, list(rows)
    return _WITHOUT_LABELS, [(*row[:3], row[-1]) for row in rows]


def _cells(one: Figures) -> tuple[str, ...]:
    return (
        f"{one.hits:,}",
        _number(one.hits_a_day, ",.1f"),
        f"{one.frauds:,}",
        _number(one.precision, ".3f"),
        _number(one.recall, ".3f"),
        _number(one.saved, ",.2f"),
        _number(one.cost, ",.2f"),
        _number(one.false_a_day, ",.1f"),
        f"{one.unknown:,}",
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _gain(found: Backtest) -> str:
    """What the rule would add to those in force."""
    alone = found.alone
    share = f" ({found.shared / found.figures.hits:.0%})" if found.figures.hits else ""
    said = f"Rules in force hit {found.shared:,}{share} of its {found.figures.hits:,} hits as well"
    if not found.labelled:
        return f"{said}; the other {alone.hits:,} are {_number(alone.hits_a_day, ',.1f')} more alerts a day."
    return (
        f"{said}. It alone catches {alone.frauds:,} frauds, of {_number(alone.saved, ',.2f')} together, for "
        f"{alone.genuine:,} more false alerts: {_number(alone.false_a_day, ',.1f')} a day."
    )


def _show_examples(examples: Examples) -> None:
    kinds = {"fraud": examples.frauds, "genuine": examples.genuine, "unknown": examples.unknown}
    rows = [
        (kind, one.transaction_id, one.customer_id, timestamp(one.time), f"{one.amount:,.2f}")
        for kind, found in kinds.items()
        for one in found
    ]
    if rows:
        print_table("\nIts newest hits", ("", "transaction", "customer", "time", "amount"), rows)
