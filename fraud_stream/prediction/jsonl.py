"""Transactions of a file of JSON lines that has the model's features, as the topic `scored` has them or flat."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from fraud_stream.domain.matrix import matrix
from fraud_stream.files.rows import JsonLines
from fraud_stream.prediction.columns import Layout, layout_of
from fraud_stream.prediction.parts import Part, Refuse, Reject

_TOGETHER = 10_000
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
#: A line of the file, by its number.
_Line = tuple[int, bytes]


def json_columns(path: Path, features: tuple[str, ...]) -> "JsonColumns | None":
    """A reader of a file of JSON lines whose first object has the features; None of any other file.

    Raises:
        InputFileError: It has features, but not all of these.
    """
    if path.suffix.lower() not in {".jsonl", ".ndjson"}:
        return None
    first = next((row for row in JsonLines(path) if isinstance(row, dict)), {})
    layout = layout_of(list(_names(first)), features, str(path))
    return None if layout is None else JsonColumns(path, layout, first)


def _names(first: Mapping[str, Any]) -> Iterator[str]:
    for name, value in first.items():
        yield name
        if isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)


class JsonColumns:
    """A file of JSON lines that all have the form of the first."""

    backwards = 0

    def __init__(self, path: Path, layout: Layout, first: Mapping[str, Any]) -> None:
        self._path = path
        self.size, self.position = path.stat().st_size, 0
        self._decode = _decoder(layout, first)

    def parts(self, refuse: Refuse) -> Iterator[Part]:
        """The transactions, some thousand at a time."""
        with self._path.open("rb") as file:
            lines = self._lines(file)
            while part := list(islice(lines, _TOGETHER)):
                if found := self._decoded(part, refuse):
                    ids, amounts, *features = zip(*found, strict=True)
                    yield Part(ids, np.array(amounts, float), matrix(features).T.copy())

    def _lines(self, file: Any) -> Iterator[_Line]:
        for number, line in enumerate(file, 1):
            self.position += len(line)
            if text := line.strip():
                yield number, text

    def _decoded(self, part: Sequence[_Line], refuse: Refuse) -> list[tuple[Any, ...]]:
        decode = self._decode
        try:
            return [decode(line) for _, line in part]
        except _UNREADABLE:
            return [one for line in part if (one := self._one(line, refuse)) is not None]

    def _one(self, line: _Line, refuse: Refuse) -> tuple[Any, ...] | None:
        number, text = line
        try:
            return self._decode(text)
        except msgspec.ValidationError as error:
            refuse(Reject(number, "bad_feature", str(error)))
        except _UNREADABLE as error:
            refuse(Reject(number, "undecodable", f"not JSON: {error}"))
        return None


def _decoder(layout: Layout, first: Mapping[str, Any]) -> Callable[[bytes], tuple[Any, ...]]:
    """Decodes a line to the id, the amount and the features, and takes nothing else apart."""
    places = [_place(name, first) for name in (layout.id, layout.amount, *layout.features)]
    kinds = {**dict.fromkeys(places, float), places[0]: _Text}
    written = [_place(name, first) for name in _names(first)]  # what is met in its turn is found at once
    outer: dict[str, Any] = {}
    for group, name in sorted(kinds, key=written.index):
        outer.setdefault(group, {})[name] = kinds[group, name]
    whole = _struct({**outer.pop("", {}), **{group: _struct(fields) for group, fields in outer.items()}})
    decode = msgspec.json.Decoder(whole).decode
    getters = _getter(whole, places)
    return lambda line: getters(decode(line))


def _place(name: str, first: Mapping[str, Any]) -> tuple[str, str]:
    """The object that a value lies in, and its name there; no name for the line itself."""
    group, dot, inner = name.partition(".")
    return (group, inner) if dot and name not in first else ("", name)


def _struct(fields: Mapping[str, Any]) -> type[msgspec.Struct]:
    """A struct with these fields; their names may be anything, so its own are by place."""
    made = [(f"f{n}", kind) for n, kind in enumerate(fields.values())]
    return msgspec.defstruct("Fields", made, rename={f"f{n}": name for n, name in enumerate(fields)}, gc=False)


def _getter(whole: type[msgspec.Struct], places: Sequence[tuple[str, str]]) -> Callable[[Any], tuple[Any, ...]]:
    attributes = {field.encode_name: field for field in msgspec.structs.fields(whole)}

    def path(group: str, name: str) -> str:
        if not group:
            return attributes[name].name
        inner = {field.encode_name: field.name for field in msgspec.structs.fields(attributes[group].type)}
        return f"{attributes[group].name}.{inner[name]}"

    return attrgetter(*(path(*place) for place in places))
