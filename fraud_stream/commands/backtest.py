"""``fraud-stream backtest``: what a rule would have caught and cost on history, before it is switched on."""

import difflib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from fraud_stream.archive.layout import is_archive
from fraud_stream.commands.archived_history import from_archive
from fraud_stream.commands.backtest_tables import UNNAMED, show, state_of
from fraud_stream.commands.filed_history import Filed, from_file, kind_of
from fraud_stream.commands.scored_history import LABELLED_TEXTS, from_labelled, from_scored
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.rules import TEXT_FIELDS, CompiledRule, Rule
from fraud_stream.domain.sliding import DAY, HOUR
from fraud_stream.errors import FraudStreamError, HistoryError
from fraud_stream.evaluation.backtest import Period, Trial
from fraud_stream.evaluation.past import Needed, Past
from fraud_stream.files.mapping import shipped
from fraud_stream.options import FiniteRange, Moment, Span, with_default, with_options
from fraud_stream.settings import Settings, load
from fraud_stream.steering import read_rulebook
from fraud_stream.terminal import as_json, timestamp

#: What makes RULE a condition and not a rule's id.
_OPERATOR = re.compile(r"[<>=!]|\sin[\s(]")
#: What a path ends with.
_FILES = (".csv", ".jsonl", ".ndjson", ".parquet")
_OPTIONS = (
    click.argument("rule"),
    with_default("--from", "scored", click.STRING, "The topic scored or labelled, an archive, or a file."),
    click.option("--since", type=Moment(), help="Look at transactions from this event time on."),
    click.option("--until", type=Moment(), help="Look at transactions before this event time."),
    click.option(
        "--hours", type=FiniteRange(0, min_open=True), help="Look at the last hours of the history, or before --until."
    ),
    click.option("--mapping", help=f"What a file's columns are called: {', '.join(shipped())}, or a file."),
    click.option("--label-delay", type=Span(), help="Event time from a payment in a file to its label.  [default: 7d]"),
    with_default("--examples", 5, click.IntRange(0, 1_000), "Name so many hits of each kind."),
    click.option(
        "--json",
        "json_",
        type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
        help="Write everything there as JSON; - prints it instead of the tables.",
    ),
)


class History(NamedTuple):
    """Where the transactions come from.

    Attributes:
        name: What people call it.
        rules: The rules that are there: those of the workers beside a topic, those of the settings beside a file.
        texts: The text fields that its transactions have.
        read: Reads of it what rules name; counts what is of no use.
        how: What is to be said of that.
    """

    name: str
    rules: Sequence[Rule]
    texts: Sequence[str]
    read: Callable[[Needed, Counter[str]], Iterator[Past]]
    how: str = ""


class Asked(NamedTuple):
    """The rules: the one on trial, those in force that can be evaluated, and the ids of those that cannot."""

    tried: CompiledRule
    in_force: list[CompiledRule]
    left_out: list[str]


@click.command()
@with_options(_OPTIONS)
def backtest(rule: str, since: float | None, until: float | None, hours: float | None, **rest: Any) -> None:
    """Tell what a rule would have caught and cost on history.

    RULE is the id of a rule, whatever its state, or a condition.  It is compared with the rules in force: beside a
    topic those of the workers, beside a file those of the settings.

    History is the topic `scored`, with all labels that `labels` holds, or the topic `labelled`, or a folder that
    `fraud-stream archive` has written, or a file.  Of a file of payments the features are computed in order of time,
    which takes tens of microseconds a payment; one of scored transactions has them.

    \b
    fraud-stream backtest night-high-amount --hours 168
    fraud-stream backtest "amount > 1000 and is_new_device == 1" --from payments.parquet --mapping handbook
    """  # noqa: D301 - click's mark for lines it must not join
    settings = load().settings
    maker = FeatureMaker(settings.feature_settings)
    period = _period(since, until, hours)
    condition = _condition(rule, maker)
    history = _history(settings, rest["from"], rest["mapping"], rest["label_delay"], period.since)
    asked = _asked(condition or _known(rule, maker, history.rules), maker, history)
    trial = Trial(asked.tried, asked.in_force, period, rest["examples"])
    left_out = _run(trial, history, Needed.by([asked.tried, *asked.in_force], maker.names))
    for name in asked.left_out:
        _tell(f"left out the rule {name}, which names what {history.name} does not have")
    found = trial.result()
    if found is None:
        raise HistoryError(_nothing(trial, history))
    if str(rest["json_"]) != "-":
        show(found, asked.tried.rule, history.name)
    if rest["json_"] is not None:
        _write(as_json({**_question(asked, history, left_out), **msgspec.to_builtins(found)}), rest["json_"])


def _history(settings: Settings, where: str, mapping: str | None, delay: float | None, since: float) -> History:
    path, topics = Path(where), settings.topics
    named = where in ("scored", "labelled", topics.scored, topics.labelled)
    if not named and is_archive(path):
        _refuse_reading(mapping, delay)
        return History(str(path), settings.rules, TEXT_FIELDS, partial(from_archive, path))
    if not named and (path.is_file() or path.suffix.lower() in _FILES):
        return _filed(settings, Filed(path, mapping or "identity", 7 * DAY if delay is None else delay))
    _refuse_reading(mapping, delay)
    if where in ("labelled", topics.labelled):
        name = f"the topic {topics.labelled!r}"
        rules = read_rulebook(settings).rules
        return History(name, rules, LABELLED_TEXTS, partial(from_labelled, settings, since=since))
    if where in ("scored", topics.scored):
        rules = read_rulebook(settings).rules
        return History(f"the topic {topics.scored!r}", rules, TEXT_FIELDS, partial(from_scored, settings, since=since))
    raise click.BadParameter(
        f"{where!r} is neither a file, an archive, nor one of the topics scored and labelled", param_hint="--from"
    )


def _refuse_reading(mapping: str | None, delay: float | None) -> None:
    if mapping is not None or delay is not None:
        raise click.UsageError("--mapping and --label-delay say how to read a file: name it with --from")


def _filed(settings: Settings, filed: Filed) -> History:
    if not filed.path.is_file():
        raise click.BadParameter(f"there is no file {str(filed.path)!r}", param_hint="--from")
    kind = kind_of(filed.path)
    texts = LABELLED_TEXTS if kind == "labelled" else TEXT_FIELDS
    how = ", computing features as the stream would" if kind == "payments" else ""
    return History(str(filed.path), settings.rules, texts, partial(from_file, filed, settings), how)


def _asked(tried: CompiledRule, maker: FeatureMaker, history: History) -> Asked:
    if absent := _absent(tried, history):
        raise HistoryError(
            f"{history.name} does not have {', '.join(absent)}, which the rule names; the topic scored has all"
        )
    others = [CompiledRule(one, maker.names) for one in history.rules if one.state == "active"]
    others = [one for one in others if one.rule.id != tried.rule.id]
    usable = [one for one in others if not _absent(one, history)]
    return Asked(tried, usable, [one.rule.id for one in others if one not in usable])


def _condition(text: str, maker: FeatureMaker) -> CompiledRule | None:
    """The rule that a condition is; None of an id."""
    return CompiledRule(Rule(UNNAMED, text), maker.names) if _OPERATOR.search(text) else None


def _known(text: str, maker: FeatureMaker, rules: Sequence[Rule]) -> CompiledRule:
    """The rule of that id."""
    known = {rule.id: rule for rule in rules}
    if text in known:
        return CompiledRule(known[text], maker.names)
    near = difflib.get_close_matches(text, known, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    there = f"there are {', '.join(known)}" if known else "there is none"
    raise click.BadParameter(
        f"there is no rule {text!r}; {hint}{there}; a condition is written like: amount > 1000",
        param_hint="RULE",
    )


def _absent(compiled: CompiledRule, history: History) -> list[str]:
    """The text fields that a rule names and history does not have."""
    named = {comparison.name for comparison in compiled.comparisons}
    return [name for name in TEXT_FIELDS if name in named and name not in history.texts]


def _period(since: float | None, until: float | None, hours: float | None) -> Period:
    if since is not None and hours is not None:
        raise click.UsageError("--since and --hours both say where to begin: name one of them")
    if since is not None and until is not None and since >= until:
        raise click.UsageError(f"--since {timestamp(since)} must be before --until {timestamp(until)}")
    end = math.inf if until is None else until
    if hours is not None and until is not None:
        return Period(until - hours * HOUR, end)
    last = math.inf if hours is None else hours * HOUR
    return Period(-math.inf if since is None else since, end, last)


def _run(trial: Trial, history: History, needed: Needed) -> dict[str, int]:
    """Go through history; says how many records were of no use, by what is wrong."""
    left_out = Counter[str]()
    _tell(f"reading {history.name}{history.how}")
    for past in history.read(needed, left_out):
        trial.add(past)
    found = {why: count for why, count in left_out.items() if count}
    for why, count in found.items():
        _tell(f"left out {count:,} {why}")
    return found


def _nothing(trial: Trial, history: History) -> str:
    if not trial.read:
        return f"{history.name} has no transaction to judge the rule by, or all are older than what is asked for"
    span = f"{timestamp(trial.oldest)} to {timestamp(trial.newest)}"
    return f"no transaction of {history.name} is in the period asked for; {trial.read:,} were read, from {span}"


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _question(asked: Asked, history: History, left_out: dict[str, int]) -> dict[str, Any]:
    rule = asked.tried.rule
    named = {"id": None if rule.id == UNNAMED else rule.id, "when": rule.when, "state": state_of(rule)}
    return {"rule": named, "history": history.name, "left_out": left_out, "left_out_rules": asked.left_out}


def _write(text: str, file: Path) -> None:
    if str(file) == "-":
        click.echo(text)
        return
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise FraudStreamError(f"cannot write {file}: {error.strerror}; choose another --json") from None
