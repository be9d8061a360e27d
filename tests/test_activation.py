"""Sigmoid, ReLU and their derivatives (handout 2.1 a)."""

import math
import unittest

import numpy as np

from models._base_network import _baseNetwork
from tests import oracle
from tests.checks import ComparisonTest, draw_sizes, generator_for


class TestActivation(ComparisonTest):
    def setUp(self):
        self.network = _baseNetwork()
        generator = generator_for("activations")
        self.x = generator.normal(scale=2, size=draw_sizes(generator, 2))
        self.sigmoid = oracle.sigmoid(self.x)

    def test_sigmoid(self):
        self.compare(
            "sigmoid(X)",
            self.call(self.network, "sigmoid", self.x),
            [[1 / (1 + math.exp(-x)) for x in row] for row in self.x],
            {
                "the minus sign in exp(-x) is missing": 1 - self.sigmoid,
                "1 / 1 + exp(-x) lacks brackets around the sum": 1 + np.exp(-self.x),
                "it is the derivative": self.sigmoid * (1 - self.sigmoid),
                "it is tanh": np.tanh(self.x),
            },
        )

    def test_sigmoid_far_from_0(self):
        self.compare(
            "sigmoid of -800, -13, 13 and 800",
            self.network.sigmoid(np.array([[-800.0, -13.0, 13.0, 800.0]])),  # exp(800) is inf
            [[0, 1 / (1 + math.exp(13)), 1 / (1 + math.exp(-13)), 1]],
            {
                "exp(x) / (1 + exp(x)) is inf / inf": [
                    [0, 1 / (1 + math.exp(13)), 1 / (1 + math.exp(-13)), math.nan]
                ]
            },
        )

    def test_sigmoid_dev(self):
        s, h = self.sigmoid, 1e-6
        s_of_s = oracle.sigmoid(s)
        self.compare(
            "sigmoid_dev(x)",
            self.call(self.network, "sigmoid_dev", self.x),
            (oracle.sigmoid(self.x + h) - oracle.sigmoid(self.x - h)) / (2 * h),
            {
                "it is x (1 - x), as if x were already sigmoid(x)": self.x * (1 - self.x),
                "it is the derivative at sigmoid(x) instead of x": s_of_s * (1 - s_of_s),
                "it is the sigmoid itself": s,
                "the factor sigmoid(x) is missing": 1 - s,
            },
        )

    def test_relu(self):
        self.compare(
            "ReLU(X)",
            self.call(self.network, "ReLU", self.x),
            [[max(0.0, x) for x in row] for row in self.x.tolist()],
            {
                "it is min(0, x)": np.minimum(self.x, 0),
                "it is |x|": np.abs(self.x),
                "it is the derivative": self.x > 0,
                "it is x, unchanged": self.x,
            },
        )

    def test_relu_dev(self):
        self.compare(
            "ReLU_dev(X)",
            self.call(self.network, "ReLU_dev", self.x),
            [[float(x > 0) for x in row] for row in self.x],
            {
                "it is ReLU itself": np.maximum(self.x, 0),
                "it is 1 where x < 0": self.x < 0,
                "it is the sign of x": np.sign(self.x),
            },
        )

    def test_relu_dev_at_0(self):
        self.compare(
            "ReLU_dev of -1, 0 and 1",
            self.network.ReLU_dev(np.array([[-1.0, 0.0, 1.0]])),
            [[0, 0, 1]],
            {
                "it is 1 at 0; the skeleton takes 0": [[0, 1, 1]],
                "it is 1/2 at 0; the skeleton takes 0": [[0, 0.5, 1]],
            },
        )


if __name__ == "__main__":
    unittest.main()
