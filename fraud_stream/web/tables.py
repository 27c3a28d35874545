"""The pages under ``/table/``: what is in the tables, right for windowed tables too.

Faust's own pages look a plain key up in a windowed table, so they answer the default for every key, and they send a
request to the worker that the JSON form of the key hashes to.  Here a key that is not on this worker is asked of the
others in turn, which is right whatever partitioner the producers use.
"""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp
from faust import web
from faust.web.exceptions import ServiceUnavailable
from yarl import URL

from fraud_stream.app import app, settings
from fraud_stream.engine.keys import WindowRange
from fraud_stream.engine.panes import WindowedTable
from fraud_stream.engine.table import ExactTable
from fraud_stream.web.describe import describe, moment
from fraud_stream.web.passes import pass_for

#: Says that another worker has asked, so that nobody asks further.
FORWARDED = "X-Fraud-Stream-Forwarded"
#: Entries that a table's page shows.
MOST = 100
PATIENCE = 5.0
blueprint = web.Blueprint("fraud_stream_tables")


@blueprint.route("/", name="list")
class TableList(web.View):
    """Every table."""

    async def get(self, request: web.Request) -> web.Response:
        """What tables there are, and how much of each is on this worker."""
        check_ready()
        return self.json([_summary(table) for table in exact_tables().values()])


@blueprint.route("/{name}/", name="detail")
class TableDetail(web.View):
    """One table."""

    async def get(self, request: web.Request, name: str) -> web.Response:
        """The table, the first entries of its partitions on this worker, and who has the others."""
        table = _find(self, name)
        return self.json({**_summary(table), "workers": owners(table), "entries": _first_entries(table)})


@blueprint.route("/{name}/{key}/", name="key-detail")
class TableKeyDetail(web.View):
    """One key of a table."""

    async def get(self, request: web.Request, name: str, key: str) -> web.Response:
        """The key's value or windows, from whichever worker has it."""
        table = _find(self, name)
        found = _look_up(table, key)
        if found is None and FORWARDED not in request.headers:
            found = await _ask_others(name, key)
        if found is None:
            raise self.NotFound("key not found", table=name, key=key)
        return self.json(found)


async def look_up(name: str, key: str) -> dict[str, Any] | None:
    """What a table has of a key, from whichever worker has it; None where none has.

    Raises:
        ServiceUnavailable: It cannot be told now: tables are being recovered, or a worker does not answer.
    """
    check_ready()
    found = _look_up(exact_tables()[name], key)
    return await _ask_others(name, key) if found is None else found


def exact_tables() -> dict[str, ExactTable]:
    """The tables, by name."""
    return {name: table for name, table in app.tables.items() if isinstance(table, ExactTable)}


def check_ready() -> None:
    """Let nobody be told that something is missing which the tables do not have yet.

    Raises:
        ServiceUnavailable: They are being recovered.
    """
    if not app.tables.actives_ready:
        raise ServiceUnavailable("this worker is recovering its tables; ask again in a few seconds")


def _find(view: Any, name: str) -> ExactTable:
    check_ready()
    try:
        return exact_tables()[name]
    except KeyError:
        raise view.NotFound("unknown table", name=name, tables=sorted(exact_tables())) from None


def active_partitions(table: ExactTable) -> list[int]:
    """The partitions of a table that this worker processes, empty ones too; of others it may hold standby copies."""
    topic = table.changelog_topic_name
    return sorted(tp.partition for tp in app.assignor.assigned_actives() if tp.topic == topic)


def _summary(table: ExactTable) -> dict[str, Any]:
    active = active_partitions(table)
    return {
        "name": table.name,
        "help": table.help,
        "windows": _windows(table),
        "partitions": active,
        "standby_partitions": sorted(table.store.held() - set(active)),
        "stored": sum(table.store.size(n) for n in active),
        "stream_time": {n: moment(app.clock.now(n)) for n in active},
    }


def _windows(table: ExactTable) -> dict[str, Any] | None:
    if not isinstance(table, WindowedTable):
        return None
    kind = "tumbling" if table.size == table.step else "hopping"
    return {"kind": kind, "size": table.size, "step": table.step, "expires": table.expires}


def owners(table: ExactTable) -> dict[str, list[int]]:
    """Which partitions of a table each worker has, by its address."""
    topic = table.changelog_topic_name
    return {url: sorted(topics.get(topic, ())) for url, topics in app.assignor.tables_metadata().items()}


def _first_entries(table: ExactTable) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for key, value in table.entries(active_partitions(table)):
        found.append(_entry(table, key, value))
        if len(found) == MOST:
            break
    return found


def _entry(table: ExactTable, key: Any, value: Any) -> dict[str, Any]:
    if not isinstance(table, WindowedTable):
        return {"key": key, "value": describe(value)}
    return {"key": key[0], "pane": _window(key[1], value)}


def _look_up(table: ExactTable, key: str) -> dict[str, Any] | None:
    place = {"table": table.name, "key": key, "worker": str(app.conf.canonical_url)}
    for partition in active_partitions(table):
        if isinstance(table, WindowedTable):
            windows = table.windows_of_key(key, [partition])
            if windows:
                shown = [_window(window, value) for window, value in windows]
                return {**place, "partition": partition, "windows": shown}
        elif (value := table.partition(partition).get(key)) is not None:
            return {**place, "partition": partition, "value": describe(value)}
    return None


def _window(window: WindowRange, value: Any) -> dict[str, Any]:
    # Faust's windows end a tenth of a second early, to tell neighbours apart
    return {"start": moment(window[0]), "end": moment(round(window[1] + 0.1, 3)), **describe(value)}


async def _ask_others(name: str, key: str) -> Any:
    silent = []
    for url in app.assignor.tables_metadata():
        if url != str(app.conf.canonical_url):
            status, found = await _ask(f"{url}/table/{name}/", key)
            if status == HTTPStatus.OK:
                return found
            if status != HTTPStatus.NOT_FOUND:
                silent.append(url)
    if silent:
        raise ServiceUnavailable("a worker that may have this key does not answer", workers=silent)
    return None


async def _ask(base: str, key: str) -> tuple[int, Any]:
    url, patience = URL(f"{base}{quote(key, safe='')}/", encoded=True), aiohttp.ClientTimeout(PATIENCE)
    headers = {FORWARDED: "1", **pass_for(url.raw_path, settings.web.people)}
    try:
        async with app.http_client.get(url, headers=headers, timeout=patience) as response:
            return response.status, await response.json()
    except (aiohttp.ClientError, TimeoutError) as error:  # a worker that has just left; the others may know
        app.log.warning("cannot ask %s: %r", base, error)
        return HTTPStatus.SERVICE_UNAVAILABLE, None


app.web.blueprints.add("/table", blueprint)
