"""Stochastic gradient descent, without momentum.

To complete: update.
"""

from ._base_optimizer import _BaseOptimizer


class SGD(_BaseOptimizer):
    """Steps down the gradient, of `learning_rate` times its size."""

    def update(self, model):
        """Regularize the gradients, then update every weight and bias (handout 3 b).

        Subtract the learning rate times the gradient from each. Plain SGD keeps nothing from one
        update to the next.

        Hint: the gradient points uphill. The regularization is a method of this class. In the end,
        the new arrays must be entries of `model.weights`, not only local variables.
        """
        # BEGIN SOLUTION
        self.apply_regularization(model)
        for name in model.weights:
            model.weights[name] = model.weights[name] - self.learning_rate * model.gradients[name]
        # END SOLUTION
