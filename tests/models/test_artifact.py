"""A classifier as bytes: what is saved is read again, and nothing else is."""

import io
import zipfile
from typing import Any

import msgspec
import numpy as np
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from fraud_stream.errors import ModelError
from fraud_stream.models import artifact
from fraud_stream.models.artifact import digest, dump, libraries, load, trees_of
from fraud_stream.models.batch import BatchModel
from fraud_stream.models.challenger import Challenger
from tests.models.test_flat_trees import WIDTH, rows_and_labels

NAMES = [f"f{n}" for n in range(WIDTH)]
FITTED = Challenger(*rows_and_labels(3_000))
DATA = dump(FITTED.classifier, NAMES)


def model(data: bytes = DATA, **changes: Any) -> BatchModel:
    made = BatchModel(
        "challenger",
        "hist-gradient-boosting",
        3,
        NAMES,
        "v",
        3_000,
        300,
        1.0,
        2.0,
        None,
        libraries(),
        digest(data),
        5.0,
        data,
    )
    return msgspec.structs.replace(made, **changes)


def test_what_was_saved_scores_as_what_was_fitted() -> None:
    rows, _ = rows_and_labels(500, seed=9)
    travelled = msgspec.json.decode(msgspec.json.encode(model()), type=BatchModel)
    expected = FITTED.probabilities(rows)
    assert abs(trees_of(travelled, NAMES).probabilities(rows) - expected).max() < 1e-12
    loaded = load(travelled.data, artifact.TRUSTED[travelled.kind])
    assert loaded.feature_names_in_.tolist() == NAMES
    del loaded.feature_names_in_  # scikit-learn warns of rows without names
    assert loaded.predict_proba(rows)[:, 1].tolist() == expected.tolist()


def test_what_is_saved_needs_no_more_than_the_types_that_are_trusted() -> None:
    assert skops.io.get_untrusted_types(data=DATA) == list(artifact.TRUSTED["hist-gradient-boosting"])


class NotTrusted:
    """A type of somebody else's."""


def with_member(name: str, content: bytes) -> bytes:
    """The saved classifier with one file in it exchanged."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(DATA)) as before, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as after:
        for member in before.infolist():
            after.writestr(member.filename, content if member.filename == name else before.read(member))
    return made.getvalue()


def bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for n in range(7):
            file.writestr(str(n), bytes(10_000_000))
    return made.getvalue()


def test_a_bomb_is_small_before_it_is_unpacked() -> None:
    assert len(bomb()) < 100_000


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (model(sha256=digest(b"other")), "damaged: its SHA-256"),
        (model(sha256="é"), "damaged: its SHA-256"),
        (model(features=NAMES[1:]), r"other features than this application makes: \['f0'\]"),
        (model(features=NAMES[::-1]), "their order"),
        (model(kind="forest"), "is a 'forest'"),
        (model(libraries={"scikit-learn": "1.2.3"}), "made with scikit-learn 1.2.3; here is 1"),
        (model(libraries={}), "made with scikit-learn None"),
        (model(bytes(artifact.LARGEST + 1)), "at most 8,000,000 are read"),
        (model(bomb()), "unpacks to 70,000,000 bytes in 7 files"),
        (model(b""), "BadZipFile"),
        (model(b"no zip"), "BadZipFile"),
        (model(DATA[:-200]), "BadZipFile"),
        (model(with_member("schema.json", b"{")), "JSONDecodeError"),
        (model(with_member("schema.json", b"[" * 200_000)), "RecursionError"),
        (model(skops.io.dumps(NotTrusted())), "UntrustedTypesFoundException.*NotTrusted"),
        (model(skops.io.dumps(print)), "Untrusted|print"),
        (model(skops.io.dumps({"a": 1})), "it is a dict, no HistGradientBoostingClassifier"),
        (model(skops.io.dumps(LogisticRegression())), "it is a LogisticRegression"),
        (model(skops.io.dumps(RandomForestClassifier(2).fit([[0.0], [1.0]], [0, 1]))), "UntrustedTypes.*Tree"),
        (model(skops.io.dumps(HistGradientBoostingClassifier())), "no fitted classifier"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_refused_and_it_is_said_why(other: BatchModel, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        trees_of(other, NAMES)


def test_a_classifier_of_other_rows_or_labels_is_refused() -> None:
    rows, labels = rows_and_labels(3_000)
    for fitted in (Challenger(rows[:, :5], labels), Challenger(rows, np.where(labels, 2, 1))):
        with pytest.raises(ModelError, match="other rows or labels"):
            trees_of(model(dump(fitted.classifier, NAMES)), NAMES)


def test_a_member_that_lies_about_its_size_is_refused() -> None:
    """The directory says one byte where a bomb is."""
    data = bytearray(bomb())
    size = (10_000_000).to_bytes(4, "little")
    while (place := data.find(size)) >= 0:
        data[place : place + 4] = (1).to_bytes(4, "little")
    with pytest.raises(ModelError):
        trees_of(model(bytes(data)), NAMES)
