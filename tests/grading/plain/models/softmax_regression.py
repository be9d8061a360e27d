"""Softmax regression: X W1, ReLU, softmax."""

import numpy as np

from ._base_network import _baseNetwork


class SoftmaxRegression(_baseNetwork):
    def __init__(self, input_size=28 * 28, num_classes=10):
        super().__init__(input_size, num_classes)
        self._add_matrix("W1", input_size, num_classes)

    def forward(self, X, y, mode="train"):
        z = X @ self.weights["W1"]
        p = self.softmax(self.ReLU(z))
        loss = self.cross_entropy_loss(p, y)
        accuracy = self.compute_accuracy(p, y)
        if mode == "train":
            d_logits = (p - np.eye(self.num_classes)[y]) / len(y)
            d_z = d_logits * self.ReLU_dev(z)
            self.gradients["W1"] = X.T @ d_z
        return loss, accuracy
