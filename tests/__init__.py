"""The tests: `python -m unittest` in the project's folder runs them all.

What several of them need stands here: MNIST itself, small made-up data in its form, and the
program run as a user runs it.
"""

import functools
import os
import random
import shutil
import signal
import subprocess
import sys
import unittest
import warnings
from pathlib import Path

import numpy as np

import utils

ROOT = Path(__file__).resolve().parent.parent

# A shell starts what it puts into the background with Ctrl-C ignored, and the programs that are
# tested would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@functools.cache
def mnist() -> tuple:
    """Return the training, validation and test images and labels, as arrays not to be written to.

    Where MNIST is missing, the test that asks for it fails with the advice that a user gets.
    """
    try:
        arrays = (*utils.load_mnist_trainval(as_array=True), *utils.load_mnist_test(as_array=True))
    except FileNotFoundError as error:
        raise AssertionError(str(error)) from None
    for array in arrays:
        array.flags.writeable = False
    return arrays


def made_up_images(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (count,) and pixels (count, 784) from 0 to 255 that a network can tell apart.

    The label decides which 70 pixels are bright.
    """
    generator = np.random.default_rng(seed)
    labels = generator.integers(10, size=count)
    pixels = generator.integers(60, size=(count, 784))
    for row, label in zip(pixels, labels):
        row[70 * label : 70 * (label + 1)] += 150
    return labels.astype(np.uint8), pixels.astype(np.uint8)


def csv_lines(labels, pixels) -> list[str]:
    """Return the lines of a CSV file of images, without their ends."""
    return [",".join(map(str, [label, *row])) for label, row in zip(labels, pixels)]


@functools.cache
def made_up_csv(count: int, seed: int) -> str:
    """Return a CSV file of made-up images."""
    return "\n".join(csv_lines(*made_up_images(count, seed))) + "\n"


def write_made_up_data(folder: Path, train: int = 400, test: int = 100) -> None:
    """Write data/mnist_train.csv and data/mnist_test.csv of made-up images into a folder."""
    (folder / "data").mkdir()
    for name, count, seed in (("mnist_train.csv", train, 1), ("mnist_test.csv", test, 2)):
        (folder / "data" / name).write_text(made_up_csv(count, seed))


def start_program(*arguments, cwd: Path, powerless: bool = False, **options) -> subprocess.Popen:
    """Start Python with these arguments in a folder, every warning an error, its output in pipes.

    A powerless program is refused what permissions do not allow, even where root starts it.
    """
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    if powerless and hasattr(os, "geteuid") and os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            raise unittest.SkipTest("as root this needs setpriv, to give up root's privileges")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **options.pop("env", {})}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    text = {"encoding": "utf-8", "errors": "replace"}
    return subprocess.Popen(command, cwd=cwd, env=environment, **{**pipes, **text, **options})


def run_program(*arguments, cwd: Path, **options) -> subprocess.CompletedProcess:
    """Run a program as `start_program` starts it; return what came of it."""
    with start_program(*arguments, cwd=cwd, **options) as process:
        stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def shuffled(count: int, seed) -> list[int]:
    """Return the order that `random` gives a list after `random.seed(seed)`; its state is kept."""
    state = random.getstate()
    random.seed(seed)
    order = list(range(count))
    random.shuffle(order)
    random.setstate(state)
    return order


def warnings_are_errors(case: unittest.TestCase) -> None:
    """Make every warning an error until the end of a test, however the tests were started."""
    catcher = warnings.catch_warnings()
    catcher.__enter__()
    case.addCleanup(catcher.__exit__, None, None, None)
    warnings.simplefilter("error")
