"""The seven steps, in order, each of which can be run again for a day."""

from collections.abc import Callable, Iterator

from fraud_stream.batch import validate_cleaned, validate_raw
from fraud_stream.batch.aggregate import aggregate
from fraud_stream.batch.clean import clean
from fraud_stream.batch.engineer_features import engineer_features
from fraud_stream.batch.export import export
from fraud_stream.batch.ingest import ingest
from fraud_stream.batch.runs import Run, is_done, recorded
from fraud_stream.batch.step import Batch, Counts
from fraud_stream.errors import PipelineError

STEPS: dict[str, Callable[[Batch], Counts]] = {
    "ingest": ingest,
    validate_raw.NAME: validate_raw.validate_raw,
    "clean": clean,
    validate_cleaned.NAME: validate_cleaned.validate_cleaned,
    "aggregate": aggregate,
    "engineer-features": engineer_features,
    "export": export,
}


def run(batch: Batch, step: str | None = None) -> Iterator[Run]:
    """Run one step of a day, or all: what came of each, as it ends.

    Raises:
        PipelineError: The step before it was not run for that day, or has failed.
        FraudStreamError: A step has failed.
    """
    if step is not None:
        _check(batch, step)
    for name in STEPS if step is None else (step,):
        yield recorded(batch, name, STEPS[name])


def _check(batch: Batch, step: str) -> None:
    """A step works on what the one before it left."""
    names = list(STEPS)
    before = names[names.index(step) - 1] if step != names[0] else None
    if before is not None and not is_done(batch.warehouse, batch.day, before):
        raise PipelineError(
            f"step {step} of {batch.day} needs step {before}, which was not run for that day or has failed: "
            f"fraud-stream pipeline run --date {batch.day} --step {before}"
        )
