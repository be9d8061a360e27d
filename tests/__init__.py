"""The tests: `python -m unittest` in the project's folder runs them all.

Here is what they share: made-up data in MNIST's form, and a folder to work in.
"""

import os
import random
import unittest
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as main.py does, before NumPy is imported
os.environ["MPLBACKEND"] = "agg"  # no window, and no notebook backend

import numpy as np

from tests import inside

ROOT = Path(__file__).resolve().parent.parent


def made_up_images(count: int, seed=0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (count,) and pixels (count, 784) from 0 to 255 that a network can learn.

    The label decides which 70 pixels are bright. `seed` may be a generator.
    """
    generator = np.random.default_rng(seed)
    labels = generator.integers(10, size=count)
    pixels = generator.integers(60, size=(count, 784))
    for row, label in zip(pixels, labels):
        row[70 * label : 70 * (label + 1)] += 150
    return labels.astype(np.uint8), pixels.astype(np.uint8)


def csv_lines(labels, pixels) -> list[str]:
    """Return the lines of a CSV file of images, without line ends."""
    return [",".join(map(str, row)) for row in np.column_stack([labels, pixels]).tolist()]


def write_csv(file: Path, labels, pixels) -> None:
    """Write a CSV file of images, and make its folder if needed."""
    file = inside.Path(str(file))  # in the solution's process
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(csv_lines(labels, pixels)) + "\n")


def shuffled(count: int, seed: int) -> list[int]:
    """Return the order that `random.seed(seed)` and `random.shuffle` give a list."""
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return order


class InFolder(unittest.TestCase):
    """A test case whose tests each work in an empty folder of their own, `self.folder`."""

    def setUp(self):
        self.folder = Path(inside.tempfile.mkdtemp())
        self.addCleanup(inside.shutil.rmtree, str(self.folder), ignore_errors=True)
        self.addCleanup(inside.os.chdir, inside.os.getcwd())
        inside.os.chdir(str(self.folder))
