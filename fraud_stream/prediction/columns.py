"""Which columns of a file are a transaction's id, its amount and its features."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from fraud_stream.errors import InputFileError

_ID, _AMOUNT = "transaction_id", "amount"
#: What stands before a feature's name: `scored` and its archive have it.
OF_FEATURES = "features."
_OF_TRANSACTION = "transaction."


class Layout(NamedTuple):
    """Where a file has what is needed, by the names of its columns, nested ones as ``outer.inner``.

    Attributes:
        id: The transaction's id.
        amount: What was paid.
        features: The model's features, in its order.
    """

    id: str
    amount: str
    features: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys((self.id, self.amount, *self.features)))


def layout_of(there: Collection[str], features: Sequence[str], where: str) -> Layout | None:
    """Where a file has the features of a model; None where it has none.

    Args:
        there: The columns of the file.
        features: What the model reads.
        where: The name of the file.

    Raises:
        InputFileError: It has features, but not all of these, or no transaction's id.

    >>> layout_of(["transaction_id", "amount", "features.hour"], ["amount", "hour"], "it").features
    ('amount', 'features.hour')
    """
    found = {name: _first(there, (OF_FEATURES + name, name)) for name in features}
    absent = [name for name, column in found.items() if column is None]
    if absent and not any(column.startswith(OF_FEATURES) for column in there):
        return None
    ident = _first(there, (_ID, _OF_TRANSACTION + _ID))
    amount = _first(there, (_AMOUNT, _OF_TRANSACTION + _AMOUNT, OF_FEATURES + _AMOUNT))
    lacks = [*([] if ident else [_ID]), *([] if amount else [_AMOUNT]), *absent]
    if lacks or ident is None or amount is None:
        raise InputFileError(f"{where}: no column {', '.join(lacks)}, which the model needs of a file with features")
    return Layout(ident, amount, tuple(column for column in found.values() if column is not None))


def _first(there: Collection[str], names: Iterable[str]) -> str | None:
    return next((name for name in names if name in there), None)
