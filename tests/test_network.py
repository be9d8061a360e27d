"""The forward passes and gradients of both networks (handout 2.2).

The right values, and those that a typical mistake gives, come from the oracle.
"""

import numpy as np

from models import SoftmaxRegression, TwoLayerNet
from tests import checks, inside, oracle


class NetworkTests:
    """Tests of either network, on a random batch and with weights of ordinary size."""

    def setUp(self):
        generator = checks.generator_for(self.name)
        D, H, self.N, C, M = checks.draw_sizes(generator, 5)
        self.sizes = [D, C, H] if self.name == "TwoLayerNet" else [D, C]
        self.model = self.Model(*self.sizes)
        inside.isolate(self.model, oracle.CODE)
        self.weights = checks.draw_weights(generator, self.model, *self.sizes)
        # The previous batch lacks the last class: one-hot labels must not take their width from it.
        self.before = generator.random((M, D)), generator.integers(C - 1, size=M)
        self.X, self.y = generator.random((self.N, D)), generator.integers(C, size=self.N)
        # One input is large, and so are its gradients, so that clipping shows.
        for X in (self.before[0], self.X):
            X[:, -1] *= 1000
        self.weights["W1"][-1] /= 1000
        if "b2" in self.weights:  # one class has negative scores: a ReLU before the softmax shows
            self.weights["b2"][0] -= 3
        for name, weight in self.weights.items():
            self.model.weights[name] = weight.copy()
        self.z, self.hidden, self.p = oracle.forward(self.weights, self.X)
        self.y[:3] = *self.p[:2].argmax(axis=1), self.p[2].argmin()  # some right, one wrong
        self.one_hot = np.eye(C)[self.y]

    def forward(self, *mode: str):
        """Return loss and accuracy of the batch; the default mode is "train"."""
        returned = self.model.forward(self.X.copy(), self.y.copy(), *mode)
        what = f"forward in mode {mode[0]!r}" if mode else "forward"
        return self.unpack(what, returned, "loss", "accuracy")

    def gradient(self, name: str, **mistake) -> np.ndarray:
        """Return a gradient by the chain rule, perhaps with a mistake put in."""
        return oracle.gradients(self.weights, self.X, self.y, **mistake)[name]

    def loss(self, p) -> float:
        return oracle.cross_entropy_loss(p, self.y)

    def mark_gradients(self) -> dict:
        """Set all gradients to 7, to show whether forward writes them."""
        marks = {name: np.full_like(weight, 7) for name, weight in self.weights.items()}
        for name, mark in marks.items():
            self.model.gradients[name] = mark.copy()
        return marks

    def compare_loss_and_accuracy(self, mistakes: dict) -> None:
        loss, accuracy = self.forward("valid")
        right, right_accuracy = self.loss(self.p), oracle.compute_accuracy(self.p, self.y)
        squares = sum((W**2).sum() for name, W in self.weights.items() if "W" in name)
        mistakes |= checks.mistakes_in_a_mean(right, *self.one_hot.shape) | {
            "it is the accuracy": right_accuracy,
            "the L2 term is in it; expected the cross-entropy alone": right + 0.0005 * squares,
            "softmax is applied twice": self.loss(oracle.softmax(self.p)),
        }
        self.compare("the loss", loss, right, mistakes)
        self.compare("the accuracy", accuracy, right_accuracy, {"it is the loss": right})

    def compare_gradient(self, name: str, mistakes: dict) -> None:
        """Compare a gradient after two batches with that of the second.

        `mistakes` maps names to keyword arguments of `oracle.gradients`.
        """
        self.model.forward(*self.before)
        unset = self.mark_gradients()[name]
        loss, _ = self.forward()
        p, one_hot, right = self.p, self.one_hot, self.gradient(name)
        d_logits = {  # each is divided by N below
            "the one-hot labels are not subtracted from p": p,
            "the one-hot labels are added to p": p + one_hot,
            "p[:, y] is whole columns of p; use p[np.arange(N), y]": p - one_hot.any(axis=0),
            "it is the derivative with respect to p; that of softmax is missing": -one_hot / p,
            "softmax is applied twice": oracle.softmax(p) - one_hot,
        }
        mistakes |= {text: {"d_logits": value / self.N} for text, value in d_logits.items()}
        values = {text: self.gradient(name, **mistake) for text, mistake in mistakes.items()}
        values |= checks.mistakes_in_a_mean(right, *one_hot.shape) | {
            "it is not stored; the test set it to 7 before": unset,
            "it is zero": 0 * right,
            "it is added to what was there before": unset + right,
            "it is that of the previous batch": oracle.gradients(self.weights, *self.before)[name],
        }
        found = self.entry(self.model.gradients, "gradients", name)
        first = "" if checks.same(loss, self.loss(p), 1e-5) else " (the loss is wrong, too)"
        self.compare(f"the gradient of {name}{first}", found, right, values, tolerance=1e-5)

    def compare_results(self, mode: str, found) -> None:
        """Compare loss and accuracy, unless mode 'valid' gives the same: other tests check that."""
        valid, right = self.forward("valid"), oracle.loss_and_accuracy(self.weights, self.X, self.y)
        if repr(found) != repr(valid):
            self.compare(f"loss and accuracy in mode {mode!r}", found, right)
            self.compare("loss and accuracy in mode 'valid'", valid, right)

    def test_mode_train(self):
        gradients = self.model.gradients
        self.mark_gradients()
        returned = self.call(self.model, "forward", self.X, self.y)
        found = self.unpack("forward", returned, "loss", "accuracy")
        for name, weight in self.weights.items():
            self.compare(f"{name}, which forward must not change", self.model.weights[name], weight)
            now = self.entry(self.model.gradients, "gradients", name)
            if not np.array_equal(gradients[name], now):
                self.fail("forward replaces the dictionary `gradients`; set its entries instead")
        self.compare_results("train", found)

    def test_other_modes_store_nothing(self):
        for mode in ("valid", "test"):
            marks = self.mark_gradients()
            found = self.forward(mode)
            for name, weight in self.weights.items():
                now = self.model.weights[name]
                self.compare(f"{name} after forward in mode {mode!r}", now, weight)
                mistakes = {f"gradients are stored in mode {mode!r}, too": self.gradient(name)}
                now = self.entry(self.model.gradients, "gradients", name)
                what = f"the gradient of {name} after forward in mode {mode!r} (7 before)"
                self.compare(what, now, marks[name], mistakes, tolerance=1e-5)
            self.compare_results(mode, found)
        self.forward("train")
        if np.array_equal(self.model.gradients["W1"], marks["W1"]):
            self.fail("forward stores no gradient of W1 in mode 'train'")

    def test_initial_weights(self):
        default = [784, 10, 128][: len(self.sizes)]
        for model, sizes in ((self.Model(), default), (self.Model(*self.sizes), self.sizes)):
            stream = np.random.RandomState(1024)
            for name, right in oracle.initial_weights(*sizes).items():
                again = 0.001 * stream.randn(*right.shape) if name.startswith("W") else np.nan
                found = self.entry(model.weights, "weights", name)
                mistakes = {"it continues W1's random stream; seed again with 1024": again}
                self.compare(f"the initial {name}", found, right, mistakes, tolerance=1e-9)
                found = self.entry(model.gradients, "gradients", name)
                self.compare(f"the initial gradient of {name}", found, 0 * right)

    def test_on_mnist(self):
        X, y = checks.mnist_batch(64)
        model = self.Model()
        inside.isolate(model, oracle.CODE)
        weights = oracle.initial_weights(*[784, 10, 128][: len(self.sizes)])
        for name, weight in weights.items():
            model.weights[name] = weight.copy()
        loss, _ = self.unpack("forward", model.forward(X, y), "loss", "accuracy")
        right, _ = oracle.loss_and_accuracy(weights, X, y)
        self.compare("the loss of the first 64 images", loss, right)
        for name, right in oracle.gradients(weights, X, y).items():
            found = np.asarray(self.entry(model.gradients, "gradients", name))
            self.compare(f"the shape of the gradient of {name}", str(found.shape), str(right.shape))
            what = f"the summed deviation of the gradient of {name} (first fix what else fails)"
            # 5e-8 as in the course's own test; the rest allows for float32, or for log(p + 1e-8).
            tolerance = 5e-8 + 2e-8 * np.abs(right).sum()
            self.compare(what, np.abs(found - right).sum(), 0, tolerance=tolerance)


class TestSoftmaxRegression(NetworkTests, checks.ComparisonTest):
    name = "SoftmaxRegression"
    Model = SoftmaxRegression

    def test_loss_and_accuracy(self):
        scores = {
            "the ReLU before the softmax is missing": self.z,
            "the sigmoid is used instead of ReLU": oracle.sigmoid(self.z),
        }
        losses = {text: self.loss(oracle.softmax(z)) for text, z in scores.items()}
        self.compare_loss_and_accuracy(losses)

    def test_gradient_of_W1(self):
        z, d_logits = self.z, (oracle.softmax(self.z) - self.one_hot) / self.N
        missing = "the ReLU before the softmax is missing"
        mistakes = {
            "the derivative of ReLU is missing, or evaluated at p": {"slope": 1},
            "ReLU is used instead of its derivative": {"slope": oracle.ReLU(z)},
            missing: {"d_logits": d_logits, "slope": 1},
            f"{missing}, but not its derivative": {"d_logits": d_logits},
        }
        self.compare_gradient("W1", mistakes)


class TestTwoLayerNet(NetworkTests, checks.ComparisonTest):
    name = "TwoLayerNet"
    Model = TwoLayerNet

    def test_loss_and_accuracy(self):
        def loss_with(**weights) -> float:
            return self.loss(oracle.forward(self.weights | weights, self.X)[2])

        W1, b1, W2, b2 = self.weights.values()
        hidden, scores = oracle.ReLU(self.z), self.hidden @ W2 + b2
        mistakes = {
            "b1 is left out": loss_with(b1=0),
            "b2 is left out": loss_with(b2=0),
            "b1 is added to W1 instead of X W1": loss_with(W1=W1 + b1, b1=0),
            "ReLU is used instead of the sigmoid": self.loss(oracle.softmax(hidden @ W2 + b2)),
            "both biases are left out": loss_with(b1=0, b2=0),
            "the sigmoid is missing": self.loss(oracle.softmax(self.z @ W2 + b2)),
            "expected no ReLU before the softmax": self.loss(oracle.softmax(oracle.ReLU(scores))),
        }
        self.compare_loss_and_accuracy(mistakes)

    def test_gradients_of_output_layer(self):
        for name in ("W2", "b2"):
            self.compare_gradient(name, {})

    def test_gradients_of_hidden_layer(self):
        z, dev = self.z, oracle.sigmoid_dev
        slopes = {
            "the derivative of the sigmoid is missing": 1,
            "the sigmoid is used instead of its derivative": self.hidden,
            "sigmoid_dev is given the hidden units; expected X W1 + b1": dev(self.hidden),
            "the derivative of ReLU is used instead of that of the sigmoid": oracle.ReLU_dev(z),
            "it is z (1 - z), as if z = X W1 + b1 were the sigmoid's value": z * (1 - z),
        }
        for name in ("W1", "b1"):
            self.compare_gradient(name, {text: {"slope": slope} for text, slope in slopes.items()})
