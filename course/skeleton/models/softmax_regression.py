"""Softmax regression: a linear layer without bias, ReLU, softmax."""

import numpy as np

from ._base_network import _baseNetwork


class SoftmaxRegression(_baseNetwork):
    """Weights: W1 (input_size, num_classes)."""

    def __init__(self, input_size=28 * 28, num_classes=10):
        super().__init__(input_size, num_classes)
        self._add_matrix("W1", input_size, num_classes)

    def forward(self, X, y, mode="train"):
        """Return loss and accuracy of a batch; in mode 'train' also store the gradient.

        X @ W1 -> ReLU -> softmax -> cross-entropy (handout 2.2 a).

        X (N, input_size) holds the images, y (N,) their labels, from 0 to num_classes - 1. In mode
        'train', store the gradient of the loss in `self.gradients["W1"]`, in the shape of W1. Do
        not change the weights. In any other mode, do not change the gradients either.

        Hint: keep the result of each step; the backward pass needs it. First find, on paper, the
        derivative of one image's loss with respect to one input of the softmax. It is short, and
        contains the one-hot label. Then work backward, one step at a time, and write down each
        shape: the ReLU multiplies element by element, the matrix product by a transposed matrix.
        The loss is a mean over N images: at which one step do you divide by N?
        """
        # BEGIN SOLUTION
        z = X @ self.weights["W1"]
        p = self.softmax(self.ReLU(z))
        loss = self.cross_entropy_loss(p, y)
        accuracy = self.compute_accuracy(p, y)
        if mode == "train":
            d_logits = (p - np.eye(self.num_classes)[y]) / len(y)
            d_z = d_logits * self.ReLU_dev(z)
            self.gradients["W1"] = X.T @ d_z
        return loss, accuracy
        # END SOLUTION
