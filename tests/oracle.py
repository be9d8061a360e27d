"""The mathematics of both networks a second time, to compare a solution with.

The gradients come from the chain rule, with a mistake put in if a test asks for one.
"""

import numpy as np


def sigmoid(z) -> np.ndarray:
    """Return 1 / (1 + exp(-z)) for each z."""
    return 1 / (1 + np.exp(-z))


def probabilities(logits) -> np.ndarray:
    """Return exp(z_i - log sum_j exp(z_j)) for each row z of logits."""
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def forward(weights: dict, X) -> tuple:
    """Return pre-activations, hidden units (None in SoftmaxRegression) and probabilities."""
    preactivation = X @ weights["W1"] + weights.get("b1", 0)
    if "W2" not in weights:
        return preactivation, None, probabilities(np.maximum(preactivation, 0))
    hidden = sigmoid(preactivation)
    return preactivation, hidden, probabilities(hidden @ weights["W2"] + weights["b2"])


def mean_loss(p, y) -> float:
    """Return the mean cross-entropy of probabilities (N, C) against labels (N,)."""
    return -sum(np.log(row[label]) for row, label in zip(p, y)) / len(y)


def accuracy(p, y) -> float:
    """Return the fraction of the rows of p (N, C) whose first largest entry is in column y."""
    return np.count_nonzero(np.argmax(p, axis=1) == y) / len(y)


def gradients(weights: dict, X, y, d_logits=None, slope=None) -> dict[str, np.ndarray]:
    """Return the gradients of the mean loss.

    A mistake is put in as its own `d_logits` (N, C), the gradient of the loss with respect to the
    logits, or `slope`, the derivative of the activation at each pre-activation.
    """
    preactivation, hidden, p = forward(weights, X)
    if d_logits is None:
        d_logits = (p - np.eye(p.shape[1])[y]) / len(y)
    if hidden is None:
        slope = preactivation > 0 if slope is None else slope
        return {"W1": X.T @ (d_logits * slope)}
    slope = hidden * (1 - hidden) if slope is None else slope
    d_preactivation = (d_logits @ weights["W2"].T) * slope
    return {
        "W1": X.T @ d_preactivation,
        "b1": d_preactivation.sum(axis=0),
        "W2": hidden.T @ d_logits,
        "b2": d_logits.sum(axis=0),
    }


def step(name: str, weight, gradient, rate: float, reg: float) -> np.ndarray:
    """Return the change of one weight by SGD: -rate * (gradient + reg * weight, but no bias)."""
    return -rate * (gradient + reg * weight * name.startswith("W"))
