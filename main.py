"""Train a network on MNIST as a YAML config says, and report its test accuracy.

    python main.py --config configs/config_twolayer.yaml

In this order: the settings, the run, the config file, the command line.
"""

import argparse
import copy
import difflib
import functools
import os
import re
import reprlib
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

# On a busy machine, BLAS threads that wait for each other cost more than they gain on a quiet
# one: there is one, unless the user asks for more. NumPy looks when it is imported.
if not {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"} & os.environ.keys():
    os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import yaml

import utils
from models import SoftmaxRegression, TwoLayerNet
from optimizer import SGD

# The settings


@dataclass(frozen=True)
class Config:
    """The settings of a run; section Config of the README says what they mean."""

    type: str
    batch_size: int
    learning_rate: float
    reg: float
    epochs: int
    hidden_size: int | None = None
    dtype: str = "float64"
    seed: int = 1024
    momentum: float | None = None
    debug: bool = False


class Data(NamedTuple):
    """MNIST in three parts, each of images (N, 784) as bytes and labels (N,).

    Without a test set, a run is only trained and validated.
    """

    train: tuple[np.ndarray, np.ndarray]
    valid: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray] | None


@dataclass(frozen=True)
class Result:
    """The result of a run: four values per epoch, and the model that was best on validation.

    Losses are mean cross-entropies in nats, accuracies fractions of images. A run that diverges
    ends with the first epoch whose loss is not finite, and is not tested.
    """

    train_loss: list[float]
    train_accuracy: list[float]
    valid_loss: list[float]
    valid_accuracy: list[float]
    best_epoch: int | None  # the first with the highest validation accuracy, from 1
    best_model: SoftmaxRegression | TwoLayerNet | None  # as it was after that epoch
    test_accuracy: float | None  # of that model


# The run


@np.errstate(over="ignore", invalid="ignore")  # the loss tells that a run diverges
def run(
    config: Config,
    data: Data | None = None,
    log: Callable[[str], None] = lambda line: None,
    after_epoch: Callable[[SoftmaxRegression | TwoLayerNet], None] = lambda model: None,
) -> Result:
    """Train a model, validate it after every epoch, and test the best one.

    `data` is loaded if left out. `log` is called with each line of output, `after_epoch` with the
    model after each epoch. The same config gives the same result, to the last digit.
    """
    data = data or load_data()
    model = build_model(config)
    optimizer = SGD(config.learning_rate, config.reg)
    log(describe(config, model))

    # Batches are turned into floats one at a time: all of them take 1 GB.
    into_batches = functools.partial(utils.generate_batched_data, lazy=True, dtype=config.dtype)
    valid_batches = into_batches(*data.valid, batch_size=500)
    history = []  # of training loss and accuracy, validation loss and accuracy
    best_epoch, best_model, best_accuracy = None, None, -1.0
    for epoch in range(1, config.epochs + 1):
        started = time.perf_counter()
        seed = epoch * 2**64 + config.seed  # each epoch of each seed has its own order
        batches = into_batches(*data.train, config.batch_size, shuffle=True, seed=seed)
        trained = utils.train(epoch, *batches, model, optimizer, config.debug)
        validated = utils.evaluate(*valid_batches, model, config.debug)
        history.append((*trained, *validated))
        after_epoch(model)
        if not np.isfinite(history[-1]).all():
            return Result(*map(list, zip(*history)), best_epoch, best_model, None)
        is_best = validated[1] > best_accuracy
        if is_best:
            best_epoch, best_model, best_accuracy = epoch, copy.deepcopy(model), validated[1]
        seconds = time.perf_counter() - started
        numbers = [f"{number:.4f}" for number in history[-1]]
        log(ROW.format(epoch, *numbers, f"{seconds:.2f}", "*" if is_best else "").rstrip())

    log(f"\nBest validation accuracy: {best_accuracy:.4f} after epoch {best_epoch}")
    test_accuracy = None
    if data.test:
        test_batches = into_batches(*data.test, batch_size=500)
        _, test_accuracy = utils.evaluate(*test_batches, best_model, config.debug)
        log(f"Test accuracy: {test_accuracy:.4f}")
    return Result(*map(list, zip(*history)), best_epoch, best_model, test_accuracy)


ROW = "{:>5}  {:>8}  {:>8}  {:>8}  {:>10}  {:>7}  {}"  # of the table of epochs


def load_data() -> Data:
    """Load MNIST from ./data: 48,000 images for training, 12,000 for validation, 10,000 to test."""
    images, labels, valid_images, valid_labels = utils.load_mnist_trainval(True, np.uint8)
    test = utils.load_mnist_test(True, np.uint8)
    return Data((images, labels), (valid_images, valid_labels), test)


def build_model(config: Config) -> SoftmaxRegression | TwoLayerNet:
    """Build the network of a config, with its initial weights."""
    if config.type == "TwoLayerNet":
        return TwoLayerNet(hidden_size=config.hidden_size or 128, dtype=config.dtype)
    return SoftmaxRegression(dtype=config.dtype)


def describe(config: Config, model: SoftmaxRegression | TwoLayerNet) -> str:
    """Return the lines above the epochs of a run."""
    weights = sum(weight.size for weight in model.weights.values())
    unused = ["momentum"] if config.momentum is not None else []
    if config.hidden_size is not None and config.type == "SoftmaxRegression":
        unused.append("hidden_size")
    note = f" ({' and '.join(unused)} without effect)" if unused else ""
    return (
        f"{config.type} with {weights:,} weights in {config.dtype}\n"
        f"SGD with learning rate {config.learning_rate:g}, reg {config.reg:g}, "
        f"batch size {config.batch_size}, seed {config.seed}{note}\n\n"
        f"{'training':>25}{'validation':>22}\n"
        + ROW.format("epoch", "loss", "accuracy", "loss", "accuracy", "seconds", "* best so far")
    )


# The config file


class Key(NamedTuple):
    """What a key of a config file holds."""

    kind: type
    allows: Callable[[Any], bool]
    expected: str


COUNT = Key(int, lambda n: n >= 1, "a whole number of at least 1")
MODELS = ("SoftmaxRegression", "TwoLayerNet")
DTYPES = ("float64", "float32")
SECTIONS = {
    "Train": {
        "batch_size": COUNT,
        "learning_rate": Key(float, lambda x: 0 < x < np.inf, "a number above 0"),
        "reg": Key(float, lambda x: 0 <= x < np.inf, "a number of at least 0"),
        "epochs": COUNT,
        "momentum": Key(float, lambda x: 0 <= x <= 1, "a number from 0 to 1"),
        "debug": Key(bool, lambda flag: True, "True or False"),
        "seed": Key(int, lambda n: 0 <= n < 2**64, "a whole number from 0 to 2**64 - 1"),
    },
    "Model": {
        "type": Key(str, MODELS.__contains__, " or ".join(MODELS)),
        "hidden_size": COUNT,
        "dtype": Key(str, DTYPES.__contains__, " or ".join(DTYPES)),
    },
}
REQUIRED = ("batch_size", "learning_rate", "reg", "epochs", "type")


def read_config(path: str | os.PathLike) -> Config:
    """Read a config file and check it.

    Raises a FileNotFoundError if there is no such file, and a ValueError if it is not as expected:
    the message names the file and the key, what was found and what was expected.
    """
    with open(path, "rb") as file:
        try:
            content = yaml.load(file, ConfigLoader)
        except yaml.YAMLError as error:
            raise ValueError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from None
    check_names(path, content, SECTIONS, required=SECTIONS)
    settings = {}
    for section, keys in SECTIONS.items():
        place = f"{path}: {section}"
        required = [name for name in REQUIRED if name in keys]
        check_names(place, content[section], keys, required)
        for name, value in content[section].items():
            key = keys[name]
            if key.kind is float and type(value) is int:
                value = float(value)
            if type(value) is not key.kind or not key.allows(value):
                raise ValueError(f"{place}: {name}: found {shown(value)}; expected {key.expected}")
            settings[name] = value
    return Config(**settings)


def check_names(place: object, entries: Any, known: Iterable[str], required: Iterable[str]) -> None:
    """Raise a ValueError unless `entries` is a dict of known keys with the required ones."""
    expected = f"expected {', '.join(known)}"
    if type(entries) is not dict:
        raise ValueError(f"{place}: found {shown(entries)}; {expected}")
    for name in entries:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ValueError(f"{place}: unknown key {shown(name)}{hint}; {expected}")
    for name in required:
        if name not in entries:
            raise ValueError(f"{place}: {name} is missing; {expected}")


def shown(value: Any) -> str:
    """Abbreviate a value for an error message."""
    return "nothing" if value is None else reprlib.repr(value)


class ConfigLoader(yaml.SafeLoader):
    """A YAML loader that refuses a key that stands twice, and takes 1e-3 for a number."""

    def construct_mapping(self, node, deep=False):
        names = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if names.count(key.value) > 1:
                raise yaml.MarkedYAMLError(None, None, f"{key.value} stands twice", key.start_mark)
        return super().construct_mapping(node, deep)


EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
ConfigLoader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+.0123456789"))


# The command line


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0 on success, 1 if the run diverged, 2 for a mistake in the config or the data or if a figure
    cannot be written.
    """
    parser = argparse.ArgumentParser(
        prog="main.py",
        description="Train a network on MNIST in ./data as a config says, and report the test "
        "accuracy of the model that was best on the validation set. The learning curves are saved "
        "in the working directory.",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        default="configs/config_exp.yaml",
        help="the config to run (default: %(default)s)",
    )
    path = parser.parse_args(arguments).config
    print_now = functools.partial(print, flush=True)
    try:
        config = read_config(path)
        data = load_data()
    except (OSError, ValueError) as error:
        return fail(error)
    sizes = [len(labels) for _, labels in data]
    print_now("MNIST: {:,} images for training, {:,} for validation, {:,} to test".format(*sizes))
    result = run(config, data, print_now)
    prefix = f"{Path(path).stem}_"
    curves = result.train_loss, result.train_accuracy, result.valid_loss, result.valid_accuracy
    try:
        utils.plot_curves(*curves, prefix=prefix)
    except OSError as error:
        return fail(error)
    print_now(f"Figures: {prefix}loss.png, {prefix}accuracy.png")
    if result.test_accuracy is None:
        problem = f"the loss of epoch {len(result.train_loss)} is not finite"
        return fail(f"{path}: {problem}; try a smaller learning_rate or reg", status=1)
    return 0


def fail(message: object, status: int = 2) -> int:
    """Print an error in one line, and return the exit status."""
    print(f"main.py: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("main.py: interrupted".ljust(60), file=sys.stderr)  # over the progress line
        sys.exit(130)
