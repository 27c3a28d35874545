"""A client of Prometheus' HTTP API: queries, answered with numbers."""

import json
from collections.abc import Mapping
from typing import Literal

import aiohttp
import msgspec

from fraud_stream.errors import MonitorError
from fraud_stream.monitor.fetch import OK, Page, fetch, refusal, shown
from fraud_stream.monitor.samples import INSTANCE, Sample

_PATH = "/api/v1/query"


class Result(msgspec.Struct):
    """One number of an answer: what it is of, and the number with its time, seconds since 1970."""

    metric: dict[str, str]
    value: tuple[float, str]


class Data(msgspec.Struct):
    """The numbers of an answer."""

    result: list[Result]


class Answer(msgspec.Struct):
    """An answer of Prometheus, or what was wrong with the query."""

    status: Literal["success", "error"]
    data: Data | None = None
    error: str = ""


class Prometheus:
    """Asks a Prometheus about the targets of one job.

    Args:
        opened: What to fetch with.
        url: Its address.
        job: The job.

    Attributes:
        at: The moment that is asked of, seconds since 1970 by its clock; 0 is its now.
    """

    def __init__(self, opened: aiohttp.ClientSession, url: str, job: str) -> None:
        self.at = 0.0
        self._opened, self._url = opened, url
        self._of = f"job={json.dumps(job, ensure_ascii=False)}"

    def select(self, name: str, more: str = "") -> str:
        """The series of that name that are the job's; `more` is what their labels must have beside."""
        return f"{name}{{{self._of}{more}}}"

    async def ask(self, query: str) -> list[Result]:
        """The numbers of a query.

        Raises:
            MonitorError: It does not answer, or not as a Prometheus does, or refuses the query.
        """
        page = await self._fetch({"query": query, **({"time": f"{self.at:.3f}"} if self.at else {})})
        answer = _read(page)
        if answer is None:
            said = "answers with something else" if page.status == OK else refusal(page)
            raise MonitorError(f"{self._shown} is asked for {_PATH} and {said}; is it a Prometheus, its path whole?")
        if answer.data is None:
            raise MonitorError(f"Prometheus at {self._shown} refuses {query}: {answer.error}")
        return answer.data.result

    async def number(self, query: str) -> float | None:
        """The one number of a query; None where there is none."""
        found = await self.ask(query)
        return float(found[0].value[1]) if found else None

    async def by_instance(self, query: str) -> dict[str, float]:
        """The numbers of a query by target."""
        return {one.metric.get(INSTANCE, ""): float(one.value[1]) for one in await self.ask(query)}

    async def samples(self, query: str, name: str = "") -> list[Sample]:
        """The numbers of a query, under a name; without one under their own."""
        found = await self.ask(query)
        return [Sample(name or one.metric.get("__name__", ""), one.metric, float(one.value[1])) for one in found]

    @property
    def _shown(self) -> str:
        return shown(self._url)

    async def _fetch(self, parameters: Mapping[str, str]) -> Page:
        try:
            return await fetch(self._opened, self._url + _PATH, parameters)
        except MonitorError as error:
            raise MonitorError(f"Prometheus at {self._shown} {error}") from None


def _read(page: Page) -> Answer | None:
    try:
        return msgspec.json.decode(page.body, type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
