"""A network with one hidden layer of sigmoid units.

    hidden = sigmoid(X W1 + b1),   logits = hidden W2 + b2,   p = softmax(logits)

The gradients follow the same chain backwards, one line of mathematics beside each line of code.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ._base_network import _baseNetwork


class TwoLayerNet(_baseNetwork):
    """X @ W1 + b1 -> sigmoid -> @ W2 + b2 -> softmax.

    Parameters
    ----------
    input_size : int
        Number of features, D.
    num_classes : int
        Number of classes, C.
    hidden_size : int
        Number of hidden units, H.
    dtype : dtype
        Type of the weights, and so of the arithmetic: float64 or float32.

    Attributes
    ----------
    weights : dict
        `W1` (D, H) and `W2` (H, C), at first 0.001 * standard normal, each from seed 1024;
        `b1` (H,) and `b2` (C,), at first zero.
    gradients : dict
        Same keys and shapes, at first zero.
    """

    def __init__(
        self,
        input_size: int = 28 * 28,
        num_classes: int = 10,
        hidden_size: int = 128,
        dtype: DTypeLike = np.float64,
    ):
        super().__init__(input_size, num_classes, dtype)
        self.hidden_size = hidden_size
        self._add_weights("W1", self._small_normal(input_size, hidden_size))
        self._add_weights("b1", np.zeros(hidden_size))
        self._add_weights("W2", self._small_normal(hidden_size, num_classes))
        self._add_weights("b2", np.zeros(num_classes))

    def forward(self, X: ArrayLike, y: ArrayLike, mode: str = "train") -> tuple[float, float]:
        """Return the loss and the accuracy of a batch; in mode 'train' also store the gradients.

        Parameters
        ----------
        X : array_like, shape (N, D)
            Inputs, N at least 1; pixels in [0, 1] for MNIST.
        y : array_like of int, shape (N,)
            Labels from 0 to C - 1.
        mode : str
            'train' stores the gradients of the mean loss in `gradients`; any other mode leaves
            the network as it is.

        Returns
        -------
        loss : float
            Mean cross-entropy of the batch in nats, without the L2 term.
        accuracy : float
            Fraction of the batch that is classified right, in [0, 1].

        Raises
        ------
        ValueError
            If X or y is not as described above.
        """
        X, y = self._check_batch(X, y)
        W1, b1, W2, b2 = (self.weights[name] for name in ("W1", "b1", "W2", "b2"))
        hidden = self.sigmoid(X @ W1 + b1)  # (N, H)
        p = self.softmax(hidden @ W2 + b2)  # (N, C)
        loss = self.cross_entropy_loss(p, y)
        accuracy = self.compute_accuracy(p, y)
        if mode != "train":
            return loss, accuracy

        # dL/dlogits = (p - onehot(y)) / N
        d_logits = self._cross_entropy_gradient(p, y)  # (N, C)
        # logits = hidden W2 + b2, so dL/dW2 = hidden^T dL/dlogits; b2 gets the sum over the batch
        self.gradients["W2"] = hidden.T @ d_logits  # (H, C)
        self.gradients["b2"] = d_logits.sum(axis=0)  # (C,)
        # dL/dhidden = dL/dlogits W2^T; through the sigmoid, s' = s (1 - s) with s = hidden
        d_hidden = d_logits @ W2.T  # (N, H)
        d_preactivation = d_hidden * hidden * (1 - hidden)  # (N, H)
        # preactivation = X W1 + b1, so dL/dW1 = X^T dL/dpreactivation; b1 gets the sum
        self.gradients["W1"] = X.T @ d_preactivation  # (D, H)
        self.gradients["b1"] = d_preactivation.sum(axis=0)  # (H,)
        return loss, accuracy
