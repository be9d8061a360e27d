"""The mathematics that both networks share: activations, softmax, loss and accuracy.

A network is two dictionaries with the same keys and shapes, `weights` and `gradients`, and a
method `forward` that fills the second from a batch. This file knows no particular network, and
nothing of training: the optimizer changes the weights.

The letters: X (N, D) are N inputs of D numbers, y (N,) their labels, C the number of classes.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


class _baseNetwork:
    """What every network has: its weights, their gradients, and the functions it is made of.

    Parameters
    ----------
    input_size : int
        Numbers per input, D.
    num_classes : int
        Number of classes, C.
    dtype : dtype
        Type of the weights, and so of the arithmetic: float64 or float32.

    Attributes
    ----------
    weights : dict of str to ndarray
        The trainable parameters by name: matrices `W1`, ..., biases `b1`, ...
    gradients : dict of str to ndarray
        Same keys and shapes: the gradient of the mean loss of the last training batch.
    """

    def __init__(
        self, input_size: int = 28 * 28, num_classes: int = 10, dtype: DTypeLike = np.float64
    ):
        self.input_size = input_size
        self.num_classes = num_classes
        self.dtype = np.dtype(dtype)
        self.weights: dict[str, NDArray] = {}
        self.gradients: dict[str, NDArray] = {}

    def _add_matrix(self, name: str, rows: int, columns: int) -> None:
        """Add a weight matrix, 0.001 * standard normal, and its gradient, zero."""
        # A generator of its own, so that NumPy's global random state is left alone. Each matrix
        # starts from the same seed: that is the course's choice, and its numbers rest on it.
        normal = np.random.RandomState(1024).randn(rows, columns)
        self.weights[name] = (0.001 * normal).astype(self.dtype)
        self.gradients[name] = np.zeros((rows, columns), dtype=self.dtype)

    def _add_bias(self, name: str, size: int) -> None:
        """Add a bias, zero, and its gradient, zero."""
        self.weights[name] = np.zeros(size, dtype=self.dtype)
        self.gradients[name] = np.zeros(size, dtype=self.dtype)

    def _check_batch(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray]:
        """Return X and y as arrays, X in the type of the weights.

        Raises
        ------
        ValueError
            If X is not (N, input_size) numbers with N >= 1, or y not N integers from 0 to
            num_classes - 1.
        """
        X, y = np.asarray(X), np.asarray(y)
        if X.ndim != 2 or X.shape[0] == 0 or X.shape[1] != self.input_size:
            raise ValueError(
                f"X has shape {X.shape}; expected (N, {self.input_size}) with N of at least 1"
            )
        if X.dtype.kind not in "fiub":
            raise ValueError(f"X holds {X.dtype}; expected numbers")
        if y.shape != X.shape[:1]:
            raise ValueError(f"y has shape {y.shape}; expected a label for each of {len(X)} inputs")
        if y.dtype.kind not in "iu":
            raise ValueError(f"y holds {y.dtype}; expected integer labels")
        if y.min() < 0 or y.max() >= self.num_classes:
            raise ValueError(
                f"y holds labels from {y.min()} to {y.max()}; expected 0 to {self.num_classes - 1}"
            )
        return X.astype(self.weights["W1"].dtype, copy=False), y

    def softmax(self, scores: ArrayLike) -> NDArray:
        """Return the probabilities that belong to rows of logits.

        p_i = exp(z_i) / sum_j exp(z_j), the same for z as for z - max(z), which cannot overflow.

        Parameters
        ----------
        scores : array_like, shape (N, C)
            Logits z, of any finite size.

        Returns
        -------
        ndarray, shape (N, C)
            Probabilities in [0, 1]; each row sums to 1.
        """
        # Where z - max(z) itself overflows, it is -inf, and exp(-inf) = 0 is what it should be.
        with np.errstate(over="ignore"):
            exponentials = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
        return exponentials / exponentials.sum(axis=-1, keepdims=True)

    def cross_entropy_loss(self, x_pred: ArrayLike, y: ArrayLike) -> float:
        """Return the mean cross-entropy of predictions against labels.

        L = -1/N sum_n log p_n[y_n]

        Parameters
        ----------
        x_pred : array_like, shape (N, C)
            Probabilities p in [0, 1].
        y : array_like of int, shape (N,)
            Labels from 0 to C - 1.

        Returns
        -------
        float
            Loss in nats, at least 0. A probability of 0 counts as the smallest normal number
            of its type, so that the loss stays finite: at most 708.4 (float64) or 87.3 (float32).
        """
        x_pred = np.asarray(x_pred)
        right = x_pred[np.arange(len(x_pred)), y]  # (N,) what each label was given
        return float(-np.log(np.maximum(right, np.finfo(right.dtype).tiny)).mean())

    def compute_accuracy(self, x_pred: ArrayLike, y: ArrayLike) -> float:
        """Return the fraction of inputs whose most probable class is their label.

        Parameters
        ----------
        x_pred : array_like, shape (N, C)
            Probabilities, or any scores that order the classes alike. Of classes that tie, the
            first counts.
        y : array_like of int, shape (N,)
            Labels from 0 to C - 1.

        Returns
        -------
        float
            Accuracy in [0, 1].
        """
        return float(np.mean(np.argmax(x_pred, axis=1) == y))

    def sigmoid(self, X: ArrayLike) -> NDArray:
        """Return the logistic sigmoid of each element, s(x) = 1 / (1 + exp(-x)), in [0, 1]."""
        # Where exp(-x) overflows, it is inf, and 1 / (1 + inf) = 0 is what it should be.
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(np.negative(X)))

    def sigmoid_dev(self, x: ArrayLike) -> NDArray:
        """Return the derivative of the sigmoid at each element, s'(x) = s(x) (1 - s(x))."""
        s = self.sigmoid(x)
        return s * (1 - s)

    def ReLU(self, X: ArrayLike) -> NDArray:
        """Return the rectified linear unit of each element, max(0, x)."""
        return np.maximum(X, 0)

    def ReLU_dev(self, X: ArrayLike) -> NDArray:
        """Return the derivative of ReLU at each element: 1 where x > 0, otherwise 0."""
        X = np.asarray(X)
        return (X > 0).astype(X.dtype)
