"""What Prometheus knows of the workers: counts of the time that was asked for, and gauges as they are now."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fraud_stream.errors import MonitorError
from fraud_stream.monitor.fetch import session, shown
from fraud_stream.monitor.limits import LABELS_WITHIN, NOT_RUNNING_SECONDS
from fraud_stream.monitor.names import COUNTERS, GAUGES, HISTOGRAMS, PREFIX, STARTED
from fraud_stream.monitor.promql import Prometheus
from fraud_stream.monitor.samples import INSTANCE, Sample, Samples
from fraud_stream.monitor.seen import Seen, Source, WorkerState

#: A worker is down that did not answer for so long, seconds: twice the longest interval that is usual for scrapes.
_DOWN_AFTER = 120
#: Steps in which the beginning of what Prometheus knows is looked for.
_STEPS = 240
_COUNTS = (
    *(f"{PREFIX}{name}_total" for name in COUNTERS),
    *(f"{PREFIX}{name}_{part}" for name in HISTOGRAMS for part in ("bucket", "sum")),
)
#: What is compared with the time before.
_COMPARED = tuple(f"{PREFIX}{name}_total" for name in ("transactions_scored", "alerts", "missing_fields"))


class Lately(NamedTuple):
    """What is of a time of its own, and not of that which was asked for.

    Attributes:
        ran: By worker whether it ran within the last minutes, 1 or 0.
        lag_trend: By how much the number of transactions that wait grows, a second; None where that is not known.
        labels: Labels that came within the hour; None where that is not known.
    """

    ran: Mapping[str, float]
    lag_trend: float | None
    labels: float | None


async def ask_prometheus(url: str, job: str, asked: float, topic: str) -> Seen:
    """What Prometheus knows of the workers.

    Args:
        url: Its address.
        job: The workers' job.
        asked: The time that was asked for, seconds.
        topic: The name of the topic `transactions`.

    Raises:
        MonitorError: It does not answer, or knows no workers.
    """
    async with session() as opened:
        prometheus = Prometheus(opened, url, job)
        answering = await _answering(prometheus, url, job)
        span, lately = await asyncio.gather(_span(prometheus, asked), _lately(prometheus, topic))
        now, before = await asyncio.gather(_now(prometheus, asked), _before(prometheus, asked))
    if any(answering.values()) and not any(one.name.startswith(PREFIX) for one in now):
        raise MonitorError(f"Prometheus at {shown(url)}: job {job!r} tells nothing that begins with {PREFIX}")
    samples = Samples(now)
    return Seen(
        Source("prometheus", [shown(url)], job),
        prometheus.at,
        asked,
        dict.fromkeys([*answering, *(one.labels.get(INSTANCE, "") for one in now)], span),
        topic,
        [_state(name, answers, samples, lately, prometheus.at) for name, answers in sorted(answering.items())],
        samples,
        Samples(before),
        _is_positive(lately.lag_trend),
        _is_positive(lately.labels),
    )


async def _answering(prometheus: Prometheus, url: str, job: str) -> dict[str, bool]:
    """By worker whether it answers; from here on the same moment is asked of."""
    found = await prometheus.ask(f"max_over_time({prometheus.select('up')}[{_DOWN_AFTER}s])")
    if not found:
        jobs = sorted(one.metric.get("job", "") for one in await prometheus.ask("group by (job) (up)"))
        there = f"its jobs are {', '.join(jobs)}; choose with --job" if jobs else "it scrapes nothing"
        raise MonitorError(f"Prometheus at {shown(url)} has no job {job!r}: {there}")
    prometheus.at = found[0].value[0]
    return {one.metric.get(INSTANCE, ""): float(one.value[1]) > 0 for one in found}


async def _span(prometheus: Prometheus, asked: float) -> float:
    """How much of the time that was asked for Prometheus knows, seconds.

    It is looked for in steps; what is found within a tenth of the time looked at, in smaller ones.
    """
    looked = asked
    while True:
        step = max(round(looked / _STEPS), 1)
        up = f"timestamp({prometheus.select('up')})[{looked:.0f}s:{step}s]"
        oldest = await prometheus.number(f"min(min_over_time({up}))")
        span = 0.0 if oldest is None else prometheus.at - oldest
        if span > looked / 10 or step == 1:
            return min(span, asked)
        looked /= 8


async def _lately(prometheus: Prometheus, topic: str) -> Lately:
    running = prometheus.select(f"{PREFIX}worker_phase", ',phase="running"')
    lag = prometheus.select(f"{PREFIX}consumer_lag_records", f',topic="{topic}"')
    labels = prometheus.select(f"{PREFIX}labels_total")
    return Lately(
        *await asyncio.gather(
            prometheus.by_instance(f"max_over_time({running}[{NOT_RUNNING_SECONDS:.0f}s])"),
            prometheus.number(f"deriv(sum({lag})[10m:1m])"),
            prometheus.number(f"sum(increase({labels}[{LABELS_WITHIN:.0f}s]))"),
        )
    )


async def _now(prometheus: Prometheus, asked: float) -> list[Sample]:
    """The counts of the time that was asked for, and all gauges."""
    gauges = prometheus.select("", f',__name__=~"{PREFIX}({"|".join(GAUGES)})|{STARTED}"')
    found = await asyncio.gather(_increases(prometheus, _COUNTS, asked), prometheus.samples(gauges))
    return [one for samples in found for one in samples]


async def _before(prometheus: Prometheus, asked: float) -> list[Sample]:
    """The counts of as long a time before."""
    return await _increases(prometheus, _COMPARED, asked, f" offset {asked:.0f}s")


async def _increases(prometheus: Prometheus, names: Iterable[str], seconds: float, offset: str = "") -> list[Sample]:
    window = f"[{seconds:.0f}s]{offset}"
    found = await asyncio.gather(
        *(prometheus.samples(f"increase({prometheus.select(name)}{window})", name) for name in names)
    )
    return [one for samples in found for one in samples]


def _state(name: str, answers: bool, samples: Samples, lately: Lately, at: float) -> WorkerState:
    if not answers:
        return WorkerState(name, "does not answer Prometheus")
    phases = [one.labels.get("phase", "") for one in samples.gauges("worker_phase", instance=name) if one.value]
    is_stalled = any(one.value for one in samples.gauges("worker_stalled", instance=name))
    started = samples.started().get(name)
    up = None if started is None else max(at - started, 0.0)
    return WorkerState(name, "", phases[0] if phases else "", is_stalled, lately.ran.get(name, 0.0) > 0, up)


def _is_positive(value: float | None) -> bool | None:
    return None if value is None else value > 0
