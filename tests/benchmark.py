"""How long the work takes, against what it takes at least, and how that grows.

    python -m tests.benchmark

prints tables and asserts nothing; `python -m unittest` does not run it. It needs MNIST in ./data
and takes about two minutes on two cores.

An epoch is what `main.run` does in one: shuffle, batch, train, validate. It is held against its
matrix products alone, X @ W1 and X.T @ D for each training batch and X @ W1 for each validation
batch: nearly all of the arithmetic, which NumPy leaves to its BLAS library. The two are done in
turn, so that a slow moment of the machine meets both: seconds are medians over the turns, a ratio
is the median of the ratios within the turns. Where PyTorch is installed, the same epoch is done
there, too, with batches that are indexed as ours are, and with batches from its DataLoader. How an
epoch grows, and what threads bring, is told from the fastest of a few epochs.
"""

import dataclasses
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import yaml

import main
import utils

ROOT = Path(__file__).resolve().parent.parent
# Where the BLAS libraries that NumPy comes with look for their number of threads.
BLAS_THREADS = (
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "OMP_NUM_THREADS",
)
BUDGET = 1.0  # seconds of epochs to measure for a row of growth, at least one epoch and at most 50
TWO_LAYER = main.Config("TwoLayerNet", batch_size=64, learning_rate=0.1, reg=0.001, epochs=1)
SOFTMAX = dataclasses.replace(TWO_LAYER, type="SoftmaxRegression")


def print_tables() -> None:
    """Print all tables, line by line as they are measured."""
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, {os.cpu_count()} cores, "
        f"BLAS threads: {blas_threads() or 'as many'}"
    )
    print_runs()
    print_loading()
    data = main.load_data()
    print_epochs(data)
    print_growth(data)
    print_threads()


# Measuring


def seconds(work: Callable[[], object]) -> float:
    """Return how long a function takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def epochs_in_turn(
    config: main.Config, data: main.Data, turns: int, *others: Callable[[], object]
) -> list[tuple[float, ...]]:
    """Return, for each turn, the seconds of an epoch of a run, then of each other function."""
    results = []
    started = None

    def log(line: str) -> None:  # `run` calls it before the first epoch and after each
        nonlocal started
        now = time.perf_counter()
        if started is not None and len(results) <= turns:
            results.append((now - started, *map(seconds, others)))
        started = time.perf_counter()

    main.run(dataclasses.replace(config, epochs=turns + 1), data, log)
    return results[1:]  # the first epoch warms up


def middle(turns: list[tuple[float, ...]], work: int, other: int | None = None) -> float:
    """Return the median seconds of a work, or of its ratio to another one."""
    return median(turn[work] / (1 if other is None else turn[other]) for turn in turns)


def blas_threads() -> int | None:
    """Return the number of threads that the environment asks for, if it does."""
    values = (os.environ.get(name, "") for name in BLAS_THREADS)
    return next((int(value) for value in values if value.isdecimal()), None)


def python(code: str, folder: Path = Path(), threads: int | None = None) -> str:
    """Return what Python code prints on standard output, in a process of its own."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path}
    if threads is not None:
        environment |= dict.fromkeys(BLAS_THREADS, str(threads))
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


# What is compared


def slices(array, size: int) -> Iterator:
    """Yield an array in slices."""
    return (array[start : start + size] for start in range(0, len(array), size))


def floats(images: np.ndarray, config: main.Config) -> np.ndarray:
    """Return all images as a run sees them in its batches."""
    return np.divide(images, 255, dtype=config.dtype)


def matrix_products(config: main.Config, data: main.Data) -> Callable[[], None]:
    """Return a function that does the matrix products of an epoch and nothing else."""
    W1 = main.build_model(config).weights["W1"]  # (784, H)
    product = np.empty((config.batch_size, W1.shape[1]), W1.dtype)
    D, gradient = np.ones_like(product), np.empty_like(W1)
    valid_product = np.empty((main.EVALUATION_BATCH_SIZE, W1.shape[1]), W1.dtype)
    train_images, valid_images = floats(data.train[0], config), floats(data.valid[0], config)

    def multiply() -> None:
        for X in slices(train_images, config.batch_size):
            np.matmul(X, W1, out=product[: len(X)])
            np.matmul(X.T, D[: len(X)], out=gradient)
        for X in slices(valid_images, main.EVALUATION_BATCH_SIZE):
            np.matmul(X, W1, out=valid_product[: len(X)])

    return multiply


def pytorch_epoch(config: main.Config, data: main.Data, loader: bool) -> Callable[[], None]:
    """Return a function that does an epoch in PyTorch, with its DataLoader or by indexing."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    if blas_threads():
        torch.set_num_threads(blas_threads())
    if config.type == "TwoLayerNet":
        hidden = config.hidden_size
        model = nn.Sequential(nn.Linear(784, hidden), nn.Sigmoid(), nn.Linear(hidden, 10))
    else:
        model = nn.Sequential(nn.Linear(784, 10, bias=False), nn.ReLU())
    model.to(getattr(torch, config.dtype))
    matrices = [weight for weight in model.parameters() if weight.ndim == 2]
    biases = [weight for weight in model.parameters() if weight.ndim == 1]
    optimizer = torch.optim.SGD(
        [{"params": matrices, "weight_decay": config.reg}, {"params": biases}], config.learning_rate
    )
    train, valid = (
        TensorDataset(torch.from_numpy(floats(images, config)), torch.from_numpy(labels))
        for images, labels in data[:2]
    )

    def batches(dataset, shuffle: bool) -> Iterator:
        size = config.batch_size if shuffle else main.EVALUATION_BATCH_SIZE
        if loader:
            return iter(DataLoader(dataset, size, shuffle))
        images, labels = dataset.tensors
        if shuffle:
            order = torch.randperm(len(images))
            return ((images[rows], labels[rows]) for rows in order.split(size))
        return zip(images.split(size), labels.split(size))

    def forward(X, y):
        logits = model(X)
        loss = nn.functional.cross_entropy(logits, y)
        return loss, loss.item(), (logits.argmax(1) == y).sum().item()

    def epoch() -> None:
        for X, y in batches(train, shuffle=True):
            loss, *_ = forward(X, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            for X, y in batches(valid, shuffle=False):
                forward(X, y)

    epoch()  # warms up
    return epoch


# The tables


def print_row(title: str, *cells: str | float) -> None:
    """Print a row of a table: its title, then columns, numbers to three digits."""
    texts = (cell if isinstance(cell, str) else f"{cell:.3g}" for cell in cells)
    print(f"{title:36}" + "".join(f"{text:>11}" for text in texts), flush=True)


def print_heading(title: str, *columns: str) -> None:
    """Print the first row of a table."""
    print()
    print_row(title, *columns)


RUN_AND_PEAK = """
import contextlib, io, resource, sys, main
with contextlib.redirect_stderr(io.StringIO()):
    main.main(["--config", "config.yaml"])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, elsewhere KiB
print(peak if sys.platform == "darwin" else 1024 * peak)
"""


def print_runs() -> None:
    """Print the seconds and the peak memory of whole runs of main.py."""
    if importlib.util.find_spec("resource") is None:
        return  # Windows does not tell
    # Before all else, because a process counts the memory of the one that it was made from.
    print_heading("main.py as a whole process", "seconds", "MB at most")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").symlink_to(Path("data").resolve())
        for title, changes in (
            ("a mistake in the config", {"type": "ThreeLayerNet"}),
            ("config_twolayer.yaml", {}),
            ("config_twolayer.yaml in float32", {"dtype": "float32"}),
        ):
            config = yaml.safe_load((ROOT / "configs" / "config_twolayer.yaml").read_text())
            config["Model"] |= changes
            (folder / "config.yaml").write_text(yaml.dump(config))
            started = time.perf_counter()
            peak = int(python(RUN_AND_PEAK, folder).splitlines()[-1])
            print_row(title, time.perf_counter() - started, peak / 1e6)


def print_loading() -> None:
    """Print the seconds of loading the training images."""
    works = {
        "numpy.loadtxt into uint8": lambda: np.loadtxt(utils.TRAIN_CSV, np.uint8, delimiter=","),
        "load_csv, arrays of bytes": lambda: utils.load_csv(utils.TRAIN_CSV, True, np.uint8),
        "load_csv, arrays": lambda: utils.load_csv(utils.TRAIN_CSV, as_array=True),
        "load_csv, nested lists": lambda: utils.load_csv(utils.TRAIN_CSV),
    }
    turns = [tuple(map(seconds, works.values())) for _ in range(3)]
    least = [min(work) for work in zip(*turns)]
    print_heading("loading " + utils.TRAIN_CSV, "seconds", "ratio", "of minima")
    for n, title in enumerate(works):
        print_row(title, middle(turns, n), middle(turns, n, 0), least[n] / least[0])


def print_epochs(data: main.Data) -> None:
    """Print the seconds of epochs of both models, and how many times as long PyTorch takes."""
    pytorch = importlib.util.find_spec("torch") is not None
    columns = ["seconds", "products", "ratio", "of minima"]
    columns += ["PyTorch", "ratio", "DataLoader", "ratio"] * pytorch
    print_heading(f"epoch of {len(data.train[0]):,} images", *columns)
    for model in (TWO_LAYER, SOFTMAX):
        for dtype in ("float64", "float32"):
            config = dataclasses.replace(model, dtype=dtype)
            turns = epochs_in_turn(config, data, 5, matrix_products(config, data))
            least = [min(work) for work in zip(*turns)]
            cells = [middle(turns, 0), middle(turns, 1), middle(turns, 0, 1), least[0] / least[1]]
            for loader in (False, True) if pytorch else ():
                # Not in turn: PyTorch's threads and those of NumPy's BLAS would wait for each other.
                work = pytorch_epoch(config, data, loader)
                theirs = median(seconds(work) for _ in range(3))
                cells += [theirs, theirs / cells[0]]
            print_row(f"{config.type}, {dtype}", *cells)


def print_growth(data: main.Data) -> None:
    """Print the seconds of an epoch of the two-layer network against each of three sizes."""
    for title, key, values, images in (
        ("hidden size (6,000 images)", "hidden_size", (32, 128, 512, 2048), 6_000),
        ("batch size (6,000 images)", "batch_size", (1, 8, 64, 512, 4096), 6_000),
        ("number of images", None, (1_000, 4_000, 16_000, 48_000), None),
    ):
        print_heading(title, "seconds", "products", "ratio", "us/image")
        for value in values:
            config = dataclasses.replace(TWO_LAYER, **({key: value} if key else {}))
            part = first(images or value, data)
            work = matrix_products(config, part)
            # One after the other, because in turn they would spoil each other's short epochs.
            turns = max(1, min(50, int(BUDGET / epochs_in_turn(config, part, 1)[0][0])))
            epoch = min(turn[0] for turn in epochs_in_turn(config, part, turns))
            products = min(seconds(work) for _ in range(turns + 1))
            per_image = 1e6 * epoch / len(part.train[0])
            print_row(f"{value:,}", epoch, products, epoch / products, per_image)


def first(images: int, data: main.Data) -> main.Data:
    """Return the first images of the data, a quarter as many to validate and to test on."""
    counts = (images, images // 4, images // 4)
    return main.Data(*(tuple(array[:count] for array in part) for part, count in zip(data, counts)))


def print_threads() -> None:
    """Print the seconds of an epoch with one BLAS thread and with as many as there are cores."""
    code = "from tests import benchmark; benchmark.print_seconds()"
    cores = os.cpu_count()
    turns = [[json.loads(python(code, threads=n)) for n in (1, cores)] for _ in range(2)]
    print_heading("batch size (3,000 images)", "1 thread", f"{cores} threads", "ratio")
    for size in turns[0][0]:
        one, many = (min(turn[n][size] for turn in turns) for n in (0, 1))
        print_row(size, one, many, many / one)


def print_seconds() -> None:
    """Print, for `print_threads`, the seconds of an epoch for each batch size, in JSON."""
    data = first(3_000, main.load_data())
    sizes = (1, 4, 16, 64, 256)
    configs = (dataclasses.replace(TWO_LAYER, batch_size=size) for size in sizes)
    turns = (epochs_in_turn(config, data, 3) for config in configs)
    print(json.dumps({size: min(turn)[0] for size, turn in zip(sizes, turns)}))


if __name__ == "__main__":
    for path in (utils.TRAIN_CSV, utils.TEST_CSV):
        if not os.path.exists(path):
            sys.exit(f"{path}: no such file; make it with: sh data/get_data.sh")
    try:
        print_tables()
    except BrokenPipeError:  # nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
