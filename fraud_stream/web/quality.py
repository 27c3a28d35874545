"""``/quality/``: how good the scores are, as labels tell it, and the threshold in force."""

from faust import web

from agents.board import page
from fraud_stream.app import app

blueprint = web.Blueprint("fraud_stream_quality")


@blueprint.route("/", name="quality")
class Quality(web.View):
    """How good the scores are."""

    async def get(self, request: web.Request) -> web.Response:
        """The figures of the last days with labels and of each day, the same on every worker."""
        return self.json(page())


app.web.blueprints.add("/quality", blueprint)
