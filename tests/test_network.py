"""The forward passes and gradients of both networks (handout 2.2).

The right values, and those that a typical mistake gives, come from the oracle.
"""

import numpy as np

from models import SoftmaxRegression, TwoLayerNet
from tests import inside, oracle
from tests.checks import (
    ComparisonTest,
    draw_sizes,
    draw_weights,
    generator_for,
    mistakes_in_a_mean,
    mnist_batch,
)


class NetworkTests:
    """What is asked of either network, with weights of ordinary size on a batch of its own."""

    def setUp(self):
        generator = generator_for(self.name)
        D, H, self.N, C, M = draw_sizes(generator, 5)
        self.sizes = [D, C, H] if self.name == "TwoLayerNet" else [D, C]
        self.model = self.Model(*self.sizes)
        inside.isolate(self.model, oracle.CODE)
        self.weights = draw_weights(generator, self.model, *self.sizes)
        # No label of the batch before is the last class.
        self.before = generator.random((M, D)), generator.integers(C - 1, size=M)
        self.X, self.y = generator.random((self.N, D)), generator.integers(C, size=self.N)
        # One input is large, and its gradients with it, so that clipping shows.
        for X in (self.before[0], self.X):
            X[:, -1] *= 1000
        self.weights["W1"][-1] /= 1000
        self.model.weights["W1"] = self.weights["W1"].copy()
        self.z, self.hidden, self.p = oracle.forward(self.weights, self.X)
        self.y[:3] = *self.p[:2].argmax(axis=1), self.p[2].argmin()  # some right, one wrong
        self.one_hot = np.eye(C)[self.y]

    def forward(self, *mode: str):
        """Return loss and accuracy of the batch; the default mode is "train"."""
        returned = self.model.forward(self.X.copy(), self.y.copy(), *mode)
        return self.unpack("forward", returned, "loss", "accuracy")

    def gradient(self, name: str, **mistake) -> np.ndarray:
        """Return a gradient by the chain rule, with a mistake put in."""
        return oracle.gradients(self.weights, self.X, self.y, **mistake)[name]

    def loss(self, p) -> float:
        return oracle.cross_entropy_loss(p, self.y)

    def entry_of_gradients(self, name: str):
        return self.entry(self.model.gradients, "gradients", name)

    def mark_gradients(self) -> dict:
        """Set all gradients to 7, which a forward pass must replace or leave alone."""
        marks = {name: np.full_like(weight, 7) for name, weight in self.weights.items()}
        for name, mark in marks.items():
            self.model.gradients[name] = mark.copy()
        return marks

    def compare_loss(self, mistakes: dict) -> None:
        right = self.loss(self.p)
        squares = sum((W**2).sum() for name, W in self.weights.items() if "W" in name)
        mistakes |= mistakes_in_a_mean(right, *self.one_hot.shape) | {
            "the L2 term is in it; expected the cross-entropy alone": right + 0.0005 * squares,
            "the L2 term is in it, without the factor 1/2": right + 0.001 * squares,
            "softmax is applied twice": self.loss(oracle.softmax(self.p)),
        }
        self.compare("the loss", self.forward("valid")[0], right, mistakes)

    def compare_gradient(self, name: str, mistakes: dict) -> None:
        """Compare a gradient after two batches with that of the second.

        Each mistake is what `oracle.gradients` takes in place of a right derivative.
        """
        self.model.forward(*self.before)
        unset = self.mark_gradients()[name]
        self.forward()
        right, N = self.gradient(name), self.N
        mistakes |= {
            "the one-hot labels are not subtracted from p": {"d_logits": self.p / N},
            "it is the derivative with respect to p; that of softmax is missing": {
                "d_logits": -self.one_hot / self.p / N
            },
            "softmax is applied twice": {
                "d_logits": (oracle.softmax(self.p) - self.one_hot) / N,
            },
        }
        values = {text: self.gradient(name, **mistake) for text, mistake in mistakes.items()}
        values |= mistakes_in_a_mean(right, *self.one_hot.shape) | {
            "it is not stored": unset,
            "it is zero": 0 * right,
            "it is added to the gradient of the previous batch": unset + right,
            "it is that of the previous batch": oracle.gradients(self.weights, *self.before)[name],
        }
        found = self.entry_of_gradients(name)
        self.compare(f"the gradient of {name}", found, right, values, tolerance=1e-5)

    def test_accuracy(self):
        right = oracle.compute_accuracy(self.p, self.y)
        mistakes = {"it is in percent; expected a fraction in [0, 1]": 100 * right}
        mistakes |= mistakes_in_a_mean(right, *self.one_hot.shape)
        self.compare("the accuracy", self.forward("valid")[1], right, mistakes)

    def test_mode_train(self):
        """It returns what mode 'valid' returns, and changes only the entries of `gradients`."""
        gradients = self.model.gradients
        self.mark_gradients()
        returned = self.call(self.model, "forward", self.X, self.y)
        found = self.unpack("forward", returned, "loss", "accuracy")
        self.compare("loss and accuracy in mode 'train'", found, self.forward("valid"))
        for name, weight in self.weights.items():
            self.compare(f"{name} after forward", self.model.weights[name], weight)
            now = self.entry_of_gradients(name)
            if not np.array_equal(gradients[name], now):
                self.fail("forward replaces the dictionary `gradients`; set its entries instead")

    def test_other_modes_store_nothing(self):
        for mode in ("valid", "test"):
            marks = self.mark_gradients()
            found = self.forward(mode)
            for name, weight in self.weights.items():
                what = f"{name} after forward in mode {mode!r}"
                self.compare(what, self.model.weights[name], weight)
                mistakes = {f"gradients are stored in mode {mode!r}, too": self.gradient(name)}
                now = self.entry_of_gradients(name)
                self.compare(f"the gradient of {what}", now, marks[name], mistakes, tolerance=1e-5)
            self.compare(f"loss and accuracy in mode {mode!r}", found, self.forward("valid"))

    def test_initial_weights(self):
        default = [784, 10, 128][: len(self.sizes)]
        for model, sizes in ((self.Model(), default), (self.Model(*self.sizes), self.sizes)):
            stream = np.random.RandomState(1024)
            for name, shape in oracle.shapes(*sizes).items():
                right, mistakes = np.zeros(shape), {}
                if name.startswith("W"):
                    right = 0.001 * np.random.RandomState(1024).randn(*shape)
                    continued = 0.001 * stream.randn(*shape)
                    mistakes = {
                        "it continues W1's random stream; seed again with 1024": continued,
                        "it is not multiplied by 0.001": 1000 * right,
                    }
                found = self.entry(model.weights, "weights", name)
                self.compare(f"the initial {name}", found, right, mistakes, tolerance=1e-9)
                found = self.entry(model.gradients, "gradients", name)
                self.compare(f"the initial gradient of {name}", found, np.zeros(shape))

    def test_on_mnist(self):
        X, y = mnist_batch(64)
        model = self.Model()
        inside.isolate(model, oracle.CODE)
        weights = {name: np.array(model.weights[name]) for name in self.weights}
        loss, _ = self.unpack("forward", model.forward(X, y), "loss", "accuracy")
        right, _ = oracle.loss_and_accuracy(weights, X, y)
        self.compare("the loss of the first 64 images", loss, right)
        for name, right in oracle.gradients(weights, X, y).items():
            found = self.entry(model.gradients, "gradients", name)
            self.compare(f"the shape of the gradient of {name}", np.shape(found), right.shape)
            what = f"the summed deviation of the gradient of {name} from the exact one"
            # 5e-8 as in the course's own test; the rest is for float32 or a constant of 1e-8.
            tolerance = 5e-8 + 2e-8 * np.abs(right).sum()
            self.compare(what, np.abs(found - right).sum(), 0, tolerance=tolerance)


class TestSoftmaxRegression(NetworkTests, ComparisonTest):
    name = "SoftmaxRegression"
    Model = SoftmaxRegression

    def test_loss(self):
        linear = self.loss(oracle.softmax(self.z))
        self.compare_loss({"the ReLU before the softmax is missing": linear})

    def test_gradient_of_W1(self):
        z, d_logits = self.z, (oracle.softmax(self.z) - self.one_hot) / self.N
        both = "the ReLU before the softmax is missing"
        mistakes = {
            "the derivative of ReLU is missing, or taken at p": {"slope": 1},
            "ReLU is used instead of its derivative": {"slope": oracle.ReLU(z)},
            both: {"d_logits": d_logits, "slope": 1},
            f"{both}, but not its derivative": {"d_logits": d_logits},
        }
        self.compare_gradient("W1", mistakes)


class TestTwoLayerNet(NetworkTests, ComparisonTest):
    name = "TwoLayerNet"
    Model = TwoLayerNet

    def test_loss(self):
        def loss_with(**weights) -> float:
            return self.loss(oracle.forward(self.weights | weights, self.X)[2])

        def loss_of_hidden(hidden) -> float:
            return self.loss(oracle.softmax(hidden @ self.weights["W2"] + self.weights["b2"]))

        shifted = self.weights["W1"] + self.weights["b1"]
        mistakes = {
            "b1 is left out": loss_with(b1=0),
            "b2 is left out": loss_with(b2=0),
            "both biases are left out": loss_with(b1=0, b2=0),
            "b1 is added to W1 instead of X W1": loss_with(W1=shifted, b1=0),
            "ReLU is used instead of the sigmoid": loss_of_hidden(oracle.ReLU(self.z)),
            "the sigmoid between the layers is missing": loss_of_hidden(self.z),
        }
        self.compare_loss(mistakes)

    def compare_hidden_gradient(self, name: str) -> None:
        z, dev = self.z, oracle.sigmoid_dev
        slopes = {
            "the derivative of the sigmoid is missing": 1,
            "the derivative of the sigmoid is taken twice": dev(z) ** 2,
            "sigmoid_dev is given the hidden units; expected X W1 + b1": dev(self.hidden),
            "it is z (1 - z), as if z = X W1 + b1 were the sigmoid's value": z * (1 - z),
            "the derivative of ReLU is used instead of that of the sigmoid": oracle.ReLU_dev(z),
        }
        self.compare_gradient(name, {text: {"slope": slope} for text, slope in slopes.items()})

    def test_gradient_of_W2(self):
        self.compare_gradient("W2", {})

    def test_gradient_of_b2(self):
        self.compare_gradient("b2", {})

    def test_gradient_of_W1(self):
        self.compare_hidden_gradient("W1")

    def test_gradient_of_b1(self):
        self.compare_hidden_gradient("b1")
