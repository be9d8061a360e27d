"""How the tests of the handout's five parts compare values.

`ComparisonTest.compare` compares a value with the right one. If they differ, its message shows both
and names the typical mistakes that give the value found.

The environment variable TEST_SEED, any text, seeds all random data.
"""

import itertools
import os
import reprlib
import unittest
import warnings
from pathlib import Path

import numpy as np

from tests import inside, oracle

__unittest = True  # so that a traceback ends in the test, not in this file


def generator_for(data: str) -> np.random.Generator:
    """Return a random generator, seeded with TEST_SEED and the name of the data."""
    seed = os.environ.get("TEST_SEED", "0")
    return np.random.default_rng([*f"{seed} {data}".encode()])


def draw_sizes(generator: np.random.Generator, count: int) -> list[int]:
    """Return sizes that differ from each other and from MNIST's 10 classes."""
    return generator.choice([5, 6, 7, 8, 9, 11, 12, 13], size=count, replace=False).tolist()


def mnist_batch(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Return the first training images (count, 784) of MNIST, scaled, and their labels."""
    if not Path("data/mnist_train.csv").exists():
        raise AssertionError(
            "data/mnist_train.csv is missing; make it with: "
            "sh data/get_data.sh (Windows: data\\get_data.bat)"
        )
    with open("data/mnist_train.csv") as file:
        rows = np.loadtxt(itertools.islice(file, count), delimiter=",")
    return rows[:, 1:] / 255, rows[:, 0].astype(int)


def draw_weights(generator: np.random.Generator, model, *sizes: int) -> dict[str, np.ndarray]:
    """Give a network random weights of ordinary size; return copies. `sizes`: D, C, perhaps H."""
    weights = {}
    for name, shape in oracle.shapes(*sizes).items():
        weights[name] = generator.normal(scale=1.5 / shape[0] ** 0.5, size=shape)
        model.weights[name] = weights[name].copy()
    return weights


def mistakes_in_a_mean(right, N: int, C: int) -> dict:
    """Return the values that wrong divisors give in place of the right mean over N images."""
    return {
        "it is not divided by the number of images": N * right,
        "it is divided by the number of images twice; does a mean do it already?": right / N,
        "it is divided by the number of classes, not of images": right * N / C,
        "it is divided by N * C, not by the number of images N": right / C,
    }


class ComparisonTest(unittest.TestCase):
    """A test case that compares values and names mistakes."""

    longMessage = False

    def run(self, result=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a correct solution may warn of an overflow in exp
            return super().run(result)

    def compare(self, what: str, found, expected, mistakes=None, tolerance: float = 1e-6) -> None:
        """Fail unless `found` equals `expected`, which is a string, a number or an array.

        Numbers may deviate by `tolerance`, relative and absolute. The message begins with `what`
        and names each mistake that gives the value found; `mistakes` maps names to such values.
        """
        if found is None:
            self.fail(f"{what}: found None; is a `return` missing?")
        mistakes = mistakes or {}
        if not isinstance(expected, str):
            expected = np.asarray(expected, dtype=float)
            mistakes = {"it has the wrong sign": -expected} | mistakes
            try:
                found = np.add(found, 0.0).astype(float)  # an error for text, even "1.5"
            except (TypeError, ValueError):
                self.fail(f"{what}: found {reprlib.repr(found)}; expected numbers")
        if same(found, expected, tolerance):
            return
        near = min(tolerance, 1e-5)  # a named mistake must fit closely even in a tolerant test
        names = [text for text, value in mistakes.items() if same(found, value, near, scaled=True)]
        words = [how_it_differs(found, expected, near), ", or ".join(names)]
        words = "; ".join(filter(None, words)) or "wrong"
        self.fail(f"{what}: {words}\n{difference(found, expected, tolerance)}")

    def unpack(self, function: str, returned, *names: str):
        """Return what a function returned; fail unless it is as many values as names."""
        if isinstance(returned, (tuple, list, np.ndarray)) and len(returned) == len(names):
            return returned
        kind = f"a {type(returned).__name__}"
        kind = "None (is a `return` missing?)" if returned is None else kind
        size = f" of {len(returned)}" if isinstance(returned, (tuple, list)) else ""
        self.fail(f"{function} returns {kind}{size}; expected the values {', '.join(names)}")

    def call(self, owner, function: str, *arguments):
        """Call a function with copies of these arguments; fail if it changes one."""
        returned, afterwards = inside.call(getattr(owner, function), arguments)
        for before, after in zip(arguments, afterwards):
            if not np.array_equal(before, after):
                self.fail(f"{function} changes its argument; change a copy, or make a new array")
        return returned

    def entry(self, dictionary, name: str, key: str):
        """Return an entry of a model's dictionary, or fail if it has no such key."""
        if key not in dictionary:
            self.fail(f"{name} has no key {key!r}; it has {', '.join(sorted(dictionary))}")
        return dictionary[key]


def same(found, expected, tolerance: float, scaled: bool = False) -> bool:
    """Tell whether two values agree, if `scaled` by a tolerance relative to a small `expected`."""
    if isinstance(found, str) or isinstance(expected, str):
        return isinstance(found, str) and found == expected
    size = min(1, np.max(np.abs(expected), initial=0)) if scaled else 1
    return np.shape(found) == np.shape(expected) and np.allclose(
        found, expected, rtol=tolerance, atol=tolerance * size, equal_nan=True
    )


def how_it_differs(found, expected, tolerance: float) -> str:
    """Describe a multiple of the right values, or the right values in another order."""
    if isinstance(expected, str) or found.shape != expected.shape or found.size < 2:
        return ""
    factor = np.vdot(expected, found) / (np.vdot(expected, expected) or np.nan)
    if abs(factor) > 1e-6 and same(found, factor * expected, tolerance, scaled=True):
        return f"{factor:.4g} times the right value"
    is_reordered = same(np.sort(found, axis=0), np.sort(expected, axis=0), tolerance)
    return "the right values in another order" if is_reordered else ""


def difference(found, expected, tolerance: float) -> str:
    """Describe both values, or their shapes; of large arrays, the first entry that differs."""
    found, expected = np.asarray(found), np.asarray(expected)
    place = deviation = ""
    if found.shape != expected.shape:
        shapes = [each.shape or "of a number" for each in (found, expected)]
        return "found the shape {}, expected {}".format(*shapes)
    if found.size > 8:
        close = np.isclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
        index = tuple(np.argwhere(~close)[0].tolist())
        found, expected, place = found[index], expected[index], f" at {list(index)}"
    options = {"separator": ", ", "formatter": {"float": "{:.6g}".format, "numpystr": str}}
    texts = [np.array2string(np.asarray(each), **options) for each in (found, expected)]
    if texts[0] == texts[1]:
        deviation = f": off by {np.abs(found - expected).max():.1e}"
    return f"found {texts[0]}{place}, expected {texts[1]}{deviation}".replace("\n", "")
