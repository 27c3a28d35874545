"""Pictures of an evaluation: precision and recall, average precision by week, calibration."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.calibration import calibration_curve
from sklearn.metrics import PrecisionRecallDisplay, average_precision_score

from fraud_stream.domain.sliding import DAY
from fraud_stream.evaluation.prequential import Judged

WEEK = 7 * DAY
#: Contestants whose scores are probabilities.
PROBABILITIES = ("online", "challenger", "blend")


def draw(tested: Judged, whole: Judged, folder: Path) -> list[Path]:
    """Draw the pictures into `folder`: of the test, and week by week of the whole; says what was written.

    Args:
        tested: The transactions of the test.
        whole: All that were judged.
        folder: Where to; made if it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"precision-recall": _precision_recall, "weeks": _weeks, "calibration": _calibration}
    written = []
    for name, picture in pictures.items():
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        picture(figure.subplots(), whole if name == "weeks" else tested)
        written.append(folder / f"{name}.png")
        with mpl.rc_context({"savefig.dpi": 110}):
            figure.savefig(written[-1], metadata={"Software": None})
    return written


def _known(judged: Judged) -> list[str]:
    return [name for name, scores in judged.scores.items() if not np.isnan(scores).any()]


def _precision_recall(axes: Axes, judged: Judged) -> None:
    for name in _known(judged):
        PrecisionRecallDisplay.from_predictions(judged.frauds, judged.scores[name], name=name, ax=axes)
    names = {"xlabel": "recall", "ylabel": "precision"}
    axes.set(title="Precision and recall in the test", xlim=(0, 1), ylim=(0, 1.02), **names)


def _weeks(axes: Axes, judged: Judged) -> None:
    weeks = ((judged.times - judged.times.min()) // WEEK).astype(int)
    for name, scores in judged.scores.items():
        points = [(week, _precision(judged, scores, weeks == week)) for week in range(weeks.max() + 1)]
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
    axes.set(title="Average precision by week, labels as late as told", xlabel="week", ylim=(0, 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()


def _precision(judged: Judged, scores: np.ndarray, chosen: np.ndarray) -> float:
    frauds, scores = judged.frauds[chosen], scores[chosen]
    if not frauds.any() or np.isnan(scores).any():
        return float("nan")
    return float(average_precision_score(frauds, scores))


def _calibration(axes: Axes, judged: Judged) -> None:
    known = _known(judged)
    for name in (name for name in PROBABILITIES if name in known):
        share, said = calibration_curve(judged.frauds, judged.scores[name], n_bins=10, strategy="uniform")
        axes.plot(said, share, marker="o", label=name)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="as said")
    axes.set(title="Calibration in the test", xlabel="probability said", ylabel="share of frauds")
    axes.legend()
