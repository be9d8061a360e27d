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

    def compare_function(self, name: str, x, mistakes: dict | None = None) -> None:
        network, expected = _baseNetwork(), getattr(oracle, name)(x)
        if name == "sigmoid_dev":
            inside.isolate(network, inspect.getsource(oracle.sigmoid))
        self.compare(f"{name}(x)", self.call(network, name, x), expected, mistakes)

    def test_sigmoid(self):
        mistakes = {
            "the minus sign in exp(-x) is missing": oracle.sigmoid(-self.x),
            "1 / 1 + exp(-x) lacks brackets around the sum": 1 + np.exp(-self.x),
            "it is the derivative": oracle.sigmoid_dev(self.x),
        }
        self.compare_function("sigmoid", self.x, mistakes)
        small = 1 / (1 + math.exp(13))
        found = _baseNetwork().sigmoid(np.array([[-800.0, -13.0, 13.0, 800.0]]))
        self.compare("sigmoid of -800, -13, 13, 800", found, [[0, small, 1 - small, 1]])

    def test_sigmoid_dev(self):
        x, s = self.x, oracle.sigmoid(self.x)
        mistakes = {
            "it is x (1 - x), as if x were already sigmoid(x)": x * (1 - x),
            "it is the derivative at sigmoid(x) instead of x": oracle.sigmoid_dev(s),
            "it is the sigmoid itself": s,
        }
        self.compare_function("sigmoid_dev", x, mistakes)

    def test_relu(self):
        self.compare_function("ReLU", 100 * self.x, {"it is the derivative": self.x > 0})

    def test_relu_dev(self):
        self.compare_function("ReLU_dev", self.x, {"it is ReLU itself": oracle.ReLU(self.x)})
        found = _baseNetwork().ReLU_dev(np.array([[-1.0, 0.0, 1.0]]))
        self.compare("ReLU_dev of -1, 0, 1 (0 at 0, as its docstring says)", found, [[0, 0, 1]])
