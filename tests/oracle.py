"""The mathematics of both networks a second time, to compare a solution with.

The loss comes from its definition, gradients from central differences and from the chain rule, with
a mistake put in if a test asks for one.
"""

import numpy as np


def forward(weights: dict, X) -> tuple:
    """Return pre-activations, hidden units (None in SoftmaxRegression) and probabilities."""
    preactivation = X @ weights["W1"] + weights.get("b1", 0)
    if "W2" not in weights:
        return preactivation, None, probabilities(np.maximum(preactivation, 0))
    hidden = 1 / (1 + np.exp(-preactivation))
    return preactivation, hidden, probabilities(hidden @ weights["W2"] + weights["b2"])


def probabilities(logits) -> np.ndarray:
    """Return exp(z_i - log sum_j exp(z_j)) for each row z of logits."""
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def mean_loss(p, y) -> float:
    """Return the mean cross-entropy of probabilities (N, C) against labels (N,)."""
    return -sum(np.log(row[label]) for row, label in zip(p, y)) / len(y)


def slopes(weights: dict, name: str, X, y, step: float = 1e-6) -> np.ndarray:
    """Return (L(w + step) - L(w - step)) / (2 step) for every entry w of one weight."""

    def loss(index, change) -> float:
        moved = weights[name].copy()
        moved[index] += change
        return mean_loss(forward({**weights, name: moved}, X)[2], y)

    result = np.empty_like(weights[name])
    for index in np.ndindex(result.shape):
        result[index] = (loss(index, step) - loss(index, -step)) / (2 * step)
    return result


def chain_rule(weights: dict, X, y, d_logits=None, slope=None) -> dict[str, np.ndarray]:
    """Return the gradients of the mean loss.

    A mistake is put in as its own `d_logits` (N, C), the loss's gradient with respect to the
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
