"""What every page passes: who asks is looked at, headers tell a browser what it may do, errors give nothing away.

All pages of the worker's web server pass here, those that Faust itself serves too.
"""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from fraud_stream.app import app, settings
from fraud_stream.domain.rules import RuleError
from fraud_stream.errors import ChangeError, FraudStreamError
from fraud_stream.web.guard import VISITOR, admit

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
#: Nobody need know which versions of what serve here.
SERVER = "fraud_stream"
#: What is the same for everybody may be kept, and is asked for again by its ETag.
STATIC = "/dashboard/static/"
#: Headers of a refusal that tell what to do.
_KEPT = ("Allow", "WWW-Authenticate")
_LONGEST_PATH = 500
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Give a response the headers that it does not have itself."""
    if request.path.startswith(STATIC):
        response.headers.setdefault("Cache-Control", "no-cache")
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = SERVER


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in who may, and answer a failure with what a person can use; how it came about is for the log alone."""
    try:
        request[VISITOR] = admit(request, settings.web)
        return await handler(request)
    except web.HTTPException as answer:
        return _as_json(request, answer)
    except RuleError as error:
        return _told(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    except ChangeError as error:
        return _told(HTTPStatus.CONFLICT, str(error))
    except FraudStreamError as error:
        return _told(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    except ConnectionError:
        raise  # whoever asked has gone
    except Exception:
        app.log.exception("%s %s failed", request.method, _path(request))
        return _told(HTTPStatus.INTERNAL_SERVER_ERROR, "this worker has failed to answer; its log says why")


def _as_json(request: web.Request, answer: web.HTTPException) -> web.StreamResponse:
    """A refusal in the form of all others; what is none is left as it is.

    Raises:
        web.HTTPException: It is no refusal.
    """
    if answer.status < HTTPStatus.BAD_REQUEST:
        raise answer
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        app.log.warning("%s %s from %s: %s", request.method, _path(request), request.remote, answer.text)
    told = _told(HTTPStatus(answer.status), answer.text or answer.reason)
    told.headers.extend({name: answer.headers[name] for name in _KEPT if name in answer.headers})
    return told


def _told(status: HTTPStatus, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


def _path(request: web.Request) -> str:
    """The path as it was asked for, which has neither lines nor colours in it."""
    return request.raw_path[:_LONGEST_PATH].encode("ascii", "backslashreplace").decode()


class OneLine(logging.Filter):
    """What is no HTTP is told of in one line without what was sent, which may be a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten a record of such a request."""
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError | ConnectionError):
            kind = type(record.exc_info[1]).__name__
            record.msg, record.args, record.exc_info = "a request that could not be read: %s", (kind,), None
        return True


def protect(server: Any) -> None:
    """Have all pages of a server pass here."""
    server.on_response_prepare.append(add_headers)
    server.middlewares.append(guard)


logging.getLogger("aiohttp.server").addFilter(OneLine())
protect(app.web.web_app)  # type: ignore[attr-defined]  # of Faust's aiohttp driver
