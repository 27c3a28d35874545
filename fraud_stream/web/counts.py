"""``/counts/``: what this worker has counted since it started."""

from faust import web

from agents import detection, labels, outputs, trainer
from agents.models import shelf
from fraud_stream.app import app

blueprint = web.Blueprint("fraud_stream_counts")


@blueprint.route("/", name="counts")
class Counts(web.View):
    """What this worker has counted."""

    async def get(self, request: web.Request) -> web.Response:
        """Counts of this worker, since it started."""
        return self.json(
            {
                "transactions": dict(detection.observer.counts),
                "missing_fields": dict(detection.intake.missing),
                "dead_letters": dict(outputs.refused_counts),
                "rules": dict(outputs.rule_counts),
                "anomaly_alerts": dict(outputs.anomaly_counts),
                "labels": dict(labels.counts),
                "labelled_of_other_features": trainer.trainer.skipped,
                "models_refused": shelf.refused,
            }
        )


app.web.blueprints.add("/counts", blueprint)
