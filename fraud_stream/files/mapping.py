"""Field mappings: what the columns of a file are called, as small INI files; some ship with the project."""

import configparser
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fraud_stream.errors import InputFileError
from fraud_stream.records import Transaction

_FOLDER = Path(__file__).parent / "mappings"
_FIELDS = Transaction.__struct_fields__
_REQUIRED = tuple(field.encode_name for field in msgspec.structs.fields(Transaction) if field.required)
#: The sections, and the keys each may have; None allows any.
_KEYS = {"fields": _FIELDS, "label": ("is_fraud", "kind"), "kinds": None, "file": ("sort", "lenient")}

Columns = tuple[str, ...]


@dataclass(frozen=True)
class FieldMapping:
    """What the columns of a file mean.  Where several columns stand for a field, the first that has a value counts.

    Attributes:
        name: The mapping's own name.
        fields: The columns of each field of a transaction.
        is_fraud: The columns of the label; none where the file has no labels.
        kind: The columns of the kind of fraud.
        kinds: What a kind is called, by what the file says.
        sort: The column that rows are sorted by before they are sent; None leaves them in the file's order.
        lenient: Whether a file may lack columns that a transaction can do without.
    """

    name: str
    fields: dict[str, Columns]
    is_fraud: Columns = ()
    kind: Columns = ()
    kinds: dict[str, str] | None = None
    sort: str | None = None
    lenient: bool = False

    @property
    def columns(self) -> list[str]:
        """Every column that it reads, each once."""
        groups = (*self.fields.values(), self.is_fraud, self.kind, (self.sort,) if self.sort else ())
        return list(dict.fromkeys(column for group in groups for column in group))

    def check(self, present: Collection[str], where: str) -> None:
        """Make sure that a file with the columns `present` can be read.

        Raises:
            InputFileError: Columns are missing; it says which, and which there are.
        """
        needed = {field: columns for field, columns in self.fields.items() if not self.lenient or field in _REQUIRED}
        if not self.lenient:
            needed |= {"is_fraud": self.is_fraud, "kind": self.kind, "the order": (self.sort,) if self.sort else ()}
        absent = [f"{' or '.join(c)} (for {f})" for f, c in needed.items() if c and not set(c) & set(present)]
        if absent:
            there = f"the file has {', '.join(present)}"
            raise InputFileError(f"{where}: no column {', '.join(absent)}; {there}; mapping {self.name}")


def shipped() -> list[str]:
    """The names of the mappings that ship with the project."""
    return sorted(path.stem for path in _FOLDER.glob("*.conf"))


def load_mapping(name: str) -> FieldMapping:
    """The mapping of that name, or the one in the file of that name.

    Raises:
        InputFileError: There is none, or something in it is unknown, wrong or missing.
    """
    path = _FOLDER / f"{name}.conf" if name in shipped() else Path(name)
    parser = configparser.ConfigParser(interpolation=None, default_section="", strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # kinds keep their case
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=name)
    except FileNotFoundError:
        raise InputFileError(
            f"there is no mapping {name!r}; there are {', '.join(shipped())}, or name a file"
        ) from None
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise InputFileError(f"cannot read the mapping {name}: {error}") from None
    return _mapping(name, parser)


def _mapping(name: str, parser: configparser.ConfigParser) -> FieldMapping:
    _check_keys(name, parser)
    part = {section: dict(parser[section]) if section in parser else {} for section in _KEYS}
    return FieldMapping(
        name=name,
        fields={field: _columns(text) for field, text in part["fields"].items()},
        is_fraud=_columns(part["label"].get("is_fraud", "")),
        kind=_columns(part["label"].get("kind", "")),
        kinds=part["kinds"] or None,
        sort=part["file"].get("sort"),
        lenient=_yes(name, part["file"].get("lenient", "no")),
    )


def _check_keys(name: str, parser: configparser.ConfigParser) -> None:
    for section in parser.sections():
        if section not in _KEYS:
            raise InputFileError(f"mapping {name}: there is no section {section!r}; there are {', '.join(_KEYS)}")
        allowed = _KEYS[section]
        for key in parser[section]:
            if allowed is not None and key not in allowed:
                raise InputFileError(f"mapping {name}: [{section}] has no {key!r}; it has {', '.join(allowed)}")
    absent = [field for field in _REQUIRED if not parser.get("fields", field, fallback="")]
    if absent:
        raise InputFileError(f"mapping {name}: [fields] must say what column is {', '.join(absent)}")


def _columns(text: str) -> Columns:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _yes(name: str, text: str) -> bool:
    if text not in ("yes", "no"):
        raise InputFileError(f"mapping {name}: [file] lenient = {text!r} must be yes or no")
    return text == "yes"


def first_value(row: dict[str, object], columns: Iterable[str]) -> object:
    """The first value there is in these columns; None where there is none.

    >>> first_value({"user_id": "", "customer_id": 7}, ("user_id", "customer_id"))
    7
    """
    for column in columns:
        value = row.get(column)
        if value is not None and value != "":
            return value
    return None
