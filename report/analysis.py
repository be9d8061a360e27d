"""Measurements of a trained model, and what theory predicts for one that starts near zero."""

import base64
import copy

import numpy as np

import main
import utils
from models import TwoLayerNet


def weight_norm(model: TwoLayerNet) -> float:
    """Return the Euclidean norm of all weights without the biases."""
    return sum(float((W**2).sum()) for W in model.weights.values() if W.ndim == 2) ** 0.5


def accuracy(model: TwoLayerNet, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy of a model on images (N, 784) as bytes, in batches as `main.run` does."""
    batches = utils.generate_batched_data(images, labels, 500, lazy=True, dtype=model.dtype)
    return utils.evaluate(*batches, model, debug=False)[1]


def measure(model: TwoLayerNet, images: np.ndarray, given: np.ndarray, true: np.ndarray) -> dict:
    """Return the fraction of training images for which a model predicts the given label.

    If some labels are wrong, also this fraction of the rightly and of the wrongly labelled images,
    and the fraction of the latter for which it predicts the true digit.
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


def examine(model: TwoLayerNet, images: np.ndarray, labels: np.ndarray) -> dict:
    """Return a model's confusion matrix, digits by predictions, and its most confident errors."""
    seen, spy = [], copy.copy(model)
    spy.compute_accuracy = lambda p, y: seen.append(p) or 0.0  # forward itself does not return p
    accuracy(spy, images, labels)
    p = np.concatenate(seen)  # (N, 10) the probabilities
    predicted = p.argmax(axis=1)
    confusion = np.bincount(10 * labels + predicted, minlength=100).reshape(10, 10)
    wrong = np.flatnonzero(predicted != labels)
    most_confident = wrong[np.argsort(-p[wrong].max(axis=1), kind="stable")][:28]
    mistakes = []
    for n in most_confident:
        pixels = base64.b64encode(images[n].tobytes()).decode("ascii")
        mistakes.append({"label": int(labels[n]), "predicted": int(predicted[n]), "pixels": pixels})
    return {"confusion": confusion.tolist(), "mistakes": mistakes}


def growth(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return M / 4, M = 1/N sum_n x_n (onehot(y_n) - f)^T, f the frequencies of the classes.

    Its singular values are the rates at which the weights of a two-layer network leave zero, per
    unit of learning rate x updates; report.typ derives them.
    """
    targets = np.eye(10)[labels]
    return (images / 255).T @ (targets - targets.mean(axis=0)) / len(labels) / 4


def predict_norms(config: main.Config, images: np.ndarray, labels: np.ndarray) -> dict:
    """Return the rate of growth, and the weight norm that is predicted after each epoch.

    While the weights W = (W1, W2^T) are small, W' = [[0, M/4], [M^T/4, 0]] W - reg W, except that
    the mean over the hidden units acts as a bias, and only decays.
    """
    coupling, weights = np.zeros((794, 794)), main.build_model(config).weights
    coupling[:784, 784:] = growth(images, labels)
    rates, directions = np.linalg.eigh(coupling, "U")  # the upper triangle is enough
    W = np.concatenate([weights["W1"], weights["W2"].T])
    mean = W.mean(axis=1, keepdims=True)
    time = config.learning_rate * len(labels) / config.batch_size * np.arange(1, config.epochs + 1)
    squares = np.exp(2 * np.outer(time, rates)) @ ((directions.T @ (W - mean)) ** 2).sum(axis=1)
    norms = np.exp(-config.reg * time) * np.sqrt(squares + W.shape[1] * (mean**2).sum())
    return {"growth": float(rates[-1]), "predicted_norm": norms.tolist()}
