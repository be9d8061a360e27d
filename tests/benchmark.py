"""Print how long the program takes, and how that grows.

    python -m tests.benchmark

takes about two minutes and needs MNIST in ./data. An epoch is one of `main.run`:
shuffle, batch, train, validate. It is compared with its matrix products with W1 alone, which are
nearly all of the arithmetic. The two are timed in turn, so that a slow moment of the machine
affects both. Seconds and ratios are medians over the epochs.
"""

import dataclasses
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

import main
import utils
from tests import ROOT

TWO_LAYER = main.Config("TwoLayerNet", 64, 0.1, 0.001, epochs=1, hidden_size=128)


def print_tables() -> None:
    """Print all tables, row by row as they are measured."""
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, {os.cpu_count()} cores, "
        f"OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}"
    )
    print_row("\nmain.py as a whole", "seconds", "peak MB")
    for name in ("config_twolayer", "config_softmax"):
        print_row(name, *run_program(ROOT / "configs" / f"{name}.yaml"))

    print_row("\nmnist_train.csv", "seconds")
    for form, arguments in (("lists", (False,)), ("arrays", (True,)), ("bytes", (True, np.uint8))):
        print_row(f"load_mnist_trainval, {form}", seconds(utils.load_mnist_trainval, *arguments))

    data = main.load_data()
    print_row("\nan epoch", "seconds", "ratio")
    for kind in ("TwoLayerNet", "SoftmaxRegression"):
        for dtype in ("float64", "float32"):
            config = dataclasses.replace(TWO_LAYER, type=kind, dtype=dtype)
            print_row(f"{kind}, {dtype}", *measure(config, data))

    data = main.Data(*[(images[:6_000], labels[:6_000]) for images, labels in data])
    for key, values in (
        ("hidden_size", (32, 64, 128, 256, 512, 1024, 2048)),
        ("batch_size", (1, 8, 64, 512, 4096)),
    ):
        print_row(f"\n6,000 images, {key}", "seconds", "ratio")
        for value in values:
            print_row(str(value), *measure(dataclasses.replace(TWO_LAYER, **{key: value}), data))


def print_row(title: str, *cells: str | float) -> None:
    """Print a row of a table, numbers to three digits."""
    texts = [cell if isinstance(cell, str) else f"{cell:.3g}" for cell in cells]
    print(f"{title:36}" + "".join(f"{text:>12}" for text in texts), flush=True)


def seconds(work: Callable, *arguments) -> float:
    """Return how many seconds a call takes."""
    started = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - started


def run_program(config: Path) -> tuple[float, float]:
    """Return the seconds and the peak memory in MB of `main.py` with a config."""
    report_peak = (
        "import main, resource, sys\n"
        "main.main(sys.argv[1:])\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(peak / (1e6 if sys.platform == 'darwin' else 1e3))"
    )
    command = [sys.executable, "-c", report_peak, "--config", str(config)]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").symlink_to(Path("data").resolve())
        started = time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        printed = subprocess.check_output(command, cwd=folder, env=environment, text=True)
        return time.perf_counter() - started, float(printed.split()[-1])


def measure(config: main.Config, data: main.Data, epochs: int = 5) -> tuple[float, float]:
    """Return the median seconds of an epoch, and of its ratio to its matrix products."""
    multiply = matrix_products(config, data)
    times, ratios = [], []
    started = time.perf_counter()

    def after_epoch(model) -> None:
        nonlocal started
        times.append(time.perf_counter() - started)
        ratios.append(times[-1] / seconds(multiply))
        started = time.perf_counter()

    main.run(dataclasses.replace(config, epochs=1 + epochs), data, after_epoch=after_epoch)
    return median(times[1:]), median(ratios[1:])  # the first epoch warms up


def matrix_products(config: main.Config, data: main.Data) -> Callable[[], None]:
    """Return a function that computes X @ W1 and X.T @ D for each batch of an epoch."""
    W1 = main.build_model(config).weights["W1"]  # (784, H)
    train, valid = (np.divide(images, 255, dtype=W1.dtype) for images, _ in data[:2])
    D = np.ones((config.batch_size, W1.shape[1]), W1.dtype)

    def multiply() -> None:
        for start in range(0, len(train), config.batch_size):
            X = train[start : start + config.batch_size]
            X @ W1
            X.T @ D[: len(X)]
        for start in range(0, len(valid), 500):
            valid[start : start + 500] @ W1

    return multiply


if __name__ == "__main__":
    print_tables()
