import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from fraud_stream.errors import BrokerError
from fraud_stream.web.security import HEADERS, protect


async def fine(request):
    return web.json_response({"fine": True})


async def broken(request):
    raise RuntimeError("a secret of the inside")


async def no_broker(request):
    raise BrokerError("no broker answers at kafka://nowhere")


async def stream(request):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"data: 1\n\n")
    return response


@pytest.fixture
async def client():
    server = web.Application()
    protect(server)
    for handler in (fine, broken, no_broker, stream):
        server.router.add_get(f"/{handler.__name__}", handler)
    async with TestClient(TestServer(server)) as asking:
        yield asking


@pytest.mark.parametrize("path", ["/fine", "/broken", "/no_broker", "/stream", "/nowhere"])
async def test_every_answer_carries_the_headers(client, path):
    answer = await client.get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["Server"] == "fraud_stream"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


async def test_a_failure_gives_nothing_away(client, caplog):
    answer = await client.get("/broken")
    text = await answer.text()
    assert answer.status == 500
    assert "secret" not in text
    assert "Traceback" not in text
    assert "a secret of the inside" in caplog.text


async def test_an_error_for_people_is_told(client):
    answer = await client.get("/no_broker")
    assert (answer.status, await answer.json()) == (503, {"error": "no broker answers at kafka://nowhere"})
