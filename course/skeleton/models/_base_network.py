"""What both networks share: activations, softmax, loss and accuracy.

Each function works on a whole batch at once, so it needs no loop, and leaves its arguments
unchanged. N is the number of images in a batch, C the number of classes.
"""

import numpy as np


class _baseNetwork:
    """Weights and their gradients: two dictionaries with the same keys and shapes."""

    def __init__(self, input_size=28 * 28, num_classes=10):
        self.input_size = input_size
        self.num_classes = num_classes
        self.weights = {}
        self.gradients = {}

    def _add_matrix(self, name, rows, columns):
        """Add a matrix of small, normally distributed weights from the seed 1024. Given."""
        self.weights[name] = 0.001 * np.random.RandomState(1024).randn(rows, columns)
        self.gradients[name] = np.zeros((rows, columns))

    def _add_bias(self, name, size):
        """Add a bias of zeros. Given."""
        self.weights[name] = np.zeros(size)
        self.gradients[name] = np.zeros(size)

    def softmax(self, scores):
        """Turn scores (N, C), a row for each image, into probabilities (N, C) (handout 2.1 b).

        For the scores z of one image, class i has the probability exp(z_i) / sum_k exp(z_k). The
        scores may be any numbers; large ones must not make `np.exp` overflow.

        Hint: which axis belongs to the classes, and what does `keepdims` do in a sum along it? Try
        `np.exp(1000)`, too. What happens to the fraction if you subtract the same constant from all
        scores of a row, and which constant makes an overflow impossible?
        """
        # BEGIN SOLUTION
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)
        # END SOLUTION

    def cross_entropy_loss(self, x_pred, y):
        """Measure how badly probabilities fit the labels (handout 2.1 b).

        x_pred (N, C) holds the probabilities from `softmax`, y (N,) the right class of each image,
        from 0 to C - 1. Return the cross-entropy, averaged over the images, without the L2 term.

        Hint: only one probability in each row counts. NumPy picks one entry per row if you index
        with two arrays of length N, row numbers and column numbers. Check by hand: what is the loss
        of a network that is certain and right, and of one that guesses among ten classes?
        """
        # BEGIN SOLUTION
        return -np.mean(np.log(x_pred[np.arange(len(y)), y]))
        # END SOLUTION

    def compute_accuracy(self, x_pred, y):
        """Return the fraction of images that are classified correctly, 0 to 1 (handout 2.1 c).

        The arguments are those of `cross_entropy_loss`.

        Hint: the network predicts the class with the highest probability. What is the mean of an
        array of booleans?
        """
        # BEGIN SOLUTION
        return np.mean(np.argmax(x_pred, axis=1) == y)
        # END SOLUTION

    def sigmoid(self, X):
        """Return the logistic sigmoid of each element of an array of any shape (handout 2.1 a).

        Hint: check your formula at 0, far to the left and far to the right.
        """
        # BEGIN SOLUTION
        return 1 / (1 + np.exp(-X))
        # END SOLUTION

    def sigmoid_dev(self, x):
        """Return the derivative of the sigmoid at each element (handout 2.1 a).

        x is the argument of `sigmoid`, not its value.

        Hint: differentiate it on paper, then write the result in terms of the sigmoid. Where is the
        curve steepest, and how steep is it there?
        """
        # BEGIN SOLUTION
        s = self.sigmoid(x)
        return s * (1 - s)
        # END SOLUTION

    def ReLU(self, X):
        """Return the rectified linear unit of each element (handout 2.1 a).

        Hint: Python's `max` compares two numbers. Which NumPy function compares two arrays,
        element by element?
        """
        # BEGIN SOLUTION
        return np.maximum(X, 0)
        # END SOLUTION

    def ReLU_dev(self, X):
        """Return the derivative of ReLU at each element (handout 2.1 a).

        X is the argument of `ReLU`. At 0, where there is no derivative, take 0.

        Hint: draw ReLU. Which slopes does it have?
        """
        # BEGIN SOLUTION
        return np.where(X > 0, 1.0, 0.0)
        # END SOLUTION
