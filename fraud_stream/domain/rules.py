"""Threshold rules: data that is checked once, compiled once and evaluated over a whole chunk.

A rule's condition is a conjunction of comparisons over features and fields, for example::

    payment_method in ("Cryptocurrency", "Gift Card") and amount > 300
"""

import ast
import difflib
import math
import operator
import re
import string
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeGuard

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.transaction import OPTIONAL

Severity = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
State = Literal["active", "shadow", "off"]
Value = float | str | tuple[str, ...]
Column = NDArray[Any]

#: The risk score a rule alone gives an alert.
SEVERITY_SCORE: Mapping[str, float] = {"LOW": 0.3, "MEDIUM": 0.5, "HIGH": 0.8, "CRITICAL": 0.95}
#: Fields of the transaction that hold text and may be compared with == and !=.
TEXT_FIELDS = OPTIONAL

#: How a message may format a number: thousands, decimals, kind.  No width: it could ask for any amount of memory.
_FORMAT = re.compile(r",?(\.\d)?[fge%]?")
#: So much of a condition is quoted in an error.
_SHOWN = 200
#: Comparisons of a condition; each is made for every transaction.
MOST_COMPARISONS = 50
#: Texts that one comparison may name.
MOST_TEXTS = 10_000
#: Letters of each part of a rule.
LONGEST = {"id": 100, "when": 200_000, "description": 1_000, "type": 100, "message": 1_000}
#: A version that JSON holds exactly.
_VERSION = msgspec.Meta(ge=1, le=2**53)
_OPERATORS: Mapping[type[ast.cmpop], str] = {
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
}
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    "in": lambda column, texts: np.fromiter((value in texts for value in column), np.bool_, len(column)),
}


class RuleError(ValueError):
    """A rule cannot be used; the message says what is wrong and what is allowed."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as people write it.

    Attributes:
        id: Its name, unique among the rules in force.
        when: The condition, a conjunction of comparisons.
        description: What it looks for.
        severity: How bad a hit is.
        state: ``active`` alerts; ``shadow`` is evaluated and counted and alerts nobody; ``off`` does nothing.
        version: Grows by one with each change.
        type: The type its alerts carry.
        message: What its alerts say; may name any feature or field, and ``limit``, the first comparison's limit.
    """

    id: str
    when: str
    description: str = ""
    severity: Severity = "MEDIUM"
    state: State = "active"
    version: Annotated[int, _VERSION] = 1
    type: str = "RULE"
    message: str = ""


class Comparison(msgspec.Struct, frozen=True):
    """One comparison of a condition: `name` `operator` `value`."""

    name: str
    operator: str
    value: Value


class CompiledRule:
    """A rule ready to evaluate.

    Args:
        rule: What people wrote.
        numbers: The names of the numeric features that exist.

    Raises:
        RuleError: A name, an operator or a value is not allowed.

    >>> compiled = CompiledRule(Rule("big", "amount > 1000 and location == 'Oslo'"), ["amount"])
    >>> columns = {"amount": np.array([5.0, 2000.0]), "location": np.array(["Oslo", "Oslo"], dtype=object)}
    >>> compiled.hits(columns).tolist()
    [False, True]
    """

    def __init__(self, rule: Rule, numbers: Sequence[str]) -> None:
        _check_lengths(rule)
        self.rule = rule
        self.comparisons = parse_condition(rule, numbers)
        _check_message(rule, numbers, self.comparisons[0].value)
        self._compare = [(_COMPARE[c.operator], c.name, _comparable(c.value)) for c in self.comparisons]

    def hits(self, columns: Mapping[str, Column]) -> NDArray[np.bool_]:
        """Which rows of `columns` meet the condition."""
        first, *rest = (compare(columns[name], value) for compare, name, value in self._compare)
        for other in rest:
            first = first & other
        return np.asarray(first, dtype=bool)

    def message(self, values: Mapping[str, object]) -> str:
        """The alert's message for one row, from that row's `values`."""
        if not self.rule.message:
            return self.rule.description or f"rule {self.rule.id}: {self.rule.when}"
        return self.rule.message.format(**{"limit": self.comparisons[0].value, **values})


def parse_condition(rule: Rule, numbers: Sequence[str]) -> tuple[Comparison, ...]:
    """The comparisons of a rule's condition.

    Raises:
        RuleError: It is not a conjunction of comparisons over names that exist.
    """
    try:
        tree = ast.parse(rule.when.strip(), mode="eval").body
        parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
        if len(parts) > MOST_COMPARISONS:
            raise RuleError(f"rule {rule.id!r}: {len(parts)} comparisons; at most {MOST_COMPARISONS} are made")
        return tuple(_comparison(rule, part, numbers) for part in parts)
    except RuleError:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise RuleError(
            f"rule {rule.id!r}: cannot read the condition {_shown(rule.when)!r}; write it like: amount > 1000"
        ) from None


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _check_lengths(rule: Rule) -> None:
    for name, longest in LONGEST.items():
        if len(getattr(rule, name)) > longest:
            long = len(getattr(rule, name))
            raise RuleError(f"rule {_shown(rule.id)!r}: its {name} has {long:,} letters; at most {longest:,} are read")
    if not rule.id or rule.id != rule.id.strip() or not rule.id.isprintable():
        raise RuleError(f"rule {rule.id!r}: an id is a printable text without spaces around it")


def _comparable(value: Value) -> float | str | frozenset[str]:
    """A value as its column is compared with it."""
    return frozenset(value) if isinstance(value, tuple) else value


def _comparison(rule: Rule, node: ast.expr, numbers: Sequence[str]) -> Comparison:
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or not isinstance(node.left, ast.Name):
        raise RuleError(f"rule {rule.id!r}: {_source(node)!r} is no comparison; allowed is: name operator value")
    symbol = _OPERATORS.get(type(node.ops[0]))
    if symbol is None:
        raise RuleError(f"rule {rule.id!r}: operator in {_source(node)!r} is unknown; known are {', '.join(_COMPARE)}")
    value = _literal(rule, node.comparators[0])
    _check_name(rule, node.left.id, numbers)
    _check_kinds(rule, node.left.id, symbol, value)
    return Comparison(node.left.id, symbol, value)


def _literal(rule: Rule, node: ast.expr) -> Value:
    try:
        value = ast.literal_eval(node)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except (ValueError, TypeError, OverflowError, RecursionError, MemoryError):
        value = None
    if isinstance(value, list | tuple | set) and value and all(_is_text(item) for item in value):
        return _texts(rule, value)
    if _is_text(value):
        return value
    raise RuleError(f"rule {rule.id!r}: {_source(node)!r} must be a number, a text or a list of texts")


def _is_text(value: object) -> TypeGuard[str]:
    """Whether it can be written: a lone half of a character can be escaped in a condition, and in no record."""
    try:
        return isinstance(value, str) and bool(value.encode() or True)
    except UnicodeEncodeError:
        return False


def _texts(rule: Rule, values: Collection[str]) -> tuple[str, ...]:
    if len(values) > MOST_TEXTS:
        raise RuleError(f"rule {rule.id!r}: {len(values):,} texts in one comparison; at most {MOST_TEXTS:,} are read")
    return tuple(values)


def _source(node: ast.AST) -> str:
    return _shown(ast.unparse(node))


def _check_name(rule: Rule, name: str, numbers: Sequence[str]) -> None:
    names = (*numbers, *TEXT_FIELDS)
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise RuleError(f"rule {rule.id!r}: {name!r} is unknown; {hint}known are {', '.join(names)}")


def _check_kinds(rule: Rule, name: str, symbol: str, value: Value) -> None:
    text = name in TEXT_FIELDS
    allowed = {"in": tuple, "==": str, "!=": str}.get(symbol) if text else float
    if (symbol == "in" and not text) or allowed is None or not isinstance(value, allowed):
        want = "== text, != text or in (texts)" if text else "a number with > >= < <= == !="
        raise RuleError(
            f"rule {rule.id!r}: {name} {symbol} {_shown(repr(value))} does not fit; {name} is compared by {want}"
        )


def _check_message(rule: Rule, numbers: Iterable[str], limit: Value) -> None:
    texts = {*TEXT_FIELDS} if isinstance(limit, float) else {*TEXT_FIELDS, "limit"}
    allowed = {"limit", *numbers, *TEXT_FIELDS}
    try:
        parts = [part for part in string.Formatter().parse(rule.message) if part[1] is not None]
    except ValueError as error:
        raise RuleError(f"rule {rule.id!r}: cannot read the message {rule.message!r}: {error}") from None
    for _, name, spec, conversion in parts:
        if name not in allowed:
            raise RuleError(f"rule {rule.id!r}: the message names {name!r}, which does not exist")
        if conversion or not _FORMAT.fullmatch(spec or "") or (spec and name in texts):
            raise RuleError(
                f"rule {rule.id!r}: cannot format {name!r} so in the message; write it like {{amount:,.2f}}"
            )


def compiled_rules(rules: Sequence[Rule], numbers: Sequence[str]) -> list[CompiledRule]:
    """All rules, compiled.

    Raises:
        RuleError: A rule cannot be used, or two have the same id.
    """
    twice = [ident for ident, count in Counter(rule.id for rule in rules).items() if count > 1]
    if twice:
        raise RuleError(f"rule {min(twice)!r} is there twice; ids must be unique")
    return [CompiledRule(rule, numbers) for rule in rules]


class RuleSet:
    """The rules in force, evaluated together.

    Args:
        rules: All rules; those that are off are left out.

    Attributes:
        texts: The text fields that they name.
        numbers: The features that they name.
    """

    def __init__(self, rules: Iterable[CompiledRule]) -> None:
        self.rules = [compiled for compiled in rules if compiled.rule.state != "off"]
        named = sorted({comparison.name for rule in self.rules for comparison in rule.comparisons})
        self.texts = [name for name in named if name in TEXT_FIELDS]
        self.numbers = [name for name in named if name not in TEXT_FIELDS]

    def evaluate(self, columns: Mapping[str, Column]) -> dict[int, list[CompiledRule]]:
        """The rules that hit, by row; rows without a hit are not there."""
        found: dict[int, list[CompiledRule]] = {}
        if self.rules:
            rules, rows = np.array([rule.hits(columns) for rule in self.rules]).nonzero()
            for rule, row in zip(rules.tolist(), rows.tolist(), strict=True):
                found.setdefault(row, []).append(self.rules[rule])
        return found
