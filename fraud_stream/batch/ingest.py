"""Step 1, ingest: every record of the topic, or of a file, as it came, with what the intake understands of it."""

import time
from collections.abc import Iterator
from datetime import date
from hashlib import blake2b
from typing import Any

import msgspec

from fraud_stream.batch.labels import load_labels
from fraud_stream.batch.loading import Place, Record, load, next_positions, of_topic, text_of, topic_source
from fraud_stream.batch.step import Batch, Counts, InputFile, moment
from fraud_stream.batch.tables import RAW
from fraud_stream.batch.warehouse import Insert, Warehouse, records
from fraud_stream.domain.intake import Intake, Refused
from fraud_stream.domain.transaction import OPTIONAL
from fraud_stream.errors import InputFileError
from fraud_stream.files.mapping import FieldMapping, load_mapping
from fraud_stream.files.rows import mapped_rows
from fraud_stream.files.translation import Translator, truth

_NOTHING = (None,) * (4 + len(OPTIONAL))
_READ = 1 << 20


class _Truth(msgspec.Struct):
    """What a record may say of itself, which no worker reads."""

    is_fraud: Any = None


_decode_truth = msgspec.json.Decoder(_Truth).decode


def ingest(batch: Batch) -> Counts:
    """Load what is new, of whatever day: of the topics `transactions` and `labels`, or of a file.

    Raises:
        BrokerError: A topic is not there, or its broker does not answer.
        InputFileError: The file cannot be read.
        WarehouseError: The warehouse cannot take it.
    """
    if batch.file is not None:
        return _ingest_file(batch, batch.file)
    found = _ingest_topic(batch)
    load_labels(batch.settings, batch.warehouse)
    return found


def _ingest_file(batch: Batch, file: InputFile) -> Counts:
    mapping = load_mapping(file.mapping)
    source = _source_of(file, mapping)
    found = _of_file(file, mapping, source, next_positions(batch.warehouse, source).get(0, 0))
    rows = _Rows(Intake(limits=batch.settings.intake_limits), batch.warehouse, source, batch.day)
    return load(batch.warehouse, source, found, rows.inserts)


def _ingest_topic(batch: Batch) -> Counts:
    settings, topic = batch.settings, batch.settings.topics.transactions
    intake = Intake(settings.fields.names, settings.intake_limits)
    rows = _Rows(intake, batch.warehouse, topic_source(topic), batch.day)
    found = of_topic(settings, batch.warehouse, topic)
    return load(batch.warehouse, topic_source(topic), found, rows.inserts)


class _Rows:
    """Makes rows of records.

    What is refused belongs to the day of the record before it in its partition, the stream's own time: its own time
    may be what is wrong with it.
    """

    def __init__(self, intake: Intake, warehouse: Warehouse, source: str, day: date) -> None:
        self._intake, self._day, self._now = intake, day, time.time()
        self._days = _last_days(warehouse, source)

    def inserts(self, part: list[Record]) -> list[Insert]:
        return [Insert(RAW, RAW.of([self._row(one) for one in part]))]

    def _row(self, record: Record) -> tuple[Any, ...]:
        place, received = record.place, None if record.received_at is None else moment(record.received_at)
        try:
            found = self._intake.read(record.value, now=record.received_at or self._now)
        except Refused as refused:
            day = self._days.get(place.partition, received.date() if received else self._day)
            return *place, day, received, *_NOTHING, None, refused.reason, refused.detail, text_of(record.value)
        ident, customer, seconds, *rest = msgspec.structs.astuple(found)
        at = moment(seconds)
        self._days[place.partition] = at.date()
        is_fraud = _truth(record.value) if record.is_fraud is None else record.is_fraud
        understood = ident, customer, at, *rest
        return *place, at.date(), received, *understood, is_fraud, None, None, text_of(record.value)


def _last_days(warehouse: Warehouse, source: str) -> dict[int, date]:
    """The day of the newest record of each partition."""
    sql = (
        f"SELECT partition_id, event_day FROM {RAW.name} WHERE source = ? "  # noqa: S608 - names of ours
        "QUALIFY row_number() OVER (PARTITION BY partition_id ORDER BY position DESC) = 1"
    )
    found = records(warehouse.rows(sql, source))
    return {int(row["partition_id"]): _date(row["event_day"]) for row in found}


def _date(value: Any) -> date:
    """A day, which DuckDB gives as a time."""
    return value.date() if hasattr(value, "date") else value  # type: ignore[no-any-return]


def _truth(value: bytes | None) -> bool | None:
    try:
        return truth(_decode_truth(value or b"{}").is_fraud)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _of_file(file: InputFile, mapping: FieldMapping, source: str, begin: int) -> Iterator[Record]:
    """The rows of a file in order of time, from one on."""
    translate = Translator(mapping).translate
    for number, row in enumerate(mapped_rows(file.path, mapping, in_order=True)):
        if number >= begin:
            found = translate(row)
            yield Record(Place(source, 0, number), found.value, is_fraud=found.is_fraud)


def _source_of(file: InputFile, mapping: FieldMapping) -> str:
    """What a file is called as a source: the same file with the same mapping is loaded once, whatever its name."""
    digest = blake2b(_meaning(mapping), digest_size=8)
    try:
        with file.path.open("rb") as opened:
            while part := opened.read(_READ):
                digest.update(part)
    except OSError as error:
        raise InputFileError(f"cannot read {file.path}: {error.strerror or error}") from None
    return f"file:{digest.hexdigest()}"


def _meaning(mapping: FieldMapping) -> bytes:
    """A mapping without its name."""
    return repr((mapping.fields, mapping.is_fraud, mapping.kind, mapping.kinds, mapping.sort)).encode()
