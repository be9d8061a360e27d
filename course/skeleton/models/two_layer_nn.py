"""A network with one hidden layer of sigmoid units."""

import numpy as np

from ._base_network import _baseNetwork


class TwoLayerNet(_baseNetwork):
    """Weights: W1 (D, H), b1 (H,), W2 (H, C), b2 (C,) for D inputs, H hidden units, C classes."""

    def __init__(self, input_size=28 * 28, num_classes=10, hidden_size=128):
        super().__init__(input_size, num_classes)
        self.hidden_size = hidden_size
        self._add_matrix("W1", input_size, hidden_size)
        self._add_bias("b1", hidden_size)
        self._add_matrix("W2", hidden_size, num_classes)
        self._add_bias("b2", num_classes)

    def forward(self, X, y, mode="train"):
        """Return loss and accuracy of a batch; in mode 'train' also store the gradients.

        X @ W1 + b1 -> sigmoid -> @ W2 + b2 -> softmax -> cross-entropy (handout 2.2 a).

        X (N, input_size) holds the images, y (N,) their labels, from 0 to num_classes - 1. In mode
        'train', store the gradient of the loss with respect to each weight in `self.gradients`,
        under the name of the weight and in its shape. Do not change the weights. In any other mode,
        do not change the gradients either.

        Hint: the backward pass starts as in softmax regression, at the input of the softmax. It
        continues to the hidden units, then to the input of the sigmoid. At each step, ask how a
        small change there changes the loss. A bias is added for every image of the batch, so every
        image contributes to its gradient. If a gradient has the wrong shape, check the order of its
        two factors and which of them is transposed.
        """
        # BEGIN SOLUTION
        z = X @ self.weights["W1"] + self.weights["b1"]
        hidden = self.sigmoid(z)
        p = self.softmax(hidden @ self.weights["W2"] + self.weights["b2"])
        loss = self.cross_entropy_loss(p, y)
        accuracy = self.compute_accuracy(p, y)
        if mode == "train":
            d_logits = (p - np.eye(self.num_classes)[y]) / len(y)
            d_z = (d_logits @ self.weights["W2"].T) * self.sigmoid_dev(z)
            self.gradients["W2"] = hidden.T @ d_logits
            self.gradients["b2"] = d_logits.sum(axis=0)
            self.gradients["W1"] = X.T @ d_z
            self.gradients["b1"] = d_z.sum(axis=0)
        return loss, accuracy
        # END SOLUTION
