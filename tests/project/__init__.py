"""Tests of the rest of the project; here are their shared helpers."""

import subprocess
import sys
from pathlib import Path

from tests import made_up_images, write_csv


def write_made_up_data(folder: Path, train: int = 400, test: int = 100) -> None:
    """Write data/mnist_train.csv and data/mnist_test.csv of made-up images into a folder."""
    for name, count, seed in (("mnist_train.csv", train, 1), ("mnist_test.csv", test, 2)):
        write_csv(folder / "data" / name, *made_up_images(count, seed))


def run_program(*arguments, **options) -> subprocess.CompletedProcess:
    """Run Python with these arguments, with warnings as errors, for a minute at most."""
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    options |= {"capture_output": True, "encoding": "utf-8", "timeout": 60}
    return subprocess.run(command, check=False, **options)
