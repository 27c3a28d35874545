"""Who asks, and whether they may.

On the loopback whoever sits at the machine may read, and change things as long as nobody has a token.  Beyond it every
page needs one.  A browser must not be made to ask by a page of somebody else: what changes something is JSON from this
page's own address, and a worker on the loopback answers to its own names alone, lest another name lead to it.
"""

from typing import Any

from aiohttp import web

from fraud_stream.access import Role, credentials, may, owner_of, with_most_rights
from fraud_stream.audit import Author
from fraud_stream.sections import WebSettings
from fraud_stream.web.dashboard.changes import Visitor
from fraud_stream.web.operations import Operation, operation_at
from fraud_stream.web.session import COOKIE, signed_in

#: Under which a request holds who asks.
VISITOR = web.RequestKey("visitor", Visitor)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_READING = ("GET", "HEAD", "OPTIONS")
_LOCAL = "local"


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
    """Who asks, by their token or their cookie.

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
    if person is None:
        return anonymous(settings)
    return visitor_with(person.name, person.role, settings)


def visitor_with(name: str, role: Role | None, settings: WebSettings) -> Visitor:
    """Somebody with a role."""
    return Visitor(name, role, bool(settings.people), role == "viewer" and settings.mask_for_viewers)


def anonymous(settings: WebSettings) -> Visitor:
    """Somebody who shows nothing."""
    role: Role = "viewer" if settings.people else "admin"
    return visitor_with(_LOCAL, role if settings.is_local else None, settings)


def of_a_worker(settings: WebSettings) -> dict[str, str]:
    """The headers with which a worker asks another, which has the same tokens; its visitor may be told less."""
    return credentials(with_most_rights(settings.people))


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
        raise _unauthorized("this needs a token: sign in at /dashboard/, or send it as Authorization: Bearer TOKEN")
    if not may(visitor.role, operation.role):
        raise web.HTTPForbidden(text=f"this needs the role {operation.role}; {visitor.name} has {visitor.role}")
    if operation.names_customers and visitor.is_masked:
        raise web.HTTPForbidden(text="this names customers, which viewers are not told; it needs the role analyst")


def _unauthorized(text: str) -> web.HTTPUnauthorized:
    return web.HTTPUnauthorized(text=text, headers={"WWW-Authenticate": 'Bearer realm="fraud_stream"'})


def _check_host(request: web.Request, settings: WebSettings) -> None:
    """A page of somebody else may have its name lead to this machine, and would then be of one origin with us."""
    names = {*_LOOPBACK, settings.host, settings.bind, *settings.allowed_hosts}
    if settings.is_local and _host(request.host) not in names:
        raise web.HTTPMisdirectedRequest(
            text="this worker listens on the loopback and does not answer to that name; [web] allowed_hosts can name it"
        )


def _host(address: str) -> str:
    """The host of ``host:port`` or ``[::1]:port``."""
    host = address[1:].partition("]")[0] if address.startswith("[") else address.partition(":")[0]
    return host.lower()


def _check_origin(request: web.Request) -> None:
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "none")
    if site not in ("same-origin", "none") or (origin is not None and origin.partition("://")[2] != request.host):
        raise web.HTTPForbidden(text="what changes something must come from this worker's own page")
    if request.can_read_body and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send JSON, with Content-Type: application/json")
