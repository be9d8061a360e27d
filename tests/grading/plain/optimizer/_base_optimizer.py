"""What every optimizer shares."""


class _BaseOptimizer:
    def __init__(self, learning_rate=1e-4, reg=1e-3):
        self.learning_rate = learning_rate
        self.reg = reg

    def update(self, model):
        """Left to each optimizer."""

    def apply_regularization(self, model):
        for name in model.weights:
            if name.startswith("W"):
                model.gradients[name] = model.gradients[name] + self.reg * model.weights[name]
