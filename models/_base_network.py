"""The mathematics that both networks share: activations, softmax, loss and accuracy.

A network is two dictionaries with the same keys and shapes, `weights` and `gradients`, and a
method `forward` that fills the second from a batch. This file knows no particular network, and
nothing of training: the optimizer changes the weights.

The letters: X (N, D) are N inputs of D features, y (N,) their labels, C the number of classes.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

# Once glibc has freed one array of nearly 32 MiB, it keeps freed memory for the next batch and need
# not get it page by page: the first epoch takes a sixth less (128 hidden units), a third (512).
np.empty(31 * 2**20, dtype=np.uint8)


class _baseNetwork:
    """What every network has: its weights, their gradients, and the functions it is made of.

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
    weights : dict of str to ndarray
        The trainable parameters by name: matrices `W1`, ..., biases `b1`, ...
    gradients : dict of str to ndarray
        Same keys and shapes: the gradients of the mean loss of the last training batch, to which
        an optimizer adds those of the L2 term.
    """

    def __init__(
        self, input_size: int = 28 * 28, num_classes: int = 10, dtype: DTypeLike = np.float64
    ):
        self.input_size = input_size
        self.num_classes = num_classes
        self.dtype = np.dtype(dtype)
        self.weights: dict[str, NDArray] = {}
        self.gradients: dict[str, NDArray] = {}

    def _add_weights(self, name: str, values: NDArray) -> None:
        """Add a weight matrix or a bias with its initial values, and its gradient, zero."""
        self.weights[name] = values.astype(self.dtype)
        self.gradients[name] = np.zeros_like(self.weights[name])

    @staticmethod
    def _small_normal(rows: int, columns: int) -> NDArray:
        """Return the initial values of a weight matrix, 0.001 * standard normal."""
        # A generator of its own, so that NumPy's global random state is left alone. Each matrix
        # starts from the same seed: that is the course's choice, and its numbers rest on it.
        return 0.001 * np.random.RandomState(1024).randn(rows, columns)

    def _check_batch(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray]:
        """Return X and y as arrays, X in the float type of the weights.

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
        # Whoever replaces the weights by others decides about the arithmetic, too.
        return X.astype(np.result_type(self.weights["W1"], np.float32), copy=False), y

    def softmax(self, scores: ArrayLike) -> NDArray:
        """Return the probabilities that belong to rows of logits.

        p_i = exp(z_i) / sum_j exp(z_j), the same for z as for z - max(z), which cannot overflow.

        Parameters
        ----------
        scores : array_like, shape (..., C)
            Logits z, of any finite size.

        Returns
        -------
        ndarray, shape (..., C)
            Probabilities in [0, 1]; each row sums to 1.
        """
        scores = 1.0 * np.asarray(scores)  # whole numbers become floats, which do not wrap around
        # Where z - max(z) itself overflows, it is -inf, and exp(-inf) = 0 is what it should be.
        with np.errstate(over="ignore"):
            exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
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
            Loss in nats, at least 0. A probability below the smallest normal number of its type
            counts as that number, so that the loss stays finite: at most 708.4 in float64 and
            87.3 in float32.

        Raises
        ------
        IndexError
            If a label is out of range, or there is not one per row.
        """
        x_pred = np.asarray(x_pred)
        p_true = x_pred[np.arange(len(x_pred)), y]  # (N,) the probability of each label
        tiny = np.finfo(np.result_type(p_true, np.float32)).tiny
        loss = -np.log(np.maximum(p_true, tiny)).sum() / p_true.size
        return float(loss) + 0.0  # 0 and not -0 if all are 1

    def _cross_entropy_gradient(self, p: NDArray, y: NDArray) -> NDArray:
        """Return the gradient of the mean cross-entropy with respect to the logits z, (N, C).

        With p = softmax(z), the chain rule through dL/dp_y = -1 / (N p_y) and
        dp_y/dz_j = p_y (delta_yj - p_j) leaves dL/dz = (p - onehot(y)) / N.
        """
        gradient = p.copy()
        gradient[np.arange(len(y)), y] -= 1
        return gradient / len(y)

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
        right = np.argmax(x_pred, axis=1) == y
        return float(np.count_nonzero(right) / right.size)

    def sigmoid(self, X: ArrayLike) -> NDArray:
        """Return the logistic sigmoid of each element, s(x) = 1 / (1 + exp(-x)).

        Parameters
        ----------
        X : array_like
            Numbers of any finite size.

        Returns
        -------
        ndarray
            Values in [0, 1], of the same shape and float type.
        """
        # Where exp(-x) overflows, it is inf, and 1 / (1 + inf) = 0 is what it should be.
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-1.0 * np.asarray(X)))

    def sigmoid_dev(self, x: ArrayLike) -> NDArray:
        """Return the derivative of the sigmoid at each element, s'(x) = s(x) (1 - s(x)).

        Parameters
        ----------
        x : array_like
            Numbers of any finite size.

        Returns
        -------
        ndarray
            Values in [0, 1/4], of the same shape and float type.
        """
        s = self.sigmoid(x)
        return s * (1 - s)

    def ReLU(self, X: ArrayLike) -> NDArray:
        """Return the rectified linear unit of each element, max(0, x).

        Parameters
        ----------
        X : array_like
            Numbers.

        Returns
        -------
        ndarray
            Values of at least 0, of the same shape and type.
        """
        return np.maximum(X, 0)

    def ReLU_dev(self, X: ArrayLike) -> NDArray:
        """Return the derivative of ReLU at each element: 1 where x > 0, otherwise 0.

        Parameters
        ----------
        X : array_like
            Numbers.

        Returns
        -------
        ndarray
            Zeros and ones, of the same shape and type. At 0, where ReLU has no derivative, 0.
        """
        X = np.asarray(X)
        return (X > 0).astype(X.dtype)
