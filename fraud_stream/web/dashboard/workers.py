"""``/dashboard/api/worker`` and ``/dashboard/api/workers``: what one worker has counted, and all of them together."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from http import HTTPStatus

import aiohttp
import msgspec
from faust import web

from fraud_stream.app import app, settings
from fraud_stream.web.dashboard.answers import Count, Counted, Nothing, WorkerReport, Workers, answered, asked
from fraud_stream.web.drift import streams
from fraud_stream.web.passes import pass_for
from fraud_stream.web.tables import active_partitions, exact_tables
from fraud_stream.web.told import COUNTERS, Told

PATIENCE = 5.0
_PATH = "/dashboard/api/worker"
_STARTED = time.time()
_decoder = msgspec.json.Decoder(WorkerReport)


@app.page(_PATH)
class ThisWorker(web.View):
    """This worker."""

    async def get(self, request: web.Request) -> web.Response:
        """What it does and has counted."""
        asked(request, Nothing)
        return answered(self, report())


@app.page("/dashboard/api/workers")
class AllWorkers(web.View):
    """All workers."""

    async def get(self, request: web.Request) -> web.Response:
        """What each says, and their counts together."""
        asked(request, Nothing)
        return answered(self, await everyone())


def report() -> WorkerReport:
    """What this worker says of itself."""
    app.watchdog.look()
    lags = app.chunk_consumer.lags()
    mine = active_partitions(exact_tables()["customer_profile"])
    return WorkerReport(
        str(app.conf.canonical_url),
        app.watchdog.phase,
        app.watchdog.phase == "running" and not app.watchdog.is_stalled,
        _STARTED,
        mine,
        _by_topic((tp.topic, lag) for tp, lag in lags.items()),
        {told.name: _counted(told) for told in COUNTERS},
        streams(),
        max(map(app.clock.now, mine), default=0.0),
    )


def _by_topic(lags: Iterable[tuple[str, float]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for topic, lag in lags:
        found[topic] += int(lag)
    return dict(found)


def _counted(told: Told) -> Counted:
    counts = [Count(list(names), float(value)) for names, value in told.values().items()]
    return Counted(told.help, list(told.labels), counts)


async def everyone() -> Workers:
    """What all workers say; who does not answer is told, since its counts are missing."""
    mine = str(app.conf.canonical_url)
    others = [url for url in app.assignor.tables_metadata() if url != mine]
    answers = await asyncio.gather(*map(_ask, others))
    reports = [report(), *(one for one in answers if one is not None)]
    silent = [url for url, answer in zip(others, answers, strict=True) if answer is None]
    return Workers(sorted(reports, key=lambda one: one.url), silent, together(reports))


async def _ask(url: str) -> WorkerReport | None:
    """What another worker says; None where it does not answer, or as another version would."""
    address, patience = url.rstrip("/") + _PATH, aiohttp.ClientTimeout(PATIENCE)
    try:
        async with app.http_client.get(
            address, headers=pass_for(_PATH, settings.web.people), timeout=patience
        ) as answer:
            return _decoder.decode(await answer.read()) if answer.status == HTTPStatus.OK else None
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        app.log.warning("cannot ask %s: %r", url, error)
        return None


def together(reports: Iterable[WorkerReport]) -> dict[str, Counted]:
    """The counts of several workers, added up."""
    sums: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    known: dict[str, Counted] = {}
    for one in reports:
        for name, counted in one.counters.items():
            known[name] = counted
            sums[name].update({tuple(count.labels): count.value for count in counted.counts})
    return {
        name: Counted(one.help, one.labels, [Count(list(labels), value) for labels, value in sums[name].items()])
        for name, one in known.items()
    }
