"""A network with one hidden layer of sigmoid units.

    hidden = sigmoid(X W1 + b1),   logits = hidden W2 + b2,   p = softmax(logits)

The gradients follow the same chain backwards, each below its formula.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ._base_network import _baseNetwork


class TwoLayerNet(_baseNetwork):
    """Two layers with weights `W1` (D, H), `b1` (H,), `W2` (H, C), `b2` (C,) for H hidden units."""

    def __init__(
        self,
        input_size: int = 28 * 28,
        num_classes: int = 10,
        hidden_size: int = 128,
        dtype: DTypeLike = np.float64,
    ):
        super().__init__(input_size, num_classes, dtype)
        self.hidden_size = hidden_size
        self._add_weights(
            W1=(input_size, hidden_size),
            b1=(hidden_size,),
            W2=(hidden_size, num_classes),
            b2=(num_classes,),
        )

    def forward(self, X: ArrayLike, y: ArrayLike, mode: str = "train") -> tuple[float, float]:
        """Return loss and accuracy of a batch; in mode 'train' also store the four gradients."""
        X = self._check_inputs(X)
        W1, b1, W2, b2 = (self.weights[name] for name in ("W1", "b1", "W2", "b2"))
        hidden = self.sigmoid(X @ W1 + b1)  # (N, H)
        p = self.softmax(hidden @ W2 + b2)  # (N, C)
        loss = self.cross_entropy_loss(p, y)
        accuracy = self.compute_accuracy(p, y)
        if mode != "train":
            return loss, accuracy

        # dL/dlogits = (p - onehot(y)) / N
        d_logits = self._cross_entropy_gradient(p, y)  # (N, C)
        # logits = hidden W2 + b2, so dL/dW2 = hidden^T dL/dlogits; dL/db2 sums over the batch
        self.gradients["W2"] = hidden.T @ d_logits  # (H, C)
        self.gradients["b2"] = d_logits.sum(axis=0)  # (C,)
        # dL/dhidden = dL/dlogits W2^T, and the sigmoid's derivative is hidden (1 - hidden)
        d_hidden = d_logits @ W2.T  # (N, H)
        d_preactivation = d_hidden * hidden * (1 - hidden)  # (N, H)
        # preactivation = X W1 + b1, so dL/dW1 = X^T dL/dpreactivation; dL/db1 sums over the batch
        self.gradients["W1"] = X.T @ d_preactivation  # (D, H)
        self.gradients["b1"] = d_preactivation.sum(axis=0)  # (H,)
        return loss, accuracy
