"""A network with one hidden layer of sigmoid units.

To complete: forward.
"""

import numpy as np

from ._base_network import _baseNetwork


class TwoLayerNet(_baseNetwork):
    """Weights: W1 (input_size, hidden_size), b1 (hidden_size,), W2 (hidden_size, num_classes)
    and b2 (num_classes,).
    """

    def __init__(self, input_size=28 * 28, num_classes=10, hidden_size=128):
        super().__init__(input_size, num_classes)
        self.hidden_size = hidden_size
        self._add_matrix("W1", input_size, hidden_size)
        self._add_bias("b1", hidden_size)
        self._add_matrix("W2", hidden_size, num_classes)
        self._add_bias("b2", num_classes)

    def forward(self, X, y, mode="train"):
        """Return loss and accuracy of a batch; in mode 'train' also store the gradients.

        Handout 2.2 a. X @ W1 + b1 -> sigmoid -> @ W2 + b2 -> softmax -> cross-entropy.

        Parameters
        ----------
        X : ndarray (N, input_size)
        y : ndarray (N,)
            Labels from 0 to num_classes - 1.
        mode : str
            In mode 'train', store the gradient of the loss with respect to each weight in
            `self.gradients`, under the weight's name and in its shape. In any other mode change
            neither weights nor gradients.

        Returns
        -------
        loss, accuracy : float

        Hint: the way back starts as in softmax regression, and passes four stations: scores,
        hidden units, what goes into the sigmoid, input. At each, ask what a small change there does
        to the loss. A bias is added to every image of the batch, so every image has a say in its
        gradient. If a gradient has the wrong shape, check the order of its two factors and which
        of them is transposed.
        """
        raise NotImplementedError(
            "models/two_layer_nn.py: complete TwoLayerNet.forward (handout 2.2 a)"
        )
