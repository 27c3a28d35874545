"""``/dashboard/api/session``: who asks, and signing in and out."""

from http import HTTPStatus
from typing import Any

from faust import web

from fraud_stream.access import owner_of
from fraud_stream.app import app, settings
from fraud_stream.web.dashboard.answers import answered, told
from fraud_stream.web.dashboard.changes import SignIn
from fraud_stream.web.guard import VISITOR, anonymous, visitor_with
from fraud_stream.web.session import COOKIE, LASTS, cookie_of

#: Bytes of a request to sign in, which anybody may make.
MOST = 4_096


@app.page("/dashboard/api/session")
class Session(web.View):
    """Who asks."""

    async def get(self, request: Any) -> web.Response:
        """Their name and role."""
        return answered(self, request[VISITOR])

    async def post(self, request: Any) -> Any:
        """Sign in with a token: a cookie stands for it from now on."""
        person = owner_of((await told(request, SignIn, MOST)).token, settings.web.people)
        if person is None:
            app.log.warning("a token that is nobody's, from %s", request.remote)
            return self.error(HTTPStatus.UNAUTHORIZED, "this token is nobody's")
        response: Any = answered(self, visitor_with(person.name, person.role, settings.web))
        response.set_cookie(COOKIE, cookie_of(person), max_age=LASTS, **_attributes(request))
        return response

    async def delete(self, request: Any) -> Any:
        """Sign out."""
        response: Any = answered(self, anonymous(request, settings.web))
        response.del_cookie(COOKIE, **_attributes(request))
        return response


def _attributes(request: Any) -> dict[str, Any]:
    """No script reads the cookie, no page of somebody else has it sent; where TLS is spoken nothing else carries it."""
    is_secure = request.secure or request.headers.get("X-Forwarded-Proto") == "https"
    return {"path": "/", "httponly": True, "samesite": "Strict", "secure": is_secure}
