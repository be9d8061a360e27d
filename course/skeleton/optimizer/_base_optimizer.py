"""What every optimizer shares: a learning rate and L2 regularization."""


class _BaseOptimizer:
    """Has a `learning_rate`, and `reg`, the coefficient lambda of the L2 term."""

    def __init__(self, learning_rate=1e-4, reg=1e-3):
        self.learning_rate = learning_rate
        self.reg = reg

    def update(self, model):
        """Change the weights of a model; each subclass defines how."""

    def apply_regularization(self, model):
        """Add the gradient of the L2 term to the gradients of a model (handout 3 a).

        With regularization, the optimizer minimizes the cross-entropy L plus the L2 term:

            J = L + lambda/2 * (the sum of w^2 over all weights w except the biases).

        `model.gradients` holds the gradients of L; change them to those of J. Leave `model.weights`
        unchanged.

        Hint: what is the derivative of the L2 term with respect to one weight w, and what happens
        to the factor 1/2? How can you tell a bias from a matrix, by its name or by its shape?
        """
        # BEGIN SOLUTION
        for name in model.weights:
            if name.startswith("W"):
                model.gradients[name] = model.gradients[name] + self.reg * model.weights[name]
        # END SOLUTION
