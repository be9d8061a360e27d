"""The forward passes and gradients of both networks (handout 2.2).

The right values, and those that a typical mistake gives, come from the oracle.
"""

import unittest

import numpy as np

from models import SoftmaxRegression, TwoLayerNet
from tests import oracle
from tests.checks import ComparisonTest, draw_sizes, generator_for, mnist_batch

UNTOUCHED = 7.0  # every gradient, before a forward pass that may replace it


class NetworkTests:
    """What is asked of either network, with weights of ordinary size on a batch of its own."""

    def setUp(self):
        generator = generator_for(self.name)
        size, hidden, classes, before, self.count = draw_sizes(generator, 5)
        self.size, self.classes = {"input_size": size, "num_classes": classes}, classes
        if self.name == "TwoLayerNet":
            self.size["hidden_size"] = hidden
        self.model = self.Model(**self.size)
        self.weights = {
            name: generator.normal(scale=1.5 / shape[0] ** 0.5, size=shape)
            for name, shape in self.shapes(size, classes, hidden).items()
        }
        # One input is large, and its gradients with it, so that clipping shows.
        self.weights["W1"][0] /= 200
        scale = np.array([200] + [1] * (size - 1))
        self.before = (
            scale * generator.random((before, size)),
            generator.integers(classes, size=before),
        )
        self.X = scale * generator.random((self.count, size))
        self.preactivation, self.hidden, self.p = oracle.forward(self.weights, self.X)
        self.y = generator.integers(classes, size=self.count)
        self.y[:3] = *self.p[:2].argmax(axis=1), self.p[2].argmin()  # some right, one wrong
        self.one_hot = np.eye(classes)[self.y]
        for name, weight in self.weights.items():
            self.model.weights[name] = weight.copy()

    def forward(self, mode: str = "train"):
        """Return loss and accuracy of the batch."""
        returned = self.model.forward(self.X.copy(), self.y.copy(), mode)
        return self.unpack("forward", returned, "loss", "accuracy")

    def gradient(self, name: str, **mistake) -> np.ndarray:
        """Return a gradient by the chain rule, with a mistake put in."""
        return oracle.gradients(self.weights, self.X, self.y, **mistake)[name]

    def loss(self, p) -> float:
        return oracle.mean_loss(p, self.y)

    def mark_gradients(self, gradients) -> None:
        for name, weight in self.weights.items():
            gradients[name] = np.full_like(weight, UNTOUCHED)

    def compare_loss(self, mistakes: dict) -> None:
        loss, _ = self.forward("valid")
        right = self.loss(self.p)
        squares = sum((W**2).sum() for name, W in self.weights.items() if "W" in name)
        mistakes = mistakes | {
            "it is summed over the images instead of averaged": self.count * right,
            "the minus sign is missing": -right,
            "it is divided by N * C, not by the number of images N": right / self.classes,
            "the L2 term is in it; expected the cross-entropy alone": right + 0.0005 * squares,
            "the L2 term is in it, without the factor 1/2": right + 0.001 * squares,
            "softmax is applied twice": self.loss(oracle.probabilities(self.p)),
        }
        self.compare("the loss", loss, right, mistakes)

    def compare_gradient(self, name: str, mistakes: dict) -> None:
        """Compare a gradient after two batches with that of the second."""
        self.model.forward(*self.before)
        self.mark_gradients(self.model.gradients)
        self.forward()
        right, before = self.gradient(name), oracle.gradients(self.weights, *self.before)[name]
        mistakes = mistakes | {
            "it is not divided by the number of images": self.count * right,
            "it is divided by the number of images twice, for example by a mean": right
            / self.count,
            "it is divided by the number of classes, not of images": (
                right * self.count / self.classes
            ),
            "the one-hot labels are not subtracted from the probabilities": self.gradient(
                name, d_logits=self.p / self.count
            ),
            "the sign of the loss is flipped; expected p - onehot(y)": -right,
            "it is the derivative with respect to the probabilities, without that of softmax": (
                self.gradient(name, d_logits=-self.one_hot / self.p / self.count)
            ),
            "softmax is applied twice": self.gradient(
                name, d_logits=(oracle.probabilities(self.p) - self.one_hot) / self.count
            ),
            "it is not stored": np.full_like(right, UNTOUCHED),
            "it is zero": np.zeros_like(right),
            "it is added to the gradient of the batch before": UNTOUCHED + right,
            "it is the gradient of the batch before": before,
        }
        found = self.entry(self.model.gradients, "gradients", name)
        self.compare(f"the gradient of {name}", found, right, mistakes, tolerance=1e-5)

    def test_accuracy(self):
        _, accuracy = self.forward("valid")
        right = oracle.accuracy(self.p, self.y)
        mistakes = {
            "it is the number of right images, not their fraction": self.count * right,
            "it is in percent; expected a fraction in [0, 1]": 100 * right,
        }
        self.compare("the accuracy", accuracy, right, mistakes)

    def test_mode_train(self):
        """It returns what mode 'valid' returns, and changes only the entries of `gradients`."""
        gradients = self.model.gradients
        self.mark_gradients(gradients)
        returned = self.call(self.model, "forward", self.X, self.y)
        found = self.unpack("forward", returned, "loss", "accuracy")
        self.compare("loss and accuracy in mode 'train'", found, self.forward("valid"))
        for name, weight in self.weights.items():
            self.compare(f"{name} after forward", self.model.weights[name], weight)
            what = f"the first `gradients`, which forward replaces; set the entry {name} instead"
            now = self.entry(self.model.gradients, "gradients", name)
            self.compare(what, self.entry(gradients, "gradients", name), now)

    def test_other_modes_store_nothing(self):
        for mode in ("valid", "test"):
            self.mark_gradients(self.model.gradients)
            found = self.forward(mode)
            self.compare(f"loss and accuracy in mode {mode!r}", found, self.forward("valid"))
            for name, weight in self.weights.items():
                what = f"{name} after forward in mode {mode!r}"
                self.compare(what, self.model.weights[name], weight)
                mistakes = {f"gradients are stored in mode {mode!r}, too": self.gradient(name)}
                found = self.entry(self.model.gradients, "gradients", name)
                expected = np.full_like(weight, UNTOUCHED)
                self.compare(f"the gradient of {what}", found, expected, mistakes, tolerance=1e-5)

    def test_initial_weights(self):
        for model, shapes in (
            (self.Model(), self.shapes(784, 10, 128)),
            (self.Model(**self.size), {name: W.shape for name, W in self.weights.items()}),
        ):
            generator_of_W1 = np.random.RandomState(1024)
            for name, shape in shapes.items():
                right, mistakes = np.zeros(shape), {}
                if len(shape) == 2:
                    right = 0.001 * np.random.RandomState(1024).randn(*shape)
                    mistakes = {
                        "it continues W1's random stream; seed again with 1024": 0.001
                        * generator_of_W1.randn(*shape),
                        "it is not multiplied by 0.001": 1000 * right,
                    }
                found = self.entry(model.weights, "weights", name)
                self.compare(f"the initial {name}", found, right, mistakes, tolerance=1e-9)
                found = self.entry(model.gradients, "gradients", name)
                self.compare(f"the initial gradient of {name}", found, np.zeros(shape))

    def test_on_mnist(self):
        X, y = mnist_batch(64)
        model = self.Model()
        loss, _ = self.unpack("forward", model.forward(X, y), "loss", "accuracy")
        p = oracle.forward(model.weights, X)[2]
        self.compare("the loss of the first 64 images", loss, oracle.mean_loss(p, y))
        for name, right in oracle.gradients(model.weights, X, y).items():
            found = self.entry(model.gradients, "gradients", name)
            self.compare(f"the shape of the gradient of {name}", np.shape(found), right.shape)
            deviation = np.abs(found - right).sum()
            what = f"the summed deviation of the gradient of {name} from the exact one"
            self.compare(what, deviation, 0, tolerance=5e-8)


class TestSoftmaxRegression(NetworkTests, ComparisonTest):
    name = "SoftmaxRegression"
    Model = SoftmaxRegression

    @staticmethod
    def shapes(size: int, classes: int, _) -> dict[str, tuple]:
        return {"W1": (size, classes)}

    def test_loss(self):
        linear = oracle.probabilities(self.preactivation)
        self.compare_loss({"the ReLU before the softmax is missing": self.loss(linear)})

    def test_gradient_of_W1(self):
        linear = (oracle.probabilities(self.preactivation) - self.one_hot) / self.count
        self.compare_gradient(
            "W1",
            {
                "the derivative of ReLU is missing, or taken at p": self.gradient("W1", slope=1),
                "ReLU is used instead of its derivative": self.gradient(
                    "W1", slope=np.maximum(self.preactivation, 0)
                ),
                "the ReLU before the softmax is missing": self.gradient(
                    "W1", d_logits=linear, slope=1
                ),
                "the ReLU before the softmax is missing, but not its derivative": self.gradient(
                    "W1", d_logits=linear
                ),
            },
        )


class TestTwoLayerNet(NetworkTests, ComparisonTest):
    name = "TwoLayerNet"
    Model = TwoLayerNet

    @staticmethod
    def shapes(size: int, classes: int, hidden: int) -> dict[str, tuple]:
        return {"W1": (size, hidden), "b1": (hidden,), "W2": (hidden, classes), "b2": (classes,)}

    def loss_of(self, hidden=None, **weights) -> float:
        """Return the loss with other hidden units or other weights."""
        weights = self.weights | weights
        if hidden is None:
            return self.loss(oracle.forward(weights, self.X)[2])
        return self.loss(oracle.probabilities(hidden @ weights["W2"] + weights["b2"]))

    def hidden_mistakes(self, name: str) -> dict:
        """Return what mistakes on the way back through the sigmoid give."""
        s, z = self.hidden, self.preactivation
        s_of_s = oracle.sigmoid(s)
        return {
            "the derivative of the sigmoid is missing": self.gradient(name, slope=1),
            "the derivative of the sigmoid is taken twice": self.gradient(
                name, slope=(s * (1 - s)) ** 2
            ),
            "the derivative of the sigmoid is taken at the hidden units, not at X W1 + b1": (
                self.gradient(name, slope=s_of_s * (1 - s_of_s))
            ),
            "the derivative of the sigmoid is z (1 - z), as if z = X W1 + b1 were its value": (
                self.gradient(name, slope=z * (1 - z))
            ),
            "the derivative of ReLU is used instead of that of the sigmoid": self.gradient(
                name, slope=z > 0
            ),
        }

    def test_loss(self):
        z, b1 = self.preactivation, self.weights["b1"]
        self.compare_loss(
            {
                "b1 is left out": self.loss_of(b1=0),
                "b2 is left out": self.loss_of(b2=0),
                "both biases are left out": self.loss_of(b1=0, b2=0),
                "ReLU is used instead of the sigmoid": self.loss_of(np.maximum(z, 0)),
                "the sigmoid between the layers is missing": self.loss_of(z),
                "b1 is added to W1 instead of X W1": self.loss_of(W1=self.weights["W1"] + b1, b1=0),
            }
        )

    def test_gradient_of_W2(self):
        self.compare_gradient("W2", {})

    def test_gradient_of_b2(self):
        self.compare_gradient("b2", {})

    def test_gradient_of_W1(self):
        self.compare_gradient("W1", self.hidden_mistakes("W1"))

    def test_gradient_of_b1(self):
        self.compare_gradient("b1", self.hidden_mistakes("b1"))


if __name__ == "__main__":
    unittest.main()
