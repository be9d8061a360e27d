"""Softmax regression as the course defines it: a linear layer, ReLU, softmax; no bias.

    preactivation = X W1,   logits = ReLU(preactivation),   p = softmax(logits)

The ReLU before the softmax is the course's choice, and it has a price: a class whose preactivation
is negative for every image no longer receives a gradient and is lost for good. The first few
batches decide which classes these are; see Results in the README.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ._base_network import _baseNetwork


class SoftmaxRegression(_baseNetwork):
    """X @ W1 -> ReLU -> softmax, with weights `W1` (D, C)."""

    def __init__(
        self, input_size: int = 28 * 28, num_classes: int = 10, dtype: DTypeLike = np.float64
    ):
        super().__init__(input_size, num_classes, dtype)
        self._add_weights(W1=(input_size, num_classes))

    def forward(self, X: ArrayLike, y: ArrayLike, mode: str = "train") -> tuple[float, float]:
        """Return loss and accuracy of a batch; in mode 'train' also store the gradient of W1."""
        X = self._check_inputs(X)
        preactivation = X @ self.weights["W1"]  # (N, C)
        p = self.softmax(self.ReLU(preactivation))  # (N, C)
        loss = self.cross_entropy_loss(p, y)
        accuracy = self.compute_accuracy(p, y)
        if mode != "train":
            return loss, accuracy

        # dL/dlogits = (p - onehot(y)) / N
        d_logits = self._cross_entropy_gradient(p, y)  # (N, C)
        # logits = ReLU(preactivation), so dL/dpreactivation = dL/dlogits * ReLU'(preactivation)
        d_preactivation = d_logits * self.ReLU_dev(preactivation)  # (N, C)
        # preactivation = X W1, so dL/dW1 = X^T dL/dpreactivation
        self.gradients["W1"] = X.T @ d_preactivation  # (D, C)
        return loss, accuracy
