"""What both networks share."""

import numpy as np


class _baseNetwork:
    def __init__(self, input_size=28 * 28, num_classes=10):
        self.input_size = input_size
        self.num_classes = num_classes
        self.weights = {}
        self.gradients = {}

    def _add_matrix(self, name, rows, columns):
        """Add a weight matrix: small normal numbers, drawn from the seed 1024 for each matrix."""
        self.weights[name] = 0.001 * np.random.RandomState(1024).randn(rows, columns)
        self.gradients[name] = np.zeros((rows, columns))

    def _add_bias(self, name, size):
        """Add a bias of zeros."""
        self.weights[name] = np.zeros(size)
        self.gradients[name] = np.zeros(size)

    def softmax(self, scores):
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    def cross_entropy_loss(self, x_pred, y):
        return -np.mean(np.log(x_pred[np.arange(len(y)), y]))

    def compute_accuracy(self, x_pred, y):
        return np.mean(np.argmax(x_pred, axis=1) == y)

    def sigmoid(self, X):
        return 1 / (1 + np.exp(-X))

    def sigmoid_dev(self, x):
        s = self.sigmoid(x)
        return s * (1 - s)

    def ReLU(self, X):
        return np.maximum(X, 0)

    def ReLU_dev(self, X):
        return np.where(X > 0, 1.0, 0.0)
