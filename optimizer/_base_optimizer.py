"""What every optimizer shares: a learning rate and the L2 term.

An optimizer does not know how gradients are computed: a model is any object with the dictionaries
`weights` and `gradients`.
"""


class _BaseOptimizer:
    """The learning rate eta, and `reg`, the lambda of the L2 term; subclasses define `update`."""

    def __init__(self, learning_rate: float = 1e-4, reg: float = 1e-3):
        # As Python floats: a numpy.float64 would turn float32 weights into float64.
        self.learning_rate = float(learning_rate)
        self.reg = float(reg)

    def apply_regularization(self, model) -> None:
        """Add the gradient of the L2 term to the gradient of every weight matrix.

        J = L + lambda/2 sum_i w_i^2, so dJ/dW = dL/dW + lambda W. Biases are not regularized.
        Raises ValueError if a gradient does not have the shape of its weight.
        """
        for name, weight in model.weights.items():
            gradient = model.gradients[name]
            if gradient.shape != weight.shape:
                raise ValueError(
                    f"the gradient of {name} has shape {gradient.shape}; expected {weight.shape}"
                )
            if weight.ndim == 2:
                model.gradients[name] = gradient + self.reg * weight

    def update(self, model) -> None:
        """Update the weights of a model with its gradients."""
        raise NotImplementedError(f"{type(self).__name__} does not define update")
