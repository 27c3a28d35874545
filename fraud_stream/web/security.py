"""What every page carries: headers that tell a browser what it may do with it, and errors that give nothing away.

All pages of the worker's web server pass here, those that Faust itself serves too.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from fraud_stream.app import app
from fraud_stream.errors import FraudStreamError

#: Nothing from another host, no script or style within a page, in no frame.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
#: What is the same for everybody may be kept, and is asked for again by its ETag.
STATIC = "/dashboard/static/"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Give a response the headers that it does not have itself."""
    if request.path.startswith(STATIC):
        response.headers.setdefault("Cache-Control", "no-cache")
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


@web.middleware
async def tell_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a failure with what a person can use; how it came about is for the log alone."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except FraudStreamError as error:
        return _told(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    except Exception:
        app.log.exception("%s %s failed", request.method, request.path)
        return _told(HTTPStatus.INTERNAL_SERVER_ERROR, "this worker has failed to answer; its log says why")


def _told(status: HTTPStatus, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


def protect(server: Any) -> None:
    """Have all pages of a server pass here."""
    server.on_response_prepare.append(add_headers)
    server.middlewares.append(tell_errors)


protect(app.web.web_app)  # type: ignore[attr-defined]  # of Faust's aiohttp driver
