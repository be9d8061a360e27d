"""The optimizer, an epoch and the learning curves (handout 3 and 4), and that nothing prints."""

import inspect
import re

import numpy as np

import utils
from models import SoftmaxRegression, TwoLayerNet
from models._base_network import _baseNetwork
from optimizer import SGD
from optimizer._base_optimizer import _BaseOptimizer
from tests import InFolder, inside, made_up_images, oracle, write_csv
from tests.checks import ComparisonTest, draw_sizes, draw_weights, generator_for

REGULARIZATION = inspect.getsource(oracle.apply_regularization)


class TestOptimizer(ComparisonTest):
    """Regularization and updates of a network whose gradients are made up."""

    def setUp(self):
        self.generator = generator_for("optimizer")
        sizes = draw_sizes(self.generator, 3)
        self.rate, self.reg = self.generator.uniform(0.1, 0.9, size=2)
        self.model = TwoLayerNet(*sizes)
        self.weights = draw_weights(self.generator, self.model, *sizes)
        self.draw_gradients()

    def draw_gradients(self) -> None:
        """Give the model other gradients, of size 0.001 to 1000, so that clipping shows."""
        self.gradients = {}
        for name, weight in self.weights.items():
            size = 10 ** self.generator.uniform(-3, 3, size=weight.shape)
            self.gradients[name] = size * self.generator.choice([-1, 1], size=weight.shape)
            self.model.gradients[name] = self.gradients[name].copy()

    def test_regularization(self):
        _BaseOptimizer(self.rate, self.reg).apply_regularization(self.model)
        mistake = "the L2 term is added to the weights, not to the gradients"
        for name, W in self.weights.items():
            what, found = f"{name} after apply_regularization", self.model.weights[name]
            self.compare(what, found, W, {mistake: W + self.reg * W})
        for name, W in self.weights.items():
            g, term = self.gradients[name], self.reg * W
            hint = "the derivative of reg/2 * W^2 is reg * W"
            mistakes = {
                "nothing is added; store the sum in `model.gradients`": g,
                f"2 * reg * W is added: {hint}": g + 2 * term,
                f"half of reg * W is added: {hint}": g + term / 2,
                f"reg * W^2 is added: {hint}": g + term * W,
                "reg * W is subtracted": g - term,
                "reg * W replaces the gradient; expected their sum": term,
            }
            right = g + term
            if name.startswith("b"):
                right, mistakes = g, {"biases are regularized, too": g + term}
            found = self.entry(self.model.gradients, "gradients", name)
            self.compare(f"the gradient of {name}", found, right, mistakes)

    def test_update(self):
        """Compare weights after each of three updates by one optimizer."""
        optimizer, steps = SGD(self.rate, self.reg), {}
        inside.replace(optimizer, REGULARIZATION)
        for number in ("first", "second", "third"):
            optimizer.update(self.model)
            for name, W in self.weights.items():
                g, again = self.gradients[name], "to a bias" if name.startswith("b") else "twice"
                step = oracle.step(name, W, g, self.rate, self.reg)
                found, right = self.entry(self.model.weights, "weights", name), W + step
                last = steps.get(name, np.zeros_like(W))
                # How much of the last step is in the deviation.
                factor = np.vdot(last, np.asarray(found) - right) / (np.vdot(last, last) or 1)
                mistakes = {
                    "nothing is updated": W,
                    "it goes uphill: the step is added instead of subtracted": W - step,
                    "the weight is replaced by the step": step,
                    "the learning rate is missing": W + step / self.rate,
                    "the learning rate is applied twice": W + step * self.rate,
                    "the previous step still counts; expected no momentum": right + factor * last,
                    "the L2 term is missing, or added after the step": W - self.rate * g,
                    f"the L2 term is added {again}": right - self.rate * self.reg * W,
                }
                self.compare(f"{name} after the {number} update", found, right, mistakes)
                self.weights[name], steps[name] = right, step
            self.draw_gradients()

    def test_defaults(self):
        self.compare("the default learning rate", SGD().learning_rate, 1e-4, tolerance=1e-9)
        self.compare("the default reg", SGD().reg, 1e-3, tolerance=1e-9)


class TestEpoch(ComparisonTest):
    """`train` and `evaluate` against the oracle, on four batches, the last one smaller."""

    def setUp(self):
        generator = generator_for("epoch")
        D, C, H, *counts = draw_sizes(generator, 5)
        self.counts = [max(counts)] * 3 + [min(counts)]
        self.X = [generator.random((count, D)) for count in self.counts]
        self.y = [generator.integers(C, size=count) for count in self.counts]
        self.networks = []  # each with its weights
        for model, sizes in (SoftmaxRegression(D, C), [D, C]), (TwoLayerNet(D, C, H), [D, C, H]):
            inside.isolate(model, oracle.CODE)
            self.networks.append((model, draw_weights(generator, model, *sizes)))

    def compare_averages(self, what: str, returned, results: list) -> None:
        """Compare loss and accuracy, averaged over the images or over the batches."""
        found = self.unpack(what, returned, "loss", "accuracy")
        averages = np.average(results, axis=0, weights=self.counts), np.mean(results, axis=0)
        nearest = np.abs(np.subtract(averages, found)).argmin(axis=0)
        what = f"{what}: loss and accuracy (first fix forward)"
        self.compare(what, found, np.choose(nearest, averages), tolerance=1e-5)

    def test_train(self):
        for model, weights in self.networks:
            results = []
            for X, y in zip(self.X, self.y):
                results.append(oracle.loss_and_accuracy(weights, X, y))
                gradients = oracle.gradients(weights, X, y)
                for name, weight in weights.items():
                    step = oracle.step(name, weight, gradients[name], 0.5, 0.1)
                    weights = weights | {name: weight + step}
            optimizer = SGD(0.5, 0.1)
            inside.replace(optimizer, REGULARIZATION)
            returned = utils.train(1, self.X, self.y, model, optimizer, False)
            for name, weight in weights.items():
                what = f"{name} after 4 batches (first fix forward and update)"
                self.compare(what, model.weights[name], weight, tolerance=1e-5)
            self.compare_averages("train", returned, results)

    def test_evaluate(self):
        for model, weights in self.networks:
            results = [oracle.loss_and_accuracy(weights, X, y) for X, y in zip(self.X, self.y)]
            model.gradients["W1"] = zeros = np.zeros_like(weights["W1"])
            model.forward(self.X[0], self.y[0], "valid")
            stores = np.any(model.gradients["W1"])  # then forward is wrong, not evaluate
            self.compare_averages("evaluate", utils.evaluate(self.X, self.y, model, False), results)
            for name, weight in weights.items():
                self.compare(f"{name} after evaluate", model.weights[name], weight)
            if not stores:
                what = "the gradient of W1 after evaluate, which must run forward in mode 'valid'"
                self.compare(what, model.gradients["W1"], zeros)


class TestCurves(InFolder, ComparisonTest):
    """`plot_curves` may draw into any files, in any style, with any titles."""

    def setUp(self):
        super().setUp()
        generator = generator_for("histories")
        names = ("training loss", "training accuracy", "validation loss", "validation accuracy")
        values = generator.random((4, 6))
        values[::2] = 1.5 + 2 * values[::2]
        self.histories = dict(zip(names, values.tolist()))  # in the order of the arguments

    def name_of(self, values: list) -> str:
        """Return the name of the history with these values; accuracies may be in percent."""
        for name, history in self.histories.items():
            for factor in (1, 100) if "accuracy" in name else (1,):
                if np.shape(values) == (6,) and np.allclose(values, factor * np.array(history)):
                    return name
        return ""

    def test_curves(self):
        pictures = inside.drawn(utils.plot_curves, *map(list, self.histories.values()))
        self.assertTrue(pictures, "plot_curves saves no picture with Matplotlib")
        found = set()
        for picture in pictures:
            if not any(curves for _, curves in picture):
                self.fail("a saved picture is empty: nothing is drawn in it, or in another figure")
            for title, curves in picture:
                labels = {self.name_of(values): label for label, values in curves}
                labels.pop("", None)
                found |= labels.keys()
                if len({name.split()[1] for name in labels}) == 2:
                    self.fail("losses and accuracies share axes; draw each pair in axes of its own")
                for name, label in labels.items():
                    self.check_text(name, label, training="train", validation="val(?!u)")
                    self.check_text(name, title, loss="loss", accuracy="accura")
        for name in self.histories:
            what = f"no picture shows the {name} of all 6 epochs"
            self.assertIn(name, found, f"{what}; is it saved, in a file that is not overwritten?")

    def check_text(self, name: str, text: str, **words: str) -> None:
        """Fail if a text names only the opposite of what is shown."""
        named = {kind for kind, word in words.items() if re.search(word, text.lower())}
        if named and not any(kind in name for kind in named):
            self.fail(f"the {name} is drawn as {text!r}")


class TestOutput(InFolder, ComparisonTest):
    def check_output(self, name: str, function, *arguments) -> None:
        printed = inside.printed(function, *arguments)
        if printed:
            self.fail(f"{name} prints {printed[:60]!r}; a grader may deduct all points for that")

    def test_plot_curves_prints_nothing(self):
        self.check_output("plot_curves", utils.plot_curves, [2.0], [0.1], [3.0], [0.2])

    def test_nothing_is_printed(self):
        labels, pixels = made_up_images(10)
        write_csv(self.folder / "data/mnist_train.csv", labels, pixels)
        X, p, y = pixels / 255, np.full((10, 10), 0.1), labels.astype(int)
        self.check_output("load_mnist_trainval", utils.load_mnist_trainval)
        for seed in (None, 1):
            batching = utils.generate_batched_data, X.tolist(), y.tolist(), 3, True, seed
            self.check_output("generate_batched_data", *batching)
        network = _baseNetwork()
        for name in ("sigmoid", "sigmoid_dev", "ReLU", "ReLU_dev", "softmax"):
            self.check_output(name, getattr(network, name), p)
        for name in ("cross_entropy_loss", "compute_accuracy"):
            self.check_output(name, getattr(network, name), p, y)
        for name, Model in (("SoftmaxRegression", SoftmaxRegression), ("TwoLayerNet", TwoLayerNet)):
            self.check_output(name, Model)
            model, optimizer = Model(), SGD()
            inside.isolate(model, oracle.CODE)
            for mode in ("train", "valid"):
                self.check_output(f"{name}.forward", model.forward, X, y, mode)
            self.check_output("apply_regularization", optimizer.apply_regularization, model)
            self.check_output("update", optimizer.update, model)
            self.check_output("train", utils.train, 1, [X], [y], model, optimizer, False)
            self.check_output("evaluate", utils.evaluate, [X], [y], model, False)
