"""``/counts/``: what this worker has counted since it started."""

from faust import web

from agents import detection, drift, labels, outputs, trainer
from agents.board import board
from agents.models import shelf
from agents.quality import evaluator
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
                "labelled_too_old_to_evaluate": evaluator.too_old,
                "models_refused": shelf.refused,
                "drifts": {name: detector.drifts for name, detector in drift.watcher.detectors.items()},
                "evaluations_refused": board.refused,
            }
        )


app.web.blueprints.add("/counts", blueprint)
