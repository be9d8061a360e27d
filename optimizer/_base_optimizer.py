"""What every optimizer shares: its learning rate and the L2 term.

An optimizer changes a model's weights and knows nothing of what made the gradients: a model is
whatever has the dictionaries `weights` and `gradients`.
"""


class _BaseOptimizer:
    """A learning rate and L2 regularization; how weights are updated is left to subclasses.

    Parameters
    ----------
    learning_rate : float
        Step size eta, above 0.
    reg : float
        Coefficient lambda of the L2 term, at least 0.
    """

    def __init__(self, learning_rate: float = 1e-4, reg: float = 1e-3):
        # A NumPy scalar of 64 bits would turn weights of 32 bits into 64.
        self.learning_rate = float(learning_rate)
        self.reg = float(reg)

    def apply_regularization(self, model) -> None:
        """Add the gradient of the L2 term to the gradient of every weight matrix.

        J = L + lambda/2 sum_i w_i^2 over the entries of all matrices, so
        dJ/dW = dL/dW + lambda W. Biases are not regularized.

        Parameters
        ----------
        model : object
            With dictionaries `weights` and `gradients`; the entries of the latter are replaced
            by new arrays, never written to.
        """
        for name, weight in model.weights.items():
            if weight.ndim == 2:
                regularized = self.reg * weight
                regularized += model.gradients[name]  # in place: one array of this size less
                model.gradients[name] = regularized

    def update(self, model) -> None:
        """Change the weights of a model by its gradients.

        Raises
        ------
        NotImplementedError
            Unless a subclass says how.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to update weights")
