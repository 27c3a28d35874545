"""Pictures of a model that was judged by the newest part of its history."""

from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay

from fraud_stream.evaluation.refit import Tested
from fraud_stream.models.card import Card

Picture = Callable[[Axes], None]


def draw_test(card: Card, tested: Tested | None, model: Path) -> list[Path]:
    """Draw what there is to see beside the model's file; says what was written."""
    written = []
    for name, picture in _pictures(card, tested):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        picture(figure.subplots())
        written.append(model.with_name(f"{model.stem}.{name}.png"))
        with mpl.rc_context({"savefig.dpi": 110}):
            figure.savefig(written[-1], metadata={"Software": None})
    return written


def _pictures(card: Card, tested: Tested | None) -> Iterator[tuple[str, Picture]]:
    if tested is not None:
        yield "precision-recall", lambda axes: _precision_recall(axes, card, tested)
        yield "confusion", lambda axes: _confusion(axes, card)
        yield "scores", lambda axes: _scores(axes, card, tested)
    if card.importances:
        yield "importances", lambda axes: _importances(axes, card.importances or {})


def _precision_recall(axes: Axes, card: Card, tested: Tested) -> None:
    PrecisionRecallDisplay.from_predictions(
        tested.frauds, tested.scores, sample_weight=tested.weights, name=card.id, ax=axes
    )
    if card.test is not None:
        axes.plot(card.test.recall, card.test.precision, "o", label=f"threshold {card.threshold.value:.3f}")
    names = {"xlabel": "recall", "ylabel": "precision"}
    axes.set(title="Precision and recall in the test", xlim=(0, 1), ylim=(0, 1.02), **names)
    axes.legend()


def _confusion(axes: Axes, card: Card) -> None:
    if card.test is None:
        return
    found = card.test.confusion_matrix
    counts = np.array([[found.true_negatives, found.false_positives], [found.false_negatives, found.true_positives]])
    shown = ConfusionMatrixDisplay(counts, display_labels=["genuine", "fraud"])
    shown.plot(ax=axes, colorbar=False, values_format=",", cmap="Blues", im_kw={"norm": "log", "clim": (1, None)})
    axes.set(title=f"In the test, taken for fraud from {card.threshold.value:.3f} on", xlabel="said", ylabel="label")


def _scores(axes: Axes, card: Card, tested: Tested) -> None:
    bins = np.linspace(0, 1, 41).tolist()
    for name, chosen in (("genuine", ~tested.frauds), ("fraud", tested.frauds)):
        weights = None if tested.weights is None else tested.weights[chosen]
        axes.hist(tested.scores[chosen], bins, weights=weights, alpha=0.6, label=name)
    axes.axvline(card.threshold.value, color="grey", linestyle=":", label="threshold")
    axes.set(title="What is said in the test", xlabel="probability said", ylabel="transactions", yscale="log")
    axes.yaxis.set_major_formatter("{x:,.0f}")  # powers of ten would need fonts for formulas
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend()


def _importances(axes: Axes, importances: dict[str, float]) -> None:
    names = list(importances)[::-1]
    axes.barh(names, [importances[name] for name in names])
    axes.set(title="What lowers impurity in the forest", xlabel="share")
    axes.tick_params(axis="y", labelsize=7)
