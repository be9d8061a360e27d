"""The optimizer, an epoch and the learning curves (handout 3 and 4)."""

import copy
import unittest
from pathlib import Path

import matplotlib
import numpy as np

import utils
from models import SoftmaxRegression, TwoLayerNet
from optimizer import SGD
from optimizer._base_optimizer import _BaseOptimizer
from tests import InFolder
from tests.checks import ComparisonTest, generator_for


class TestOptimizer(ComparisonTest):
    """Regularization and update of a network whose gradients are made up."""

    def setUp(self):
        generator = generator_for("optimizer")
        size, hidden = generator.integers(3, 8, size=2).tolist()
        self.rate, self.reg = generator.uniform(0.1, 0.9, size=2)
        self.model = TwoLayerNet(input_size=size, hidden_size=hidden)
        self.weights, self.gradients = {}, {}
        shapes = {"W1": (size, hidden), "b1": hidden, "W2": (hidden, 10), "b2": 10}
        for name, shape in shapes.items():
            self.weights[name] = generator.normal(size=shape)
            self.gradients[name] = generator.normal(size=shape)
            self.model.weights[name] = self.weights[name].copy()
            self.model.gradients[name] = self.gradients[name].copy()

    def compare_regularization(self, *names: str) -> None:
        """Compare gradients after `apply_regularization`."""
        _BaseOptimizer(self.rate, self.reg).apply_regularization(self.model)
        for name in names:
            gradient, term = self.gradients[name], self.reg * self.weights[name]
            mistakes = {
                "reg * W is not added": gradient,
                "2 * reg * W is added: the derivative of reg/2 * W^2 is reg * W": gradient
                + 2 * term,
                "reg * W^2 is added: the derivative of reg/2 * W^2 is reg * W": gradient
                + term * self.weights[name],
                "reg * W takes the place of the gradient; expected their sum": term,
                "reg * W is subtracted": gradient - term,
                "the term reg/2 * sum(W^2) is added, not its derivative reg * W": gradient
                + (term * self.weights[name]).sum() / 2,
                "reg * W is multiplied by the learning rate, which update does": gradient
                + self.rate * term,
            }
            right = gradient + term
            if name.startswith("b"):
                right, mistakes = gradient, {"biases are regularized, too": gradient + term}
            self.compare(f"the gradient of {name}", self.model.gradients[name], right, mistakes)

    def compare_update(self, *names: str) -> None:
        """Compare weights after `SGD.update`."""
        SGD(self.rate, self.reg).update(self.model)
        for name in names:
            weight, gradient = self.weights[name], self.gradients[name]
            term = 0 if name.startswith("b") else self.reg * weight
            step = self.rate * (gradient + term)
            mistakes = {
                "nothing is updated": weight,
                "it goes uphill: the step is added; expected to be subtracted": weight + step,
                "the learning rate is missing": weight - step / self.rate,
                "the step takes the weight's place": -step,
                "the L2 term is missing": weight - self.rate * gradient,
                "the L2 term is added twice": weight - step - self.rate * term,
                "biases are regularized, too": weight - step - self.rate * self.reg * weight,
                "the L2 term takes the gradient's place": weight - self.rate * term,
            }
            self.compare(
                f"{name} after an update", self.model.weights[name], weight - step, mistakes
            )

    def test_regularization_of_matrices(self):
        self.compare_regularization("W1", "W2")

    def test_regularization_spares_biases(self):
        self.compare_regularization("b1", "b2")

    def test_regularization_changes_no_weights(self):
        _BaseOptimizer(self.rate, self.reg).apply_regularization(self.model)
        for name, weight in self.weights.items():
            change = self.reg * weight
            mistakes = {
                "the L2 term is put on the weights; expected on the gradients": weight + change,
                "the weights decay here; expected the L2 term on the gradients": weight - change,
            }
            what = f"{name} after apply_regularization"
            self.compare(what, self.model.weights[name], weight, mistakes)

    def test_update_of_matrices(self):
        self.compare_update("W1", "W2")

    def test_update_of_biases(self):
        self.compare_update("b1", "b2")

    def test_defaults(self):
        optimizer = SGD()
        optimizer.update(self.model)
        self.compare("the default learning rate", optimizer.learning_rate, 1e-4)
        self.compare("the default reg", optimizer.reg, 1e-3)


class TestEpoch(ComparisonTest):
    """`train` and `evaluate` against the same steps one by one, on three batches of one size."""

    def setUp(self):
        generator = generator_for("epoch")
        size = int(generator.integers(5, 9))
        self.X = list(generator.random((3, 6, size)))
        self.y = list(generator.integers(10, size=(3, 6)))
        self.models = (
            SoftmaxRegression(input_size=size),
            TwoLayerNet(input_size=size, hidden_size=4),
        )

    def compare_model(self, model, expected) -> None:
        for name in ("W1", "b1", "W2", "b2"):
            if name in expected.weights:
                self.compare(f"{name} afterwards", model.weights[name], expected.weights[name])
                what = f"the gradient of {name} afterwards"
                self.compare(what, model.gradients[name], expected.gradients[name])

    def test_train(self):
        for model in self.models:
            expected, results = copy.deepcopy(model), []
            for X, y in zip(self.X, self.y):
                results.append(expected.forward(X, y, mode="train"))
                SGD(0.5, 0.01).update(expected)
            found = utils.train(1, self.X, self.y, model, SGD(0.5, 0.01), debug=False)
            self.compare("loss and accuracy of an epoch", found, np.mean(results, axis=0))
            self.compare_model(model, expected)

    def test_evaluate(self):
        for model in self.models:
            expected = copy.deepcopy(model)
            results = [expected.forward(X, y, mode="valid") for X, y in zip(self.X, self.y)]
            found = utils.evaluate(self.X, self.y, model, debug=False)
            self.compare("loss and accuracy of an evaluation", found, np.mean(results, axis=0))
            self.compare_model(model, expected)


class TestCurves(InFolder):
    def test_two_figures_are_saved(self):
        matplotlib.use("agg")  # no window
        utils.plot_curves([2.0, 1.0, 0.5], [0.5, 0.6, 0.7], [1.5, 1.2, 1.3], [0.5, 0.7, 0.6])
        figures = {path.read_bytes() for path in Path().iterdir()}
        self.assertEqual(len(figures), 2, "expected two different figures, of loss and of accuracy")


if __name__ == "__main__":
    unittest.main()
