"""A saved model is read again, or refused with what is wrong with it."""

import copy
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.errors import ModelError
from fraud_stream.models.artifact import digest, dump, libraries
from fraud_stream.models.batch import BatchModel
from fraud_stream.models.card import Card, Data, Threshold, beside
from fraud_stream.models.challenger import Challenger
from fraud_stream.models.forest import FEATURES, Forest
from fraud_stream.prediction.predictor import Cuts, of_announced, of_file
from tests.prediction.saved import DRAWN, FITTED, expected, rows, save

MADE = FeatureMaker().names
CUTS = Cuts(0.3, 0.8, "a test")


def card_of(path: Path, **changes: Any) -> Card:
    made = Card(
        "challenger-7",
        "random-forest",
        1.0,
        path.name,
        digest(path.read_bytes()),
        list(FEATURES),
        "v",
        Threshold(0.25, "best F1"),
        None,
        None,
        Data("a test", 1.0, 2.0, 3, 3, 1, 1.0, {}),
        None,
        libraries(),
    )
    made = msgspec.structs.replace(made, **changes)
    beside(path).write_bytes(msgspec.json.encode(made))
    return made


def test_a_model_in_a_file_says_what_was_fitted(tmp_path: Path) -> None:
    path = save(tmp_path / "some.skops")
    found = of_file(path, MADE)
    assert (found.id, found.features, found.threshold) == ("some", FEATURES, None)
    assert found.predict(rows(200, 1), CUTS).probabilities.round(6).tolist() == expected(rows(200, 1))


@pytest.mark.filterwarnings("error")
def test_boosting_is_read_too_and_warns_of_nothing(tmp_path: Path) -> None:
    drawn = np.random.default_rng(1).lognormal(size=(2_000, len(MADE)))
    fitted = Challenger(drawn, drawn[:, 0] > 2)
    path = tmp_path / "boosting.skops"
    path.write_bytes(dump(fitted.classifier, MADE))
    found = of_file(path, MADE)
    assert found.features == MADE
    assert found.predict(drawn, CUTS).probabilities == pytest.approx(fitted.probabilities(drawn), abs=1e-12)


def test_levels_are_those_of_the_stream(tmp_path: Path) -> None:
    said = of_file(save(tmp_path / "m.skops"), MADE).predict(rows(500, 2), CUTS)
    assert set(said.levels.tolist()) == {"LOW", "MEDIUM", "HIGH"}
    for probability, is_fraud, level in zip(said.probabilities, said.frauds, said.levels, strict=True):
        assert is_fraud == (probability >= 0.3)
        assert level == ("LOW" if probability < 0.3 else "HIGH" if probability >= 0.8 else "MEDIUM")


def test_a_card_tells_name_and_threshold(tmp_path: Path) -> None:
    path = save(tmp_path / "m.skops")
    card_of(path)
    found = of_file(path, MADE)
    assert (found.id, found.threshold) == ("challenger-7", 0.25)


def test_the_announced_one_is_read(tmp_path: Path) -> None:
    data = dump(FITTED.classifier, FEATURES)
    features, libs = list(FEATURES), libraries()
    model = BatchModel(
        "challenger", "random-forest", 4, features, "v", 9, 3, 1.0, 2.0, None, libs, digest(data), 5.0, data
    )
    found = of_announced(model, MADE)
    assert found.id == "challenger-4"
    assert found.predict(DRAWN, CUTS).probabilities.round(6).tolist() == expected(DRAWN)
    with pytest.raises(ModelError, match="damaged"):
        of_announced(msgspec.structs.replace(model, sha256=digest(b"x")), MADE)


def hurt(**changes: Any) -> bytes:
    """A forest of which something is otherwise."""
    classifier = copy.copy(FITTED.classifier)
    vars(classifier).update(changes)
    return dump(classifier, FEATURES)


def other(name: str) -> bytes:
    short, swapped = FEATURES[1:], (FEATURES[1], FEATURES[0], *FEATURES[2:])
    return {
        "short": lambda: dump(Forest(DRAWN[:, 1:], DRAWN[:, 0] > 150).classifier, short),
        "renamed": lambda: dump(FITTED.classifier, ("price", *FEATURES[1:])),
        "swapped": lambda: dump(FITTED.classifier, swapped),
        "nameless": lambda: skops.io.dumps(FITTED.classifier),
        "logistic": lambda: skops.io.dumps(LogisticRegression()),
        "lopsided": lambda: hurt(n_outputs_=3, n_classes_=[2, 2, 2]),
        "mute": lambda: hurt(estimators_=[]),
        "broken": lambda: b"no zip",
        "empty": lambda: b"",
    }[name]()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("short", r"other features than this application makes: \['amount'\]"),
        ("renamed", r"other features than this application makes: \['amount', 'price'\]"),
        ("swapped", "their order"),
        ("nameless", "'amount', 'amount_ratio_winsorised'"),
        ("logistic", "it is a LogisticRegression, no model of `fraud-stream train`"),
        ("lopsided", "it is no fitted classifier"),
        ("mute", "it has 0 trees"),
        ("broken", "BadZipFile"),
        ("empty", "BadZipFile"),
    ],
)
def test_what_cannot_be_used_is_refused(name: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "m.skops"
    path.write_bytes(other(name))
    with pytest.raises(ModelError, match=why):
        of_file(path, MADE)


def test_a_card_of_another_model_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "m.skops")
    card_of(path, sha256=digest(b"other"))
    with pytest.raises(ModelError, match="its SHA-256 is another"):
        of_file(path, MADE)
    beside(path).write_text("{")
    with pytest.raises(ModelError, match="cannot read what is known of the model"):
        of_file(path, MADE)
