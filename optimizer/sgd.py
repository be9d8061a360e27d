"""Stochastic gradient descent without momentum or schedule."""

import numpy as np

from ._base_optimizer import _BaseOptimizer


class SGD(_BaseOptimizer):
    """Plain stochastic gradient descent: theta <- theta - eta dJ/dtheta.

    Parameters
    ----------
    learning_rate : float
        Step size eta, above 0.
    reg : float
        Coefficient lambda of the L2 term, at least 0.
    """

    def update(self, model) -> None:
        """Regularize the gradients, then step every weight and bias against its gradient.

        W <- W - eta (dL/dW + lambda W) for matrices, b <- b - eta dL/db for biases.

        Parameters
        ----------
        model : object
            With dictionaries `weights` and `gradients`; their entries are replaced by new
            arrays, never written to.
        """
        self.apply_regularization(model)
        for name, gradient in model.gradients.items():
            weight = model.weights[name]
            # Whoever replaces a gradient by one of another type does not change the weights' type.
            dtype = np.result_type(weight, np.float32)
            step = np.multiply(gradient, -self.learning_rate, dtype=dtype)
            step += weight  # in place, as in the L2 term: together 2 to 8 % of a step
            model.weights[name] = step
