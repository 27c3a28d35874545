"""What workers tell themselves: `/metrics` and `/health` as they are now, with counts since each was started."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from fraud_stream.errors import MonitorError
from fraud_stream.monitor.fetch import OK, Page, fetch, refusal, session, shown
from fraud_stream.monitor.limits import LABELS_WITHIN
from fraud_stream.monitor.names import PREFIX
from fraud_stream.monitor.samples import INSTANCE, Sample, Samples
from fraud_stream.monitor.seen import Seen, Source, WorkerState

#: The status of `/health` where a worker is about to be given up as stuck.
_STALLED = 503


class Health(msgspec.Struct):
    """As much of `/health` as is needed."""

    status: str
    phase: str
    seconds_since_progress: float | None = None


class Answer(NamedTuple):
    """What one worker says."""

    state: WorkerState
    samples: Sequence[Sample] = ()


async def ask_workers(
    urls: Sequence[str], asked: float, topic: str, headers: Mapping[str, str] = MappingProxyType({})
) -> Seen:
    """What workers tell.

    Args:
        urls: Their addresses.
        asked: The time that was asked for, seconds; what they have counted may be of another.
        topic: The name of the topic `transactions`.
        headers: What shows who asks.

    Raises:
        MonitorError: None of them answers.
    """
    async with session(headers) as opened:
        answers = await asyncio.gather(*(_ask(opened, url) for url in dict.fromkeys(urls)))
    if all(one.state.trouble for one in answers):
        raise MonitorError("no worker answers:\n" + "\n".join(f"{one.name} {one.trouble}" for one, _ in answers))
    return seen(answers, asked, topic, time.time())


async def _ask(opened: aiohttp.ClientSession, url: str) -> Answer:
    name = shown(url)
    try:
        metrics, health = await fetch(opened, f"{url}/metrics"), await fetch(opened, f"{url}/health")
        return answer(name, metrics, health, time.time())
    except MonitorError as error:
        return Answer(WorkerState(name, str(error)))


def answer(name: str, metrics: Page, health: Page, now: float) -> Answer:
    """What a worker says by its two pages.

    Raises:
        MonitorError: They are no worker's.
    """
    samples = _samples(name, metrics)
    said = _health(health)
    started = Samples(samples).started().get(name)
    up = None if started is None else max(now - started, 0.0)
    is_stalled, runs = said.status == "stalled", said.phase == "running"
    return Answer(WorkerState(name, "", said.phase, is_stalled, runs, up, said.seconds_since_progress), samples)


def _samples(name: str, page: Page) -> list[Sample]:
    if page.status != OK:
        raise MonitorError(f"{refusal(page)} (/metrics)")
    try:
        families = list(text_string_to_metric_families(page.body.decode()))
    except ValueError:
        raise MonitorError("is no worker: its /metrics is no text of Prometheus") from None
    told = (one for family in families for one in family.samples)
    found = [Sample(one.name, {**one.labels, INSTANCE: name}, one.value) for one in told]
    if not any(one.name.startswith(PREFIX) for one in found):
        raise MonitorError(f"is no worker: its /metrics has nothing that begins with {PREFIX}")
    return found


def _health(page: Page) -> Health:
    if page.status not in {OK, _STALLED}:
        raise MonitorError(f"{refusal(page)} (/health)")
    try:
        return msgspec.json.decode(page.body, type=Health)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MonitorError("is no worker: its /health does not say what it is doing") from None


def seen(answers: Sequence[Answer], asked: float, topic: str, now: float) -> Seen:
    """What was seen of workers of which at least one answers."""
    samples = Samples(one for answered in answers for one in answered.samples)
    states = [one.state for one in answers]
    spans = {one.name: one.up_seconds for one in states if one.up_seconds is not None}
    source = Source("workers", [one.name for one in states])
    found = Seen(source, now, asked, spans, topic, states, samples)
    return found._replace(labels_lately=_labels_lately(found))


def _labels_lately(found: Seen) -> bool | None:
    """Whether labels came within the hour, or since the model was published, where the counts are of no longer time."""
    if not found.now.counted("labels"):
        return False
    ages = [one.value for one in found.now.gauges("model_age_seconds", model="online")]
    return True if found.span is not None and found.span <= max([LABELS_WITHIN, *ages]) else None
