"""Scoring chunks with a random forest by NumPy alone: what `flat_trees` does for boosted trees.

A forest's probability is the mean of its trees'.  scikit-learn walks them with 32-bit values, so that is done here too.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_stream.errors import ModelError
from fraud_stream.models.flat_trees import FlatTrees, Rows, Shape

#: The form in which `FlatTrees` reads nodes.
_NODE = np.dtype(
    [
        ("is_leaf", np.uint8),
        ("is_categorical", np.uint8),
        ("feature_idx", np.int64),
        ("num_threshold", np.float64),
        ("left", np.int64),
        ("right", np.int64),
        ("value", np.float64),
    ]
)
_LEAF = -1
_LARGEST = float(np.finfo(np.float32).max)
#: 64 leaves a tree, beyond which forests find hardly more here, and values of 32 bits.
SHAPE = Shape(np.dtype(np.uint64), np.dtype(np.float32))


class FlatForest(FlatTrees):
    """A forest whose mean is the probability of fraud.

    Args:
        trees: scikit-learn's trees of two classes, the second of which is fraud.
        places: Where in a row each of the features that they name is.
        width: How many features a row has.

    Raises:
        ModelError: These are no such trees.
    """

    def __init__(self, trees: Sequence[Any], places: Sequence[int], width: int) -> None:
        super().__init__([_nodes(tree, np.array(places)) for tree in trees], 0.0, width, SHAPE)
        self._trees = len(trees)

    def probabilities(self, rows: Rows) -> NDArray[np.float64]:
        """The probability of fraud of each row."""
        found: NDArray[np.float64] = self.sums(np.clip(rows, -_LARGEST, _LARGEST)) / self._trees
        return found


def _nodes(tree: Any, places: NDArray[np.int64]) -> NDArray[Any]:
    """The nodes of a tree.

    Raises:
        ModelError: It is none.
    """
    if not 0 < tree.node_count <= tree.capacity or tree.value.shape[1:] != (1, 2):
        raise ModelError("a tree has not the nodes that it says, or not two classes")
    is_leaf = tree.children_left == _LEAF
    features = np.where(is_leaf, 0, tree.feature)
    if not ((features >= 0) & (features < len(places))).all():
        raise ModelError(f"a tree asks for features beyond the {len(places)} that there are")
    nodes = np.zeros(tree.node_count, _NODE)
    nodes["is_leaf"], nodes["feature_idx"], nodes["num_threshold"] = is_leaf, places[features], tree.threshold
    nodes["left"], nodes["right"] = tree.children_left, tree.children_right
    nodes["value"] = tree.value[:, 0, 1]
    return nodes
