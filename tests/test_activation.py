"""Sigmoid, ReLU and their derivatives (handout 2.1 a)."""

import inspect
import math

import numpy as np

from models._base_network import _baseNetwork
from tests import inside, oracle
from tests.checks import ComparisonTest, draw_sizes, generator_for


class TestActivation(ComparisonTest):
    def setUp(self):
        generator = generator_for("activations")
        self.x = generator.normal(scale=2, size=draw_sizes(generator, 2))

    def compare_function(self, name: str, x, expected, mistakes: dict) -> None:
        network = _baseNetwork()
        if name == "sigmoid_dev":
            inside.isolate(network, inspect.getsource(oracle.sigmoid))
        self.compare(f"{name}(x)", self.call(network, name, x), expected, mistakes)

    def test_sigmoid(self):
        x, s = self.x, oracle.sigmoid(self.x)
        mistakes = {
            "the minus sign in exp(-x) is missing": 1 - s,
            "1 / 1 + exp(-x) lacks brackets around the sum": 1 + np.exp(-x),
            "it is the derivative": s * (1 - s),
            "it is tanh": np.tanh(x),
        }
        self.compare_function("sigmoid", x, s, mistakes)
        x = np.array([[-800.0, -13.0, 13.0, 800.0]])
        small = 1 / (1 + math.exp(13))
        mistakes = {"exp(x) / (1 + exp(x)) is inf / inf": [[0, small, 1 - small, math.nan]]}
        found = _baseNetwork().sigmoid(x)
        self.compare("sigmoid of -800, -13, 13, 800", found, [[0, small, 1 - small, 1]], mistakes)

    def test_sigmoid_dev(self):
        x, s = self.x, oracle.sigmoid(self.x)
        mistakes = {
            "it is x (1 - x), as if x were already sigmoid(x)": x * (1 - x),
            "it is the derivative at sigmoid(x) instead of x": oracle.sigmoid_dev(s),
            "it is the sigmoid itself": s,
            "the factor sigmoid(x) is missing": 1 - s,
        }
        self.compare_function("sigmoid_dev", x, oracle.sigmoid_dev(x), mistakes)

    def test_relu(self):
        x = 100 * self.x
        mistakes = {
            "it is min(0, x)": np.minimum(x, 0),
            "it is |x|": np.abs(x),
            "it is the derivative": x > 0,
            "it is x": x,
        }
        self.compare_function("ReLU", x, oracle.ReLU(x), mistakes)

    def test_relu_dev(self):
        x = self.x
        mistakes = {"it is ReLU itself": oracle.ReLU(x), "it is 1 where x < 0": x < 0}
        self.compare_function("ReLU_dev", x, oracle.ReLU_dev(x), mistakes)
        found = _baseNetwork().ReLU_dev(np.array([[-1.0, 0.0, 1.0]]))
        self.compare("ReLU_dev of -1, 0, 1 (0 at 0, as its docstring says)", found, [[0, 0, 1]])
