"""Who asks, and whether they may.

On the loopback whoever sits at the machine may read, and change things as long as nobody has a token.  Beyond it, and
through a proxy, every page needs one.  A browser must not be made to ask by a page of somebody else: what changes
something is JSON from this page's own address, and a worker on the loopback answers to its own names alone, lest
another name lead to it.
"""

import re
from typing import Any

from aiohttp import web

from fraud_stream.access import Role, may, owner_of
from fraud_stream.audit import Author
from fraud_stream.sections import WebSettings, is_loopback
from fraud_stream.web.dashboard.changes import Visitor
from fraud_stream.web.operations import Operation, operation_at
from fraud_stream.web.passes import HEADER, is_pass
from fraud_stream.web.session import COOKIE, signed_in

#: Under which a request holds who asks.
VISITOR = web.RequestKey("visitor", Visitor)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: Who is asked in somebody else's name says so in one of these.
_OF_PROXIES = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(:\d{1,5})?")
_READING = ("GET", "HEAD", "OPTIONS")


def admit(request: web.Request, settings: WebSettings) -> Visitor:
    """Who asks.

    Raises:
        web.HTTPException: They may not.
    """
    _check_host(request, settings)
    if request.method not in _READING:
        _check_origin(request)
    visitor = visitor_of(request, settings)
    _check_role(visitor, operation_at(request.method, request.rel_url.path_safe))  # as the router reads it
    return visitor


def visitor_of(request: web.Request, settings: WebSettings) -> Visitor:
    """Who asks, by their token, their cookie, or a worker's pass.

    Raises:
        web.HTTPUnauthorized: The token is nobody's.
    """
    people, kind, token = settings.people, *_authorization(request)
    if kind == "bearer":
        person = owner_of(token, people)
        if person is None:
            raise _unauthorized("this token is nobody's")
    else:
        person = signed_in(request.cookies.get(COOKIE, ""), people)
    if person is not None:
        return visitor_with(person.name, person.role, settings)
    if is_pass(request.headers.get(HEADER, ""), request.rel_url.raw_path, people):
        return visitor_with("worker", "analyst", settings)
    return anonymous(request, settings)


def visitor_with(name: str, role: Role | None, settings: WebSettings) -> Visitor:
    """Somebody with a role."""
    return Visitor(name, role, bool(settings.people), role == "viewer" and settings.mask_for_viewers)


def anonymous(request: web.Request, settings: WebSettings) -> Visitor:
    """Somebody who shows nothing."""
    role: Role = "viewer" if settings.people else "admin"
    return visitor_with("local", role if _is_here(request, settings) else None, settings)


def _is_here(request: web.Request, settings: WebSettings) -> bool:
    """Whether somebody at this machine asks, and for themselves."""
    is_asked_for_others = bool(settings.allowed_hosts) or any(name in request.headers for name in _OF_PROXIES)
    return settings.is_local and not is_asked_for_others and is_loopback(request.remote or "")


def author_of(request: Any) -> Author:
    """Who asks, as the author of a change."""
    visitor: Visitor = request[VISITOR]
    return Author(visitor.name, "page", visitor.role)


def _authorization(request: web.Request) -> tuple[str, str]:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return kind.lower(), token.strip()


def _check_role(visitor: Visitor, operation: Operation) -> None:
    if operation.role is None:
        return
    if visitor.role is None:
        raise _unauthorized(
            "this needs a token: sign in at /dashboard/, or send it as Authorization: Bearer TOKEN"
            if visitor.knows_tokens
            else "this worker is asked through a proxy, and nobody has a token: set FRAUD_STREAM_WEB_TOKENS"
        )
    if not may(visitor.role, operation.role):
        raise web.HTTPForbidden(text=f"this needs the role {operation.role}; {visitor.name} has {visitor.role}")
    if operation.names_customers and visitor.is_masked:
        raise web.HTTPForbidden(text="this names customers, which viewers are not told; it needs the role analyst")


def _unauthorized(text: str) -> web.HTTPUnauthorized:
    return web.HTTPUnauthorized(text=text, headers={"WWW-Authenticate": 'Bearer realm="fraud_stream"'})


def _check_host(request: web.Request, settings: WebSettings) -> None:
    """A page of somebody else may have its name lead to this machine, and would then be of one origin with us."""
    names = {*_LOOPBACK, *(name.lower() for name in (settings.host, settings.bind, *settings.allowed_hosts))}
    if settings.is_local and _host(request.host) not in names:
        raise web.HTTPMisdirectedRequest(
            text="this worker listens on the loopback and does not answer to that name; [web] allowed_hosts can name it"
        )


def _host(address: str) -> str:
    """The host of ``host:port`` or ``[::1]:port``; nothing where it is none."""
    found = _HOST.fullmatch(address.lower())
    return found[1].strip("[]") if found else ""


def _check_origin(request: web.Request) -> None:
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "none")
    own = (None, f"http://{request.host}", f"https://{request.host}")
    if site not in ("same-origin", "none") or origin not in own:
        raise web.HTTPForbidden(text="what changes something must come from this worker's own page")
    is_json = request.content_type == "application/json" and "Content-Encoding" not in request.headers
    if request.can_read_body and not is_json:
        raise web.HTTPUnsupportedMediaType(text="send JSON as it is, with Content-Type: application/json")
