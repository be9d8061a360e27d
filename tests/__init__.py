"""The tests: `python -m unittest` in the project's folder runs them all.

Here is what several of them share: made-up data in MNIST's form, a folder to work in, and a program
run as a user runs it.
"""

import os
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as main.py does, before NumPy is imported

import numpy as np

ROOT = Path(__file__).resolve().parent.parent


def made_up_images(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (count,) and pixels (count, 784) from 0 to 255 that a network can learn.

    The label decides which 70 pixels are bright.
    """
    generator = np.random.default_rng(seed)
    labels = generator.integers(10, size=count)
    pixels = generator.integers(60, size=(count, 784))
    for row, label in zip(pixels, labels):
        row[70 * label : 70 * (label + 1)] += 150
    return labels.astype(np.uint8), pixels.astype(np.uint8)


def csv_lines(labels, pixels) -> list[str]:
    """Return the lines of a CSV file of images, without line ends."""
    return [",".join(map(str, [label, *row])) for label, row in zip(labels, pixels)]


def write_made_up_data(folder: Path, train: int = 400, test: int = 100) -> None:
    """Write data/mnist_train.csv and data/mnist_test.csv of made-up images into a folder."""
    (folder / "data").mkdir()
    for name, count, seed in (("mnist_train.csv", train, 1), ("mnist_test.csv", test, 2)):
        lines = csv_lines(*made_up_images(count, seed))
        (folder / "data" / name).write_text("\n".join(lines) + "\n")


def shuffled(count: int, seed: int) -> list[int]:
    """Return the order that `random.seed(seed)` and `random.shuffle` give a list."""
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return order


class InFolder(unittest.TestCase):
    """A test case whose tests each work in an empty folder of their own, `self.folder`."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        self.folder = Path(folder.name)


def run_program(*arguments, cwd: Path | None = None, **options) -> subprocess.CompletedProcess:
    """Run Python with these arguments, every warning an error, for a minute at most."""
    return subprocess.run(
        [sys.executable, "-W", "error", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        **options,
    )
