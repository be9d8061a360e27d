"""Sigmoid, ReLU and their derivatives (handout 2.1 a)."""

import math
import unittest

import numpy as np

from models._base_network import _baseNetwork
from tests.checks import ComparisonTest, generator_for


class TestActivation(ComparisonTest):
    def setUp(self):
        self.network = _baseNetwork()
        generator = generator_for("activations")
        self.x = generator.normal(scale=2, size=generator.integers(3, 9, size=2))
        # Each value once more, computed by `math`.
        self.sigmoid = np.array([[1 / (1 + math.exp(-x)) for x in row] for row in self.x])

    def test_sigmoid(self):
        self.compare(
            "sigmoid(X)",
            self.network.sigmoid(self.x.copy()),
            self.sigmoid,
            {
                "the sign in exp(-x) is missing": 1 - self.sigmoid,
                "it is the derivative": self.sigmoid * (1 - self.sigmoid),
                "it is tanh": np.tanh(self.x),
            },
        )

    def test_sigmoid_far_from_0(self):
        found = self.network.sigmoid(np.array([[-800.0, 800.0]]))  # exp(800) is inf
        self.compare(
            "sigmoid of -800 and 800",
            found,
            [[0, 1]],
            {"exp(x) / (1 + exp(x)) is inf / inf": [[0, math.nan]]},
        )

    def test_sigmoid_dev(self):
        s = self.sigmoid
        step = 1e-6
        slope = (1 / (1 + np.exp(-self.x - step)) - 1 / (1 + np.exp(-self.x + step))) / (2 * step)
        s_of_s = 1 / (1 + np.exp(-s))
        self.compare(
            "sigmoid_dev(x)",
            self.network.sigmoid_dev(self.x.copy()),
            slope,
            {
                "it is x (1 - x), as if x were the sigmoid's value already": self.x * (1 - self.x),
                "it is the derivative at sigmoid(x) instead of x": s_of_s * (1 - s_of_s),
                "it is the sigmoid itself": s,
                "a factor sigmoid(x) is missing": 1 - s,
            },
            tolerance=1e-8,
        )

    def test_relu(self):
        expected = [[max(0.0, x) for x in row] for row in self.x.tolist()]
        self.compare(
            "ReLU(X)",
            self.network.ReLU(self.x.copy()),
            expected,
            {
                "it is min(0, x)": np.minimum(self.x, 0),
                "it is |x|": np.abs(self.x),
                "it is the derivative": self.x > 0,
            },
        )

    def test_relu_dev(self):
        self.compare(
            "ReLU_dev(X)",
            self.network.ReLU_dev(self.x.copy()),
            [[float(x > 0) for x in row] for row in self.x],
            {
                "it is ReLU itself": np.maximum(self.x, 0),
                "it is 1 where x < 0": self.x < 0,
            },
        )

    def test_relu_dev_at_0(self):
        self.compare(
            "ReLU_dev of -1, 0 and 1",
            self.network.ReLU_dev(np.array([[-1.0, 0.0, 1.0]])),
            [[0, 0, 1]],
            {"it is 1 at 0, where the handout's convention is 0": [[0, 1, 1]]},
        )


if __name__ == "__main__":
    unittest.main()
