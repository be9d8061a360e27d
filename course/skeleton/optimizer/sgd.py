"""Stochastic gradient descent, without momentum.

To complete: update.
"""

from ._base_optimizer import _BaseOptimizer


class SGD(_BaseOptimizer):
    """Steps of size `learning_rate` down the gradient."""

    def __init__(self, learning_rate=1e-4, reg=1e-3):
        super().__init__(learning_rate, reg)

    def update(self, model):
        """Regularize the gradients, then update every weight and bias (handout 3 b).

        Each moves against its gradient, by the learning rate times the gradient.

        Parameters
        ----------
        model : a network
            With dictionaries `weights` and `gradients`, of the same keys and shapes.

        Hint: the gradient points to where the loss grows. Regularization is a method of this class
        already. Think of what `model.weights` must hold when you are done: a name for a new array
        is not yet an entry of the dictionary.
        """
        # BEGIN SOLUTION
        self.apply_regularization(model)
        for name in model.weights:
            model.weights[name] = model.weights[name] - self.learning_rate * model.gradients[name]
        # END SOLUTION
