"""The answers to the theory questions, as functions that the tests hold against the questions.

The gradient of the softmax, neurons with a threshold for AND and OR, and the tables of all three.
slides.py writes the derivations out.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


def softmax(z: ArrayLike) -> NDArray:
    """Return s_i = exp(z_i) / sum_k exp(z_k) for one vector of logits, shape (C,)."""
    exponentials = np.exp(np.asarray(z, dtype=float))
    return exponentials / exponentials.sum()


def softmax_jacobian(z: ArrayLike) -> NDArray:
    """Return ds_i/dz_j = s_i (delta_ij - s_j), shape (C, C)."""
    s = softmax(z)
    return s[:, None] * (np.eye(len(s)) - s[None, :])


def cross_entropy_gradient(z: ArrayLike, label: int) -> NDArray:
    """Return dL/dz for L = -log s_label: s - onehot(label), shape (C,)."""
    s = softmax(z)
    return s - np.eye(len(s))[label]


class Neuron(NamedTuple):
    """A linear neuron with a threshold: f(x) = 1 if w^T x + b >= 0, otherwise 0."""

    w: tuple[float, float]
    b: float

    def __call__(self, x: ArrayLike) -> int:
        """Return the output, 0 or 1, for a pair of inputs."""
        return int(np.dot(self.w, x) + self.b >= 0)


INPUTS = ((0, 0), (0, 1), (1, 0), (1, 1))
TRUTH = {"AND": (0, 0, 0, 1), "OR": (0, 1, 1, 1), "XOR": (0, 1, 1, 0)}  # for each of INPUTS
NEURONS = {"AND": Neuron((1, 1), -1.5), "OR": Neuron((1, 1), -0.5)}
