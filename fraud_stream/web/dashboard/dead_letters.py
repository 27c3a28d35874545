"""``/dashboard/api/dead-letters``: the newest records that could not be processed."""

import heapq

from faust import web

from fraud_stream.app import app, settings
from fraud_stream.redrive import Letter, letters
from fraud_stream.settings import Settings
from fraud_stream.web.dashboard.answers import Count, DeadLetterReport, DeadLetters, Nothing, answered, asked
from fraud_stream.web.dashboard.threads import reading
from fraud_stream.web.dashboard.workers import everyone

#: Letters that are shown.
MOST = 200
#: Bytes of a key or value that are shown.
SHOWN = 2_000


@app.page("/dashboard/api/dead-letters")
class DeadLetterList(web.View):
    """The newest dead letters."""

    async def get(self, request: web.Request) -> web.Response:
        """They themselves, and how many the workers have refused since they started, by reason."""
        asked(request, Nothing)
        newest = await reading.run(lambda: newest_letters(settings))
        workers = await everyone()
        counts = {_reason(count): count.value for count in workers.counters["dead_letters"].counts}
        return answered(self, DeadLetters(newest, counts, workers.silent))


def _reason(count: Count) -> str:
    return count.labels[0]


def newest_letters(settings: Settings) -> list[DeadLetterReport]:
    """The newest letters, the newest first.

    Raises:
        BrokerError: They cannot be read.
    """
    # all that are newest may lie on one partition; a letter may have 20 MB, so only what is shown of it is kept
    found = ((_written(letter), _report(letter)) for letter in letters(settings, newest=MOST))
    return [report for _, report in heapq.nlargest(MOST, found, key=lambda pair: pair[0])]


def _written(letter: Letter) -> int:
    return int(letter.message.timestamp()[1])


def _report(letter: Letter) -> DeadLetterReport:
    key, value = letter.message.key(), letter.message.value()
    at = f"{letter.place.partition}:{letter.place.offset}"
    record = (_start(key), _start(value), len(value or b""))
    about = letter.about
    if about is None:
        return DeadLetterReport(at, letter.state, None, None, None, None, *record)
    origin = f"{about.topic} {about.partition}:{about.offset}"
    return DeadLetterReport(at, letter.state, about.reason, about.detail, origin, about.time, *record)


def _start(data: bytes | None) -> str | None:
    return None if data is None else data[:SHOWN].decode(errors="backslashreplace")
