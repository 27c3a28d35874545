"""``/dashboard/``: the page itself, and its scripts and styles."""

from pathlib import Path

from faust import web

from fraud_stream.app import app
from fraud_stream.web.security import STATIC

FOLDER = Path(__file__).parent.parent / "static"
_PAGE = (FOLDER / "index.html").read_text(encoding="utf-8")


@app.page("/dashboard")
class Entrance(web.View):
    """The address as people type it."""

    async def get(self, request: web.Request) -> web.Response:
        """Send them to the page; relative, so that a proxy may serve it under another path."""
        return self.text("the page is at dashboard/", status=308, headers={"Location": "dashboard/"})


@app.page("/dashboard/")
class Dashboard(web.View):
    """The analyst's page."""

    async def get(self, request: web.Request) -> web.Response:
        """The frame; scripts fill it."""
        return self.html(_PAGE)


app.web.add_static(STATIC, FOLDER)
