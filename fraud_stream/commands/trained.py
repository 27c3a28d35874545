"""What `fraud-stream train` makes: the model, its card and pictures, and the files that they go to."""

import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from fraud_stream.errors import ModelError, OutputFileError
from fraud_stream.evaluation.carding import figures_of, threshold_of
from fraud_stream.evaluation.fit_plots import draw_test
from fraud_stream.evaluation.refit import Fitted
from fraud_stream.evaluation.training_set import TrainingSet
from fraud_stream.files.replacing import replacing
from fraud_stream.models.artifact import digest, dump, libraries
from fraud_stream.models.batch import NAME, BatchModel
from fraud_stream.models.card import Card, Data, beside, read_card
from fraud_stream.models.learners import Learner
from fraud_stream.terminal import as_json


class Trained(NamedTuple):
    """A fitted model.

    Attributes:
        model: As it travels.
        fitted: What it was made from.
        card: What is known of it.
    """

    model: BatchModel
    fitted: Fitted
    card: Card


class Origin(NamedTuple):
    """What it was learnt from.

    Attributes:
        source: Where that came from.
        history: What was read of it.
        left_out: What was of no use, by why.
    """

    source: str
    history: TrainingSet
    left_out: Counter[str]


def model_of(fitted: Fitted, learner: Learner, features_version: str, version: int) -> BatchModel:
    """A fitted model as it travels."""
    columns, data = fitted.columns, dump(fitted.challenger.classifier, learner.features)
    return BatchModel(
        NAME,
        learner.kind,
        version,
        list(learner.features),
        features_version,
        len(columns.frauds),
        int(columns.frauds.sum()),
        float(columns.times[0]),
        float(columns.times[-1]),
        fitted.held_out,
        libraries(),
        digest(data),
        time.time(),
        data,
    )


def model_of_file(path: Path, version: int) -> BatchModel:
    """A saved model as it travels, with what its card knows of it.

    Raises:
        ModelError: It cannot be read, has no card beside it, or one of another model.
    """
    card = read_card(path)
    if card is None:
        raise ModelError(f"nothing is known of {path}: {beside(path)}, which `fraud-stream train` writes, is not there")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror}") from None
    if digest(data) != card.sha256:
        raise ModelError(f"the model {path} is not the one that {beside(path)} is of: its SHA-256 is another")
    return BatchModel(
        NAME,
        card.kind,
        version,
        card.features,
        card.features_version,
        card.data.learnt,
        card.data.frauds,
        card.data.begins,
        card.data.ends,
        card.held_out,
        card.libraries,
        card.sha256,
        card.created_at,
        data,
    )


def trained(fitted: Fitted, model: BatchModel, origin: Origin, usual: float, file: str) -> Trained:
    """A fitted model with its card; `usual` is the threshold where the data cannot tell one."""
    threshold = threshold_of(fitted.tested, usual)
    card = Card(
        model.id,
        model.kind,
        model.created_at,
        file,
        model.sha256,
        model.features,
        model.features_version,
        threshold,
        None if fitted.tested is None else figures_of(fitted.tested, threshold.value),
        model.held_out,
        _data(origin, model),
        _importances(fitted, model.features),
        model.libraries,
    )
    return Trained(model, fitted, card)


def _data(origin: Origin, model: BatchModel) -> Data:
    history, left_out = origin.history, dict(origin.left_out)
    span = model.trained_from, model.trained_to
    return Data(origin.source, *span, history.read, model.learnt, model.frauds, history.share, left_out)


def _importances(fitted: Fitted, features: list[str]) -> dict[str, float] | None:
    found = getattr(fitted.challenger.classifier, "feature_importances_", None)
    if found is None:
        return None
    pairs = zip(features, found.tolist(), strict=True)
    return dict(sorted(pairs, key=lambda pair: -pair[1]))


def save(made: Trained, path: Path) -> list[Path]:
    """Write the model, its card and its pictures; says what was written.

    Raises:
        ModelError: It cannot be written there.
    """
    try:
        with replacing(path) as partial:
            partial.write_bytes(made.model.data)
        with replacing(beside(path)) as partial:
            partial.write_text(as_json(made.card) + "\n", encoding="utf-8")
        return [beside(path), *draw_test(made.card, made.fitted.tested, path)]
    except (OSError, OutputFileError) as error:
        raise ModelError(f"cannot save the model as {path}: {error}; choose another --output") from None
