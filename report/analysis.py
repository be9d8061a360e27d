"""What is read out of a trained model, and what theory says of one that starts near zero."""

import base64
import copy

import numpy as np

import main
import utils
from models import TwoLayerNet


def weight_norm(model: TwoLayerNet) -> float:
    """Return the root of the sum of the squares of all weights, biases left out."""
    return sum(float((W**2).sum()) for W in model.weights.values() if W.ndim == 2) ** 0.5


def accuracy(model: TwoLayerNet, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy of a model on images (N, 784) as bytes, in batches as `main.run` does."""
    batches = utils.generate_batched_data(images, labels, 500, lazy=True, dtype=model.dtype)
    return utils.evaluate(*batches, model, debug=False)[1]


def measure(
    model: TwoLayerNet, images: np.ndarray, given: np.ndarray, true: np.ndarray
) -> dict[str, float]:
    """Return the fraction of training images for which a model predicts the given label.

    Where labels are wrong, also that of the rightly and of the wrongly labelled images, and for how
    many of the latter it predicts the true digit.
    """
    wrong = given != true
    measured = {"fitted": accuracy(model, images, given)}
    if wrong.any():
        measured |= {
            "fitted_right": accuracy(model, images[~wrong], given[~wrong]),
            "fitted_wrong": accuracy(model, images[wrong], given[wrong]),
            "true_for_wrong": accuracy(model, images[wrong], true[wrong]),
        }
    return measured


def probabilities(model: TwoLayerNet, images: np.ndarray) -> np.ndarray:
    """Return the class probabilities (N, 10) that a model's forward pass gives images as bytes."""
    seen, spy = [], copy.copy(model)
    spy.compute_accuracy = lambda p, y: seen.append(p) or 0.0  # forward itself does not return p
    accuracy(spy, images, np.zeros(len(images), int))
    return np.concatenate(seen)


def examine(model: TwoLayerNet, images: np.ndarray, labels: np.ndarray, count: int = 28) -> dict:
    """Return the confusion matrix of a model, digits by predictions, and its worst mistakes.

    They are the wrong predictions with the highest probabilities; their pixels are in base 64.
    """
    p = probabilities(model, images)
    predicted = p.argmax(axis=1)
    confusion = np.zeros((10, 10), dtype=int)
    np.add.at(confusion, (labels, predicted), 1)
    wrong = np.flatnonzero(predicted != labels)
    most_confident = wrong[np.argsort(-p[wrong].max(axis=1), kind="stable")][:count]
    return {
        "confusion": confusion.tolist(),
        "mistakes": [
            {
                "image": int(number),
                "label": int(labels[number]),
                "predicted": int(predicted[number]),
                "probability": float(p[number].max()),
                "pixels": base64.b64encode(images[number].tobytes()).decode("ascii"),
            }
            for number in most_confident
        ],
    }


def growth(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return in which directions, and how fast, a two-layer network leaves zero weights.

    The singular value decomposition of M / 4, M = 1/N sum_n x_n (onehot(y_n) - f)^T, where f are
    the frequencies of the classes. The singular values are the rates, per unit of learning rate x
    updates; report.typ derives them.
    """
    targets = np.eye(10)[labels]
    residuals = targets - targets.mean(axis=0)
    return np.linalg.svd((images / 255).T @ residuals / len(labels) / 4, full_matrices=False)


def predict_norms(
    config: main.Config, images: np.ndarray, labels: np.ndarray
) -> dict[str, list[float]]:
    """Return the rates of growth, and the weight norm that they predict after each epoch.

    Along singular vectors, the weights a of the first layer and b of the second follow
    a' = rate b - reg a and b' = rate a - reg b, while both are small; all other weights decay.
    """
    directions, rates, classes = growth(images, labels)
    weights = main.build_model(config).weights
    # The mean over the hidden units acts as a bias, and does not grow.
    W1, W2 = weights["W1"], weights["W2"] - weights["W2"].mean(axis=0)
    W1 = W1 - W1.mean(axis=1, keepdims=True)
    a, b = directions.T @ W1, classes @ W2.T
    updates = len(labels) / config.batch_size * np.arange(1, config.epochs + 1)
    age = config.learning_rate * updates
    rising, falling = (np.exp(2 * np.outer(age, sign * rates)) for sign in (1, -1))
    squares = (rising @ ((a + b) ** 2).sum(axis=1) + falling @ ((a - b) ** 2).sum(axis=1)) / 2
    squares += sum((weights[name] ** 2).sum() for name in ("W1", "W2")) - (a**2 + b**2).sum()
    norms = np.exp(-config.reg * age) * np.sqrt(squares)
    return {"rates": rates.tolist(), "norms": norms.tolist()}
