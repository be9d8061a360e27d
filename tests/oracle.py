"""The right values, to compare a solution with: functions (handout 2.1), networks and SGD.

The gradients come from the chain rule, with a mistake put in if a test asks for one.
"""

import inspect

import numpy as np


def softmax(scores):
    exponentials = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def cross_entropy_loss(x_pred, y):
    return -np.log(x_pred[np.arange(len(y)), y]).mean()


def compute_accuracy(x_pred, y):
    return np.mean(np.argmax(x_pred, axis=1) == y)


def sigmoid(X):
    return 1 / (1 + np.exp(-X))


def sigmoid_dev(x):
    return sigmoid(x) * (1 - sigmoid(x))


def ReLU(X):
    return np.maximum(X, 0)


def ReLU_dev(X):
    return 1.0 * (X > 0)


_FUNCTIONS = (softmax, cross_entropy_loss, compute_accuracy, sigmoid, sigmoid_dev, ReLU, ReLU_dev)
CODE = "\n".join(map(inspect.getsource, _FUNCTIONS))  # for `inside.isolate`


def shapes(D: int, C: int, H: int | None = None) -> dict[str, tuple]:
    """Return the shapes of the weights: of SoftmaxRegression, or of TwoLayerNet if H is given."""
    return {"W1": (D, H), "b1": (H,), "W2": (H, C), "b2": (C,)} if H else {"W1": (D, C)}


def initial_weights(*sizes: int) -> dict[str, np.ndarray]:
    """Return the initial weights of a network with these `shapes`."""
    weights = {name: np.zeros(shape) for name, shape in shapes(*sizes).items()}
    for name in [name for name in weights if name.startswith("W")]:
        weights[name] = 0.001 * np.random.RandomState(1024).randn(*weights[name].shape)
    return weights


def forward(weights: dict, X) -> tuple:
    """Return pre-activations, hidden units (None in SoftmaxRegression) and probabilities."""
    preactivation = X @ weights["W1"] + weights.get("b1", 0)
    if "W2" not in weights:
        return preactivation, None, softmax(ReLU(preactivation))
    hidden = sigmoid(preactivation)
    return preactivation, hidden, softmax(hidden @ weights["W2"] + weights["b2"])


def loss_and_accuracy(weights: dict, X, y) -> tuple[float, float]:
    """Return the mean loss and the accuracy of a batch."""
    p = forward(weights, X)[2]
    return cross_entropy_loss(p, y), compute_accuracy(p, y)


def gradients(weights: dict, X, y, d_logits=None, slope=None) -> dict[str, np.ndarray]:
    """Return the gradients of the mean loss.

    A mistake may replace `d_logits` (N, C), the gradient of the loss with respect to the logits, or
    `slope`, the derivative of the activation at each pre-activation.
    """
    preactivation, hidden, p = forward(weights, X)
    if d_logits is None:
        d_logits = (p - np.eye(p.shape[1])[y]) / len(y)
    if hidden is None:
        return {"W1": X.T @ (d_logits * (ReLU_dev(preactivation) if slope is None else slope))}
    slope = sigmoid_dev(preactivation) if slope is None else slope
    d_preactivation = (d_logits @ weights["W2"].T) * slope
    return {
        "W1": X.T @ d_preactivation,
        "b1": d_preactivation.sum(axis=0),
        "W2": hidden.T @ d_logits,
        "b2": d_logits.sum(axis=0),
    }


def apply_regularization(optimizer, model):
    for name in model.weights:
        if name.startswith("W"):
            model.gradients[name] = model.gradients[name] + optimizer.reg * model.weights[name]


def step(name: str, weight, gradient, rate: float, reg: float) -> np.ndarray:
    """Return what an update by SGD adds to a weight; only matrices are regularized."""
    return -rate * (gradient + reg * weight * name.startswith("W"))
