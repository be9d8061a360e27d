"""Softmax regression as the course defines it: a linear layer, ReLU, softmax; no bias.

    preactivation = X W1,   logits = ReLU(preactivation),   p = softmax(logits)

The ReLU between the linear layer and the softmax is the course's own. It has a price: a class
whose pre-activation is negative for every image gets no gradient any more, and is lost for good.
The first few batches decide which classes that happens to; the README has figures.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ._base_network import _baseNetwork


class SoftmaxRegression(_baseNetwork):
    """X @ W1 -> ReLU -> softmax.

    Parameters
    ----------
    input_size : int
        Number of features, D.
    num_classes : int
        Number of classes, C.
    dtype : dtype
        Type of the weights, and so of the arithmetic: float64 or float32.

    Attributes
    ----------
    weights : dict
        `W1` (D, C), at first 0.001 * standard normal from seed 1024.
    gradients : dict
        Same keys and shapes, at first zero.
    """

    def __init__(
        self, input_size: int = 28 * 28, num_classes: int = 10, dtype: DTypeLike = np.float64
    ):
        super().__init__(input_size, num_classes, dtype)
        self._add_weights("W1", self._small_normal(input_size, num_classes))

    def forward(self, X: ArrayLike, y: ArrayLike, mode: str = "train") -> tuple[float, float]:
        """Return the loss and the accuracy of a batch; in mode 'train' also store the gradient.

        Parameters
        ----------
        X : array_like, shape (N, D)
            Inputs, N at least 1; pixels in [0, 1] for MNIST.
        y : array_like of int, shape (N,)
            Labels from 0 to C - 1.
        mode : str
            'train' stores the gradient of the mean loss in `gradients`; any other mode leaves
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
        preactivation = X @ self.weights["W1"]  # (N, C)
        p = self.softmax(self.ReLU(preactivation))  # (N, C)
        loss = self.cross_entropy_loss(p, y)
        accuracy = self.compute_accuracy(p, y)
        if mode != "train":
            return loss, accuracy

        # dL/dlogits = (p - onehot(y)) / N
        d_logits = self._cross_entropy_gradient(p, y)  # (N, C)
        # dL/dpreactivation = dL/dlogits * ReLU'(preactivation), element by element
        d_preactivation = d_logits * self.ReLU_dev(preactivation)  # (N, C)
        # preactivation = X W1, so dL/dW1 = X^T dL/dpreactivation
        self.gradients["W1"] = X.T @ d_preactivation  # (D, C)
        return loss, accuracy
