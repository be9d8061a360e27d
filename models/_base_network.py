"""The mathematics that both networks share: activations, softmax, loss and accuracy.

Notation: X (N, D) are N inputs of D features, y (N,) their labels, C the number of classes.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


class _baseNetwork:
    """What every network has: weights, their gradients, and the functions that `forward` needs.

    `weights` holds the trainable parameters by name, matrices `W1`, ... and biases `b1`, ....
    `gradients` holds the gradient of the last training batch's mean loss for each, zero at first.
    `dtype` is the type of both and of the arithmetic, float64 or float32.
    """

    def __init__(
        self, input_size: int = 28 * 28, num_classes: int = 10, dtype: DTypeLike = np.float64
    ):
        self.input_size = input_size
        self.num_classes = num_classes
        self.dtype = np.dtype(dtype)
        self.weights: dict[str, NDArray] = {}
        self.gradients: dict[str, NDArray] = {}

    def _add_weights(self, **shapes: tuple[int, ...]) -> None:
        """Add matrices of 0.001 * standard normal values, and biases of zeros."""
        for name, shape in shapes.items():
            values = np.zeros(shape)
            if len(shape) == 2:
                # The course seeds each matrix alike, and the values that it expects depend on that.
                values = 0.001 * np.random.RandomState(1024).randn(*shape)
            self.weights[name] = values.astype(self.dtype)
            self.gradients[name] = np.zeros_like(self.weights[name])

    def _check_inputs(self, X: ArrayLike) -> NDArray:
        """Return X as an array of the network's type; raise a ValueError for a wrong shape."""
        X = np.asarray(X, dtype=self.dtype)
        if X.ndim != 2 or X.shape[0] == 0 or X.shape[1] != self.input_size:
            raise ValueError(f"X has shape {X.shape}; expected (N, {self.input_size}), N >= 1")
        return X

    @staticmethod
    def _check_labels(x_pred: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray]:
        """Return both as arrays; raise a ValueError unless y holds a valid label for each row."""
        x_pred, y = np.asarray(x_pred), np.asarray(y)
        N, C = x_pred.shape
        if y.shape != (N,) or y.dtype.kind not in "iu":
            raise ValueError(f"y has shape {y.shape} and type {y.dtype}; expected {N} integers")
        if y.min() < 0 or y.max() >= C:
            raise ValueError(f"y holds labels {y.min()} to {y.max()}; expected 0 to {C - 1}")
        return x_pred, y

    def forward(self, X: ArrayLike, y: ArrayLike, mode: str = "train") -> tuple[float, float]:
        """Return loss and accuracy of a batch; in mode 'train' also store the gradients.

        X (N, D) are the inputs, for MNIST pixels in [0, 1], and y (N,) their labels, 0 to C - 1.
        The loss is the mean cross-entropy in nats, without the L2 term; the accuracy is the
        fraction of the batch that is classified correctly. Any other mode leaves the network as it
        is. Raises ValueError if X or y has another shape, or a label is out of range.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def softmax(self, scores: ArrayLike) -> NDArray:
        """Return the probabilities of logits z (..., C): p_i = exp(z_i) / sum_j exp(z_j).

        They are the same for z - max(z), whose exponentials cannot overflow.
        """
        scores = np.asarray(scores)
        with np.errstate(over="ignore"):  # z - max(z) may be -inf, and exp(-inf) = 0 is right
            exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return exponentials / exponentials.sum(axis=-1, keepdims=True)

    def cross_entropy_loss(self, x_pred: ArrayLike, y: ArrayLike) -> float:
        """Return the mean cross-entropy of probabilities (N, C) in nats.

        L = -1/N sum_n log p_n[y_n]

        Probabilities are clipped below at the smallest normal number of their type, so that L is
        finite: at most 708.4, or 87.3 in float32. Raises ValueError if the labels do not fit.
        """
        x_pred, y = self._check_labels(x_pred, y)
        p_true = x_pred[np.arange(len(y)), y]  # (N,) the probability of each label
        tiny = np.finfo(np.result_type(p_true, np.float32)).tiny
        return float(-np.log(np.maximum(p_true, tiny)).sum() / len(y))

    def _cross_entropy_gradient(self, p: NDArray, y: ArrayLike) -> NDArray:
        """Return the gradient of the mean cross-entropy with respect to the logits z, (N, C).

        With p = softmax(z), the chain rule with dL/dp_y = -1 / (N p_y) and
        dp_y/dz_j = p_y (delta_yj - p_j) gives dL/dz = (p - onehot(y)) / N.
        """
        gradient = p.copy()
        gradient[np.arange(len(p)), y] -= 1
        return gradient / len(p)

    def compute_accuracy(self, x_pred: ArrayLike, y: ArrayLike) -> float:
        """Return the fraction of rows of x_pred (N, C) whose largest entry is in column y.

        Of equal entries, the first counts. Raises ValueError if the labels do not fit.
        """
        x_pred, y = self._check_labels(x_pred, y)
        return float(np.count_nonzero(x_pred.argmax(axis=1) == y) / len(y))

    def sigmoid(self, X: ArrayLike) -> NDArray:
        """Return the logistic sigmoid of each element, s(x) = 1 / (1 + exp(-x))."""
        with np.errstate(over="ignore"):  # exp(-x) may be inf, and 1 / inf = 0 is right
            return 1 / (1 + np.exp(-np.asarray(X)))

    def sigmoid_dev(self, x: ArrayLike) -> NDArray:
        """Return the derivative of the sigmoid at each element, s'(x) = s(x) (1 - s(x))."""
        s = self.sigmoid(x)
        return s * (1 - s)

    def ReLU(self, X: ArrayLike) -> NDArray:
        """Return the rectified linear unit of each element, max(0, x)."""
        return np.maximum(np.asarray(X), 0)

    def ReLU_dev(self, X: ArrayLike) -> NDArray:
        """Return the derivative of ReLU at each element: 1 where x > 0, otherwise 0."""
        X = np.asarray(X)
        return (X > 0).astype(X.dtype)
