"""The optimizer, an epoch and the learning curves (handout 3 and 4)."""

import unittest

import numpy as np

import utils
from models import SoftmaxRegression, TwoLayerNet
from models._base_network import _baseNetwork
from optimizer import SGD
from optimizer._base_optimizer import _BaseOptimizer
from tests import InFolder, inside, made_up_images, oracle, write_csv
from tests.checks import ComparisonTest, draw_sizes, generator_for


class TestOptimizer(ComparisonTest):
    """Regularization and updates of a network whose gradients are made up."""

    def setUp(self):
        self.generator = generator_for("optimizer")
        size, hidden, classes = draw_sizes(self.generator, 3)
        self.rate, self.reg = self.generator.uniform(0.1, 0.9, size=2)
        self.model = TwoLayerNet(size, classes, hidden)
        shapes = {"W1": (size, hidden), "b1": hidden, "W2": (hidden, classes), "b2": classes}
        self.weights = {name: self.generator.normal(size=shape) for name, shape in shapes.items()}
        for name, weight in self.weights.items():
            self.model.weights[name] = weight.copy()
        self.draw_gradients()

    def draw_gradients(self) -> None:
        """Give the model other gradients, from 0.001 to 1000, so that clipping shows."""
        self.gradients = {}
        for name, weight in self.weights.items():
            size = 10 ** self.generator.uniform(-3, 3, size=weight.shape)
            self.gradients[name] = size * self.generator.choice([-1, 1], size=weight.shape)
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
                "half of reg * W is added: the derivative of reg/2 * W^2 is reg * W": gradient
                + term / 2,
                "reg * W^2 is added: the derivative of reg/2 * W^2 is reg * W": gradient
                + term * self.weights[name],
                "reg * W replaces the gradient; expected their sum": term,
                "reg * W is subtracted": gradient - term,
                "reg/2 * sum(W^2) is added, not its derivative reg * W": gradient
                + (term * self.weights[name]).sum() / 2,
                "reg * W is multiplied by the learning rate, which is the task of update": gradient
                + self.rate * term,
            }
            right = gradient + term
            if name.startswith("b"):
                right, mistakes = gradient, {"biases are regularized, too": gradient + term}
            found = self.entry(self.model.gradients, "gradients", name)
            self.compare(f"the gradient of {name}", found, right, mistakes)

    def compare_updates(self, *names: str) -> None:
        """Compare weights after each of three updates by one optimizer."""
        optimizer, last = SGD(self.rate, self.reg), {}
        for number in ("first", "second", "third"):
            optimizer.update(self.model)
            for name in names:
                weight, gradient = self.weights[name], self.gradients[name]
                change = oracle.step(name, weight, gradient, self.rate, self.reg)
                decay = self.rate * self.reg * weight
                right = weight + change
                found = self.entry(self.model.weights, "weights", name)
                before = last.get(name, np.ones_like(weight))
                share = np.vdot(before, found - right) / np.vdot(before, before)
                mistakes = {
                    "nothing is updated": weight,
                    "it goes uphill: the step is added instead of subtracted": weight - change,
                    "the learning rate is missing": weight + change / self.rate,
                    "the learning rate is applied twice": weight + change * self.rate,
                    "the weight is replaced by the step": change,
                    "the L2 term is missing": weight - self.rate * gradient,
                    "the L2 term is added twice": right - decay,
                    "the L2 term is halved": right + decay / 2,
                    "biases are regularized, too": right - decay,
                    "the L2 term replaces the gradient": weight - decay,
                    "the step before is still in it; expected no momentum": right + share * before,
                }
                self.compare(f"{name} after the {number} update", found, right, mistakes)
                self.weights[name], last[name] = right, change
            self.draw_gradients()

    def test_regularization_of_matrices(self):
        self.compare_regularization("W1", "W2")

    def test_regularization_spares_biases(self):
        self.compare_regularization("b1", "b2")

    def test_regularization_changes_no_weights(self):
        _BaseOptimizer(self.rate, self.reg).apply_regularization(self.model)
        for name, weight in self.weights.items():
            change = self.reg * weight
            mistakes = {
                "the L2 term is added to the weights instead of the gradients": weight + change,
                "the weights decay here; add the L2 term to the gradients": weight - change,
            }
            what = f"{name} after apply_regularization"
            self.compare(what, self.model.weights[name], weight, mistakes)

    def test_update_of_matrices(self):
        self.compare_updates("W1", "W2")

    def test_update_of_biases(self):
        self.compare_updates("b1", "b2")

    def test_defaults(self):
        self.compare("the default learning rate", SGD().learning_rate, 1e-4, tolerance=1e-9)
        self.compare("the default reg", SGD().reg, 1e-3, tolerance=1e-9)


class TestEpoch(ComparisonTest):
    """`train` and `evaluate` against the oracle, on four batches, the last one smaller."""

    def setUp(self):
        self.generator = generator_for("epoch")
        self.size, self.hidden, self.classes, *counts = draw_sizes(self.generator, 5)
        self.sizes = [max(counts)] * 3 + [min(counts)]
        self.X = [self.generator.random((count, self.size)) for count in self.sizes]
        self.y = [self.generator.integers(self.classes, size=count) for count in self.sizes]

    def networks(self):
        """Yield each network, and its weights, which are of ordinary size."""
        D, H, C = self.size, self.hidden, self.classes
        for model, shapes in (
            (SoftmaxRegression(D, C), {"W1": (D, C)}),
            (TwoLayerNet(D, C, H), {"W1": (D, H), "b1": H, "W2": (H, C), "b2": C}),
        ):
            weights = {name: self.generator.normal(size=shape) for name, shape in shapes.items()}
            for name, weight in weights.items():
                model.weights[name] = weight.copy()
            yield model, weights

    def compare_averages(self, what: str, returned, results: list) -> None:
        """Compare loss and accuracy, averaged over the images or over the batches."""
        found = self.unpack(what, returned, "loss", "accuracy")
        averages = np.average(results, axis=0, weights=self.sizes), np.mean(results, axis=0)
        nearest = min(averages, key=lambda average: abs(average[0] - found[0]))
        self.compare(f"{what}: loss and accuracy", found, nearest, tolerance=1e-5)

    def test_train(self):
        for model, weights in self.networks():
            results = []
            for X, y in zip(self.X, self.y):
                p = oracle.forward(weights, X)[2]
                results.append((oracle.mean_loss(p, y), oracle.accuracy(p, y)))
                gradients = oracle.gradients(weights, X, y)
                for name, weight in weights.items():
                    step = oracle.step(name, weight, gradients[name], 0.5, 0.1)
                    weights = weights | {name: weight + step}
            returned = utils.train(1, self.X, self.y, model, SGD(0.5, 0.1), False)
            for name, weight in weights.items():
                what = f"{name} after four updates with the gradients of forward"
                self.compare(what, model.weights[name], weight, tolerance=1e-5)
            self.compare_averages("train", returned, results)

    def test_evaluate(self):
        for model, weights in self.networks():
            batches = [(oracle.forward(weights, X)[2], y) for X, y in zip(self.X, self.y)]
            results = [(oracle.mean_loss(p, y), oracle.accuracy(p, y)) for p, y in batches]
            model.gradients["W1"] = zeros = np.zeros_like(weights["W1"])
            model.forward(self.X[0], self.y[0], "valid")
            stores = np.any(model.gradients["W1"])  # which is a mistake of forward, not of evaluate
            self.compare_averages("evaluate", utils.evaluate(self.X, self.y, model, False), results)
            for name, weight in weights.items():
                self.compare(f"{name} after evaluate", model.weights[name], weight)
            if not stores:
                mistakes = "the gradient of W1 after evaluate, which runs forward in mode 'valid'"
                self.compare(mistakes, model.gradients["W1"], zeros)


class TestCurves(InFolder, ComparisonTest):
    """`plot_curves` may draw into any files, in any style, with any titles."""

    def setUp(self):
        super().setUp()
        generator = generator_for("histories")
        self.histories = {  # in the order of the arguments
            "training loss": generator.uniform(1.5, 3, size=6).tolist(),
            "training accuracy": generator.random(6).tolist(),
            "validation loss": generator.uniform(1.5, 3, size=6).tolist(),
            "validation accuracy": generator.random(6).tolist(),
        }

    def shown(self, values: list) -> str:
        """Return the name of the history with these values, accuracies perhaps in percent."""
        for name, history in self.histories.items():
            for factor in (1, 100) if "accuracy" in name else (1,):
                if np.shape(values) == (6,) and np.allclose(values, factor * np.array(history)):
                    return name
        return ""

    def test_curves(self):
        pictures, files = inside.drawn(utils.plot_curves, *map(list, self.histories.values()))
        self.assertTrue(pictures, "plot_curves saves no picture with Matplotlib")
        found = []
        for picture in pictures:
            self.assertTrue(
                any(curves for _, curves in picture),
                "a saved picture is empty; save a figure before it is closed or cleared",
            )
            for title, curves in picture:
                names = {self.shown(values): label for label, values in curves}
                names.pop("", None)
                found += names
                quantities = {name.split()[1] for name in names}
                self.assertLess(
                    len(quantities),
                    2,
                    "losses and accuracies share the same axes; begin a new figure for the second",
                )
                for name, label in names.items():
                    self.compare_words(label, name, {"training": "train", "validation": "val"})
                    self.compare_words(title, name, {"loss": "loss", "accuracy": "accurac"})
        for name in self.histories:
            self.assertIn(
                name,
                found,
                f"no picture shows the {name} of all epochs; is it drawn before savefig, and does "
                "each figure have a file of its own?",
            )
        different = len({str(picture) for picture in pictures})
        self.assertGreaterEqual(
            files, different, f"found {files} different pictures, expected {different}"
        )

    def compare_words(self, text: str, name: str, words: dict[str, str]) -> None:
        """Fail if a text names only the opposite of what is shown."""
        for kind, word in words.items():
            other = any(each in text.lower() for each in words.values() if each != word)
            if kind in name and other and word not in text.lower():
                self.fail(f"the {name} is drawn as {text.strip()!r}")


class TestOutput(InFolder, ComparisonTest):
    def test_nothing_is_printed(self):
        labels, pixels = made_up_images(10)
        for name in ("mnist_train.csv", "mnist_test.csv"):
            write_csv(self.folder / "data" / name, labels, pixels)
        network, p, y = _baseNetwork(), np.full((10, 10), 0.1), labels.astype(int)
        calls = [
            ("load_mnist_trainval", utils.load_mnist_trainval),
            ("load_mnist_test", utils.load_mnist_test),
            ("generate_batched_data", utils.generate_batched_data, p.tolist(), y.tolist(), 3, True),
            *(
                (name, getattr(network, name), p)
                for name in ("sigmoid", "sigmoid_dev", "ReLU", "ReLU_dev", "softmax")
            ),
            ("cross_entropy_loss", network.cross_entropy_loss, p, y),
            ("compute_accuracy", network.compute_accuracy, p, y),
        ]
        for name, Model in (("SoftmaxRegression", SoftmaxRegression), ("TwoLayerNet", TwoLayerNet)):
            model = Model(input_size=10)
            calls += [
                (name, Model),
                *((f"{name}.forward", model.forward, p, y, mode) for mode in ("train", "valid")),
                ("apply_regularization", _BaseOptimizer().apply_regularization, model),
                ("update", SGD().update, model),
                ("train", utils.train, 1, [p], [y], model, SGD(), False),
                ("evaluate", utils.evaluate, [p], [y], model, False),
            ]
        for call in calls:
            self.check_output(*call)

    def test_plot_curves_prints_nothing(self):
        self.check_output("plot_curves", utils.plot_curves, [2.0], [0.1], [3.0], [0.2])

    def check_output(self, name: str, function, *arguments) -> None:
        printed = inside.printed(function, *arguments)
        message = f"{name} prints {printed[:60]!r}; a grader may deduct all points for that"
        self.assertFalse(printed, message)


if __name__ == "__main__":
    unittest.main()
