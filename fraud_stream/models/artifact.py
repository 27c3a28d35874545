"""A fitted classifier as bytes, in skops's format: a zip of JSON and plain arrays, never a pickle.

What comes off a topic is believed in nothing: its size is bounded before and after it is unpacked, its hash is
checked, no type is made that is not on the list, and the trees in it are looked through one by one.
"""

import hmac
import io
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier

from fraud_stream.errors import ModelError
from fraud_stream.models.batch import KIND, BatchModel
from fraud_stream.models.flat_trees import FlatTrees

#: Bytes at most: as it travels, and of all that is in it.
LARGEST, LARGEST_UNPACKED = 8_000_000, 64_000_000
MOST_MEMBERS = 10_000
#: What may be made beside what skops itself trusts.
TRUSTED = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)
#: What a model that was made by another version of may mean something else by.
LIBRARY = "scikit-learn"


def dump(classifier: HistGradientBoostingClassifier) -> bytes:
    """The classifier as bytes."""
    data: bytes = skops.io.dumps(classifier, compression=zipfile.ZIP_DEFLATED)
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
        return _flat(load(model.data), len(features))
    except ModelError as error:
        raise ModelError(f"model {model.id} cannot be used: {error}") from None


def check(model: BatchModel, features: Sequence[str]) -> None:
    """Look at all that is known of a model without unpacking it.

    Raises:
        ModelError: It is of another kind, reads other features, was made by another version, or is damaged.
    """
    if model.kind != KIND:
        raise ModelError(f"model {model.id} is a {model.kind!r}; this application uses {KIND!r}")
    if list(model.features) != list(features):
        other = sorted(set(model.features) ^ set(features)) or "their order"
        raise ModelError(f"model {model.id} reads other features than this application makes: {other}")
    made_by, ours = model.libraries.get(LIBRARY), version(LIBRARY)
    if made_by != ours:
        raise ModelError(
            f"model {model.id} was made with {LIBRARY} {made_by}; here is {ours}: fit it anew with `fraud-stream train`"
        )
    if len(model.data) > LARGEST:
        raise ModelError(f"model {model.id} has {len(model.data):,} bytes; at most {LARGEST:,} are read")
    if not hmac.compare_digest(model.sha256.encode(), digest(model.data).encode()):
        raise ModelError(f"model {model.id} is damaged: its SHA-256 is not the one it was announced with")


def load(data: bytes) -> Any:
    """What is in `data`.

    Raises:
        ModelError: It is too large, no such file, or would make types that are not trusted.
    """
    try:
        _check_size(data)
        return skops.io.loads(data, trusted=list(TRUSTED))
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


def _flat(classifier: Any, width: int) -> FlatTrees:
    if not isinstance(classifier, HistGradientBoostingClassifier):
        raise ModelError(f"it is a {type(classifier).__name__}, no HistGradientBoostingClassifier")
    try:
        if classifier.n_features_in_ != width or classifier.classes_.tolist() != [False, True]:
            raise ModelError("it was fitted on other rows or labels")
        trees = [only.nodes for (only,) in classifier._predictors]
        return FlatTrees(trees, float(classifier._baseline_prediction.item()), width)
    except (AttributeError, TypeError, ValueError, KeyError, IndexError) as error:
        raise ModelError(f"it is no fitted classifier: {error!r}") from None
