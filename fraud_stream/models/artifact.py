"""A fitted classifier as bytes, in skops's format: a zip of JSON and plain arrays, never a pickle.

What comes off a topic is believed in nothing: its size is bounded before and after it is unpacked, its hash is
checked, no type is made that is not on the list, and the trees in it are looked through one by one.
"""

import copy
import hmac
import io
import warnings
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import InconsistentVersionWarning

from fraud_stream.errors import ModelError
from fraud_stream.models.batch import FOREST, KIND, BatchModel
from fraud_stream.models.flat_forest import FlatForest
from fraud_stream.models.flat_trees import FlatTrees
from fraud_stream.models.learners import learners

#: Bytes at most: as it travels, and of all that is in it.
LARGEST, LARGEST_UNPACKED = 8_000_000, 64_000_000
MOST_MEMBERS = 10_000
#: What may be made beside what skops itself trusts, by what the model is.
TRUSTED = {
    KIND: ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",),
    FOREST: ("sklearn.tree._tree.Tree",),
}
CLASSES = {KIND: HistGradientBoostingClassifier, FOREST: RandomForestClassifier}
#: What a model that was made by another version of may mean something else by.
LIBRARY = "scikit-learn"


def dump(classifier: Any, features: Sequence[str]) -> bytes:
    """The classifier as bytes, with the names of the features that it reads, as scikit-learn has them."""
    named = copy.copy(classifier)
    named.feature_names_in_ = np.array(features, dtype=object)
    data: bytes = skops.io.dumps(named, compression=zipfile.ZIP_DEFLATED)
    return data


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return sha256(data).hexdigest()


def libraries() -> dict[str, str]:
    """The versions of what fits and saves."""
    return {name: version(name) for name in (LIBRARY, "skops", "numpy")}


def trees_of(model: BatchModel, features: Sequence[str]) -> FlatTrees:
    """The trees of an announced model, ready to score.

    Args:
        model: The model.
        features: The names of the features of a row, in order.

    Raises:
        ModelError: It cannot be used here, or is not what it says; the message says why.
    """
    check(model, features)
    try:
        return flat(load(model.data, TRUSTED[model.kind]), model.kind, model.features, features)
    except ModelError as error:
        raise ModelError(f"model {model.id} cannot be used: {error}") from None


def check(model: BatchModel, features: Sequence[str]) -> None:
    """Look at all that is known of a model without unpacking it.

    Raises:
        ModelError: It is of another kind, reads other features, was made by another version, or is damaged.
    """
    if model.kind not in CLASSES:
        known = " or ".join(map(repr, CLASSES))
        raise ModelError(f"model {model.id} is a {model.kind!r}; this application uses {known}")
    check_features(f"model {model.id}", model.kind, model.features, features)
    made_by, ours = model.libraries.get(LIBRARY), version(LIBRARY)
    if made_by != ours:
        raise ModelError(
            f"model {model.id} was made with {LIBRARY} {made_by}; here is {ours}: fit it anew with `fraud-stream train`"
        )
    if len(model.data) > LARGEST:
        raise ModelError(f"model {model.id} has {len(model.data):,} bytes; at most {LARGEST:,} are read")
    if not hmac.compare_digest(model.sha256.encode(), digest(model.data).encode()):
        raise ModelError(f"model {model.id} is damaged: its SHA-256 is not the one it was announced with")


def check_features(who: str, kind: str, reads: Sequence[str], made: Sequence[str]) -> None:
    """Look whether a model reads what such a model is to read here.

    Raises:
        ModelError: It does not; it says which differ.
    """
    wanted = next(one.features for one in learners(made).values() if one.kind == kind)
    if list(reads) != list(wanted):
        other = sorted(set(reads) ^ set(wanted)) or "their order"
        raise ModelError(f"{who} reads other features than this application makes: {other}")


def load(data: bytes, trusted: Sequence[str]) -> Any:
    """What is in `data`, of types that skops trusts or that are named.

    Raises:
        ModelError: It is too large, no such file, of another version, or would make types that are not trusted.
    """
    try:
        _check_size(data)
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            return skops.io.loads(data, trusted=list(trusted))
    except ModelError:
        raise
    except Exception as error:  # whatever skops stumbles over in bytes that may be anything
        raise ModelError(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}") from None


def _check_size(data: bytes) -> None:
    """Refuse what would unpack to more than fits; a member never gives more than it declares."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        sizes = [member.file_size for member in file.infolist()]
    if sum(sizes) > LARGEST_UNPACKED or len(sizes) > MOST_MEMBERS:
        raise ModelError(
            f"it unpacks to {sum(sizes):,} bytes in {len(sizes):,} files; "
            f"at most {LARGEST_UNPACKED:,} in {MOST_MEMBERS:,} are read"
        )


def flat(classifier: Any, kind: str, reads: Sequence[str], features: Sequence[str]) -> FlatTrees:
    """The trees of a classifier, ready to score rows of `features`, of which it reads some.

    Raises:
        ModelError: It is none of that kind, or damaged.
    """
    if not isinstance(classifier, CLASSES[kind]):
        raise ModelError(f"it is a {type(classifier).__name__}, no {CLASSES[kind].__name__}")
    try:
        if classifier.n_features_in_ != len(reads) or classifier.classes_.tolist() != [False, True]:
            raise ModelError("it was fitted on other rows or labels")
        places = [features.index(name) for name in reads]
        return _of_forest(classifier, places, len(features)) if kind == FOREST else _of_boosting(classifier, places)
    except (AttributeError, TypeError, ValueError, KeyError, IndexError) as error:
        raise ModelError(f"it is no fitted classifier: {error!r}") from None


def _of_forest(classifier: Any, places: Sequence[int], width: int) -> FlatTrees:
    return FlatForest([one.tree_ for one in classifier.estimators_], places, width)


def _of_boosting(classifier: Any, places: Sequence[int]) -> FlatTrees:
    """Its trees read all features, in their order."""
    trees = [only.nodes for (only,) in classifier._predictors]
    return FlatTrees(trees, float(classifier._baseline_prediction.item()), len(places))
