"""Writing what is new on the topics `scored` and `labels` to an archive, in bounded memory."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from fraud_stream.archive.columns import day_of, label_table, scored_table
from fraud_stream.archive.layout import LABELS, Archive, State
from fraud_stream.archive.seen import SeenOffsets
from fraud_stream.domain.intake import Refused
from fraud_stream.errors import ArchiveError
from fraud_stream.label_intake import LabelIntake
from fraud_stream.reading import tail
from fraud_stream.records import Label, ScoredTransaction
from fraud_stream.retention import Gone
from fraud_stream.settings import Settings

#: Records that become files together.
TOGETHER = 50_000
_decode_scored = msgspec.json.Decoder(ScoredTransaction).decode
_UNREADABLE = (Refused, msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError)


class Written(NamedTuple):
    """What was added to an archive.

    Attributes:
        scored: Transactions.
        labels: Labels.
        left_out: Records that were not, by the reason.
    """

    scored: int
    labels: int
    left_out: Counter[str]


def write(
    settings: Settings,
    archive: Archive,
    tell: Callable[[int], object] = lambda _: None,
    tell_lost: Callable[[Gone], object] = lambda _: None,
) -> Written:
    """Add what is new.

    Args:
        settings: Where the topics are.
        archive: What to add to.
        tell: Told how many records were added, now and then.
        tell_lost: Told what retention took, as it is found: the next run goes on behind it.

    Raises:
        ArchiveError: It cannot be written, or the topics are others than those it was written from.
        BrokerError: A topic is not there, or the broker does not answer.
    """
    left_out, added = Counter[str](), {"scored": 0, "labels": 0}
    labels = partial(_labels, LabelIntake(settings.limits))
    for name, topic in (("labels", settings.topics.labels), ("scored", settings.topics.scored)):
        for part in _parts(settings, archive, topic, tell_lost):
            state = msgspec.convert(msgspec.to_builtins(archive.state), State)
            ends = {message.partition(): message.offset() + 1 for message in part}
            state.offsets[topic] = {**state.offsets.get(topic, {}), **ends}
            tables = labels(part, archive, left_out) if name == "labels" else _scored(part, archive, state, left_out)
            archive.load(tables, state)
            added[name] += sum(table.num_rows for table in tables.values())
            tell(sum(added.values()))
    return Written(added["scored"], added["labels"], left_out)


def _parts(
    settings: Settings, archive: Archive, topic: str, tell_lost: Callable[[Gone], object]
) -> Iterator[list[Any]]:
    """What a topic holds that is not in the archive, so much at a time."""
    places = dict(archive.state.offsets.get(topic, {}))
    messages = tail(settings, topic, places=places, on_lost=tell_lost)
    while part := list(islice(messages, TOGETHER)):
        for message in part:
            if message.offset() < places.get(message.partition(), 0):
                raise ArchiveError(
                    f"topic {topic!r} was made anew: {archive.folder} has its partition {message.partition()} up to "
                    f"offset {places[message.partition()]}, and it holds {message.offset()} now; choose another --to"
                )
        yield part


def _labels(intake: LabelIntake, part: list[Any], archive: Archive, left_out: Counter[str]) -> dict[str, pa.Table]:
    def read(message: Any) -> Label:
        return intake.read(message.value(), message.timestamp()[1] / 1_000)

    found = [one for one in (_decoded(read, message, left_out, "labels") for message in part) if one]
    return {f"{LABELS}/part-{archive.state.number + 1:08}.parquet": label_table(found)} if found else {}


def _scored(part: list[Any], archive: Archive, state: State, left_out: Counter[str]) -> dict[str, pa.Table]:
    """The files of scored transactions: one for each day, and for each list of features where there are others."""
    seen = {name: SeenOffsets(offsets) for name, offsets in state.seen.items()}
    grouped = defaultdict[str, list[ScoredTransaction]](list)
    for message in part:
        one = _decoded(_read_scored, message, left_out, "scored transactions")
        if one is None:
            continue
        known = seen.setdefault(f"{message.partition()}/{one.partition}", SeenOffsets([]))
        if known.is_new(one.offset):
            grouped[_file(one, archive.state.number + 1)].append(one)
        else:
            left_out["decisions that were sent again"] += 1
    state.seen = {name: one.offsets for name, one in seen.items()}
    return {name: scored_table(found) for name, found in grouped.items()}


def _file(scored: ScoredTransaction, number: int) -> str:
    features = blake2b(",".join(scored.features).encode(), digest_size=4).hexdigest()
    return f"day={day_of(scored)}/part-{number:08}-{features}.parquet"


def _read_scored(message: Any) -> ScoredTransaction:
    return _decode_scored(message.value() or b"")


def _decoded(read: Callable[[Any], Any], message: Any, left_out: Counter[str], what: str) -> Any:
    try:
        return read(message)
    except _UNREADABLE:
        left_out[f"records that are no {what}"] += 1
        return None
