"""Asks other workers for those customers that they have: what is asked at about the same time goes in one request."""

import asyncio

import aiohttp
import msgspec

from fraud_stream.app import app, settings
from fraud_stream.web.passes import pass_for
from fraud_stream.web.predict.answers import MOST, Answer, Predictions
from fraud_stream.web.predict.forms import MANY
from fraud_stream.web.tables import FORWARDED

PATH = "/predict"
PATIENCE = 5.0
_decoder = msgspec.json.Decoder(Predictions)
Question = tuple[bytes, "asyncio.Future[Answer]"]


class Courier:
    """Carries questions to other workers, by their addresses."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Question]] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, url: str, raw: bytes) -> Answer:
        """What another worker answers for a payment."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(url, [])
        waiting.append((raw, answer))
        if len(waiting) == 1:
            task = asyncio.create_task(self._carry(url))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return await answer

    async def _carry(self, url: str) -> None:
        questions = self._waiting.pop(url)
        for first in range(0, len(questions), MOST):
            part = questions[first : first + MOST]
            found = await _asked(url, [raw for raw, _ in part])
            for (_, answer), one in zip(part, found, strict=True):
                if not answer.done():  # whoever asked may have gone
                    answer.set_result(one)


async def _asked(url: str, payments: list[bytes]) -> list[Answer]:
    body = msgspec.json.encode({MANY: [msgspec.Raw(raw) for raw in payments]})
    headers = {FORWARDED: "1", "Content-Type": "application/json", **pass_for(PATH, settings.web.people)}
    address, patience = f"{url.rstrip('/')}{PATH}", aiohttp.ClientTimeout(PATIENCE)
    try:
        async with app.http_client.post(address, data=body, headers=headers, timeout=patience) as answer:
            answer.raise_for_status()
            found = _decoder.decode(await answer.read()).predictions
            return found if len(found) == len(payments) else [Answer(error=f"{url} answers others")] * len(payments)
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        app.log.warning("cannot ask %s: %r", url, error)
        return [Answer(error=f"the worker at {url}, which has this customer, does not answer; ask again")] * len(
            payments
        )
