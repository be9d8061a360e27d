"""Stochastic gradient descent, without momentum."""

from ._base_optimizer import _BaseOptimizer


class SGD(_BaseOptimizer):
    """Plain stochastic gradient descent with L2 regularization."""

    def update(self, model):
        """Regularize the gradients, then update every weight and bias (handout 3 b).

        Subtract the learning rate times the gradient from each. Plain SGD keeps nothing from one
        update to the next.

        Hint: the gradient points uphill. This class inherits the method that regularizes. Store the
        new arrays in `model.weights`; a local variable alone changes nothing.
        """
        # BEGIN SOLUTION
        self.apply_regularization(model)
        for name in model.weights:
            model.weights[name] = model.weights[name] - self.learning_rate * model.gradients[name]
        # END SOLUTION
