"""The forward passes and gradients of both networks (handout 2.2).

The right gradients are slopes of the oracle's loss, by central differences; what a mistake gives
comes from the chain rule with the mistake put in.
"""

import unittest

import numpy as np

from models import SoftmaxRegression, TwoLayerNet
from tests import oracle
from tests.checks import ComparisonTest, generator_for, mnist_batch


class NetworkTests:
    """What is asked of either network, on a batch of its own with weights of ordinary size."""

    def start(self, model, name: str, sizes: dict[int, int]) -> None:
        """Give the model such weights, and draw a batch.

        `sizes` holds what takes the place of a default size in the shapes of the weights.
        """
        self.model = model
        generator = generator_for(name)
        self.weights = {}
        for key, default in self.shapes.items():
            shape = [sizes.get(size, size) for size in default]
            self.weights[key] = generator.normal(scale=0.7, size=shape)
            model.weights[key] = self.weights[key].copy()
        self.count = int(generator.integers(5, 12))
        self.X = generator.random((self.count, len(self.weights["W1"])))
        self.y = generator.integers(10, size=self.count)
        self.preactivation, self.hidden, self.p = oracle.forward(self.weights, self.X)
        self.y[:2] = self.p[:2].argmax(axis=1)  # so that some are right

    def forward(self, mode: str = "train"):
        """Return loss and accuracy of the batch."""
        returned = self.model.forward(self.X, self.y, mode=mode)
        return self.unpack("forward", returned, "loss", "accuracy")

    def gradient(self, name: str, **mistake) -> np.ndarray:
        """Return a gradient by the chain rule, with a mistake put in."""
        return oracle.chain_rule(self.weights, self.X, self.y, **mistake)[name]

    def compare_loss(self, mistakes: dict) -> None:
        loss, _ = self.forward("valid")
        right = oracle.mean_loss(self.p, self.y)
        squares = sum((W**2).sum() for name, W in self.weights.items() if "W" in name)
        mistakes = mistakes | {
            "it is summed over the images instead of averaged": self.count * right,
            "the minus sign is missing": -right,
            "it is divided by N * C, not by the number of images N": right / 10,
            "the L2 term is in it; expected the cross-entropy alone": right + 0.0005 * squares,
            "the L2 term is in it, without the factor 1/2": right + 0.001 * squares,
        }
        self.compare("the loss", loss, right, mistakes)

    def compare_gradient(self, name: str, mistakes: dict) -> None:
        """Compare a gradient with the slopes; `mistakes` are named before those of any network."""
        self.forward()
        right = oracle.slopes(self.weights, name, self.X, self.y)
        self.compare("the oracle's gradient", self.gradient(name), right, tolerance=1e-7)
        one_hot = np.eye(10)[self.y]
        mistakes = mistakes | {
            "it is not divided by the number of images": self.count * right,
            "it is divided by the number of images twice": right / self.count,
            "the one-hot labels are not subtracted from the probabilities": self.gradient(
                name, d_logits=self.p / self.count
            ),
            "the loss's sign is turned; expected p - onehot(y)": -right,
            "the loss is derived with respect to the probabilities, and softmax left out": (
                self.gradient(name, d_logits=-one_hot / self.p / self.count)
            ),
            "nothing is stored": np.zeros_like(right),
        }
        found = self.model.gradients[name]
        self.compare(f"the gradient of {name}", found, right, mistakes, tolerance=1e-7)

    def test_accuracy(self):
        _, accuracy = self.forward("valid")
        right = np.count_nonzero(self.p.argmax(axis=1) == self.y)
        mistakes = {
            "it is the number of right images, not their fraction": right,
            "it is in percent; expected a fraction in [0, 1]": 100 * right / self.count,
        }
        self.compare("the accuracy", accuracy, right / self.count, mistakes)

    def test_gradients_do_not_add_up(self):
        self.forward()
        once = {name: self.model.gradients[name].copy() for name in self.weights}
        self.forward()
        for name, right in once.items():
            mistakes = {"it adds up from batch to batch; expected the last batch's": 2 * right}
            what = f"the gradient of {name} after the batch a second time"
            self.compare(what, self.model.gradients[name], right, mistakes)

    def test_valid_stores_nothing(self):
        stored = {name: np.full_like(weight, 7) for name, weight in self.weights.items()}
        for name, gradient in stored.items():
            self.model.gradients[name] = gradient.copy()
        self.forward("valid")
        for name, weight in self.weights.items():
            what = f"{name} after forward in mode 'valid'"
            self.compare(what, self.model.weights[name], weight)
            mistakes = {"gradients are stored in mode 'valid', too": self.gradient(name)}
            what = f"the gradient of {name} after forward in mode 'valid'"
            self.compare(what, self.model.gradients[name], stored[name], mistakes)

    def test_initial_weights(self):
        model = self.Model()
        model.forward(np.ones((1, 784)), np.array([0]), mode="valid")  # which changes nothing
        generator_of_W1 = np.random.RandomState(1024)
        for name, shape in self.shapes.items():
            right, mistakes = np.zeros(shape), {}
            if len(shape) == 2:
                right = 0.001 * np.random.RandomState(1024).randn(*shape)
                mistakes = {
                    "it is drawn on from W1's generator; expected the seed anew": 0.001
                    * generator_of_W1.randn(*shape),
                    "it is not multiplied by 0.001": 1000 * right,
                }
            self.compare(f"the initial {name}", model.weights[name], right, mistakes)
            self.compare(f"the initial gradient of {name}", model.gradients[name], np.zeros(shape))

    def test_on_mnist(self):
        X, y = mnist_batch(64)
        model = self.Model()
        loss, _ = model.forward(X, y)
        self.compare("the loss of the first 64 images", loss, self.first_loss, tolerance=2e-6)
        for name, right in oracle.chain_rule(model.weights, X, y).items():
            deviation = np.abs(model.gradients[name] - right).sum()
            what = f"the summed deviation of the gradient of {name} from the exact one"
            self.compare(what, deviation, 0, tolerance=5e-8)


class TestSoftmaxRegression(NetworkTests, ComparisonTest):
    Model = SoftmaxRegression
    first_loss = 2.303362  # of the first 64 training images, at the initial weights

    def setUp(self):
        self.shapes = {"W1": (784, 10)}  # by default
        size = int(generator_for("size of softmax regression").integers(4, 9))
        self.start(SoftmaxRegression(input_size=size), "softmax regression", {784: size})

    def test_loss(self):
        linear = oracle.probabilities(self.preactivation)
        self.compare_loss(
            {"the ReLU before the softmax is missing": oracle.mean_loss(linear, self.y)}
        )

    def test_gradient_of_W1(self):
        linear = oracle.probabilities(self.preactivation)
        d_linear = (linear - np.eye(10)[self.y]) / self.count
        self.compare_gradient(
            "W1",
            {
                "the derivative of ReLU is missing": self.gradient("W1", slope=1),
                "ReLU itself stands for its derivative": self.gradient(
                    "W1", slope=np.maximum(self.preactivation, 0)
                ),
                "the ReLU before the softmax is missing": self.gradient(
                    "W1", d_logits=d_linear, slope=1
                ),
                "the ReLU before the softmax is missing, but not its derivative": self.gradient(
                    "W1", d_logits=d_linear
                ),
            },
        )


class TestTwoLayerNet(NetworkTests, ComparisonTest):
    Model = TwoLayerNet
    first_loss = 2.302739

    def setUp(self):
        self.shapes = {"W1": (784, 128), "b1": (128,), "W2": (128, 10), "b2": (10,)}
        size, hidden = generator_for("size of two-layer network").integers(3, 8, size=2).tolist()
        model = TwoLayerNet(input_size=size, hidden_size=hidden)
        self.start(model, "two-layer network", {784: size, 128: hidden})

    def loss_without(self, *biases: str) -> float:
        """Return the loss of the network without some of its biases."""
        rest = {name: W * (name not in biases) for name, W in self.weights.items()}
        return oracle.mean_loss(oracle.forward(rest, self.X)[2], self.y)

    def hidden_mistakes(self, name: str) -> dict:
        """Return what mistakes on the way back through the sigmoid give."""
        s = self.hidden
        s_of_s = 1 / (1 + np.exp(-s))
        z = self.preactivation
        return {
            "the derivative of the sigmoid is missing": self.gradient(name, slope=1),
            "the derivative of the sigmoid is taken twice": self.gradient(
                name, slope=(s * (1 - s)) ** 2
            ),
            "the derivative of the sigmoid is taken at the hidden units; expected at X W1 + b1": (
                self.gradient(name, slope=s_of_s * (1 - s_of_s))
            ),
            "the derivative of the sigmoid is z (1 - z), as if z = X W1 + b1 were its value": (
                self.gradient(name, slope=z * (1 - z))
            ),
        }

    def bias_mistakes(self, name: str) -> dict:
        right = self.gradient(name)
        return {
            "it is averaged over the images instead of summed; the loss's mean has divided by "
            "their number already": right / self.count,
            "it is left out, and stays zero": 0 * right,
        }

    def test_loss(self):
        self.compare_loss(
            {
                "b1 is left out": self.loss_without("b1"),
                "b2 is left out": self.loss_without("b2"),
                "both biases are left out": self.loss_without("b1", "b2"),
            }
        )

    def test_gradient_of_W2(self):
        self.compare_gradient("W2", {})

    def test_gradient_of_b2(self):
        self.compare_gradient("b2", self.bias_mistakes("b2"))

    def test_gradient_of_W1(self):
        self.compare_gradient("W1", self.hidden_mistakes("W1"))

    def test_gradient_of_b1(self):
        self.compare_gradient("b1", self.bias_mistakes("b1") | self.hidden_mistakes("b1"))


if __name__ == "__main__":
    unittest.main()
