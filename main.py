"""Train a network on MNIST as a YAML config says, and report its test accuracy.

    python main.py --config configs/config_twolayer.yaml

In this order: the settings, the run, the config file, the command line.
"""

import argparse
import copy
import dataclasses
import difflib
import functools
import os
import re
import reprlib
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

# Use one BLAS thread unless the user asks for more: on a busy machine, threads that wait for each
# other cost more than they gain on a quiet one. NumPy reads this when it is imported.
if not {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"} & os.environ.keys():
    os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import yaml

import utils
from models import SoftmaxRegression, TwoLayerNet
from optimizer import SGD

# The settings


@dataclasses.dataclass(frozen=True)
class Config:
    """The settings of a run, described in the README's section Config."""

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

    Without a test set, a model is only trained and validated.
    """

    train: tuple[np.ndarray, np.ndarray]
    valid: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray] | None


@dataclasses.dataclass(frozen=True)
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


@np.errstate(over="ignore", invalid="ignore")  # divergence shows in the loss
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
    log(describe(config))
    log(HEADER)

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
HEADER = f"\n{'training':>25}{'validation':>22}\n" + ROW.format(
    "epoch", "loss", "accuracy", "loss", "accuracy", "seconds", "* best so far"
)


def load_data() -> Data:
    """Load MNIST from ./data: 48,000 images for training, 12,000 for validation, 10,000 to test."""
    train_images, train_labels, *valid = utils.load_mnist_trainval(as_array=True, dtype=np.uint8)
    test = utils.load_mnist_test(as_array=True, dtype=np.uint8)
    return Data((train_images, train_labels), tuple(valid), test)


def build_model(config: Config) -> SoftmaxRegression | TwoLayerNet:
    """Build the network of a config, with its initial weights."""
    if config.type == "TwoLayerNet":
        return TwoLayerNet(hidden_size=config.hidden_size or 128, dtype=config.dtype)
    return SoftmaxRegression(dtype=config.dtype)


def describe(config: Config) -> str:
    """Return the settings of a run in two lines."""
    weights = build_model(config).weights
    units = f"{len(weights['b1'])} hidden units, " if "b1" in weights else ""
    unused = ["momentum"] if config.momentum is not None else []
    if config.hidden_size is not None and not units:
        unused.append("hidden_size")
    note = f" (not used: {', '.join(unused)})" if unused else ""
    return (
        f"{config.type}, {units}{sum(map(np.size, weights.values())):,} parameters in {config.dtype}\n"
        f"SGD with learning rate {config.learning_rate:g}, reg {config.reg:g}, "
        f"batch size {config.batch_size}, seed {config.seed}{note}"
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
        except (yaml.YAMLError, ValueError) as error:  # a date in month 13 is a ValueError
            raise ValueError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
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
    """A YAML loader that rejects duplicate keys and reads 1e-3 as a number."""

    def construct_mapping(self, node, deep=False):
        names = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if names.count(key.value) > 1:
                raise yaml.MarkedYAMLError(None, None, f"{key.value} appears twice", key.start_mark)
        return super().construct_mapping(node, deep)


EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
ConfigLoader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+.0123456789"))


# The command line


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0 on success, 1 if a run diverged, 2 for a mistake in a config or the data or if a file cannot
    be written.
    """
    parser = argparse.ArgumentParser(
        prog="main.py",
        description="Train a network on MNIST in ./data as a config says, and report the test "
        "accuracy of the model that was best on the validation set. Its history and its learning "
        "curves are saved in the working directory, and a comparison if there are several configs.",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        nargs="+",
        default=["configs/config_exp.yaml"],
        help="the configs to run, one after the other (default: %(default)s)",
    )
    print_now = functools.partial(print, flush=True)
    try:
        configs = read_configs(parser.parse_args(arguments).config)
        data = load_data()
    except (OSError, ValueError) as error:
        return fail(error)
    sizes = [len(labels) for _, labels in data]
    print_now("MNIST: {:,} images for training, {:,} for validation, {:,} to test".format(*sizes))
    results = {}
    try:
        for name, config in configs.items():
            print_now(f"\n{name}")
            results[name] = run(config, data, print_now)
            print_now(save(name, config, results[name]))
        if len(configs) > 1:
            print_now(compare(configs, results))
    except OSError as error:
        return fail(error)
    status = 0
    for name, result in results.items():
        if result.test_accuracy is None:
            problem = f"the loss of epoch {len(result.train_loss)} is not finite"
            status = fail(f"{name}: {problem}; try a smaller learning_rate or reg", status=1)
    return status


def read_configs(paths: list[str]) -> dict[str, Config]:
    """Read the config files; return the configs by the names of their files."""
    configs = {}
    for path in paths:
        name = Path(path).stem
        if name in configs:
            raise ValueError(f"{path}: another config is named {name}, too; rename one of them")
        configs[name] = read_config(path)
    return configs


def save(name: str, config: Config, result: Result) -> str:
    """Save the history and the learning curves of a run; return a line that names the files."""
    curves = (result.train_loss, result.train_accuracy, result.valid_loss, result.valid_accuracy)
    lines = ["epoch,train_loss,train_accuracy,valid_loss,valid_accuracy"]
    for row in zip(range(1, 1 + len(result.train_loss)), *curves):
        lines.append(",".join(map(str, row)))
    utils.write_whole(f"{name}_history.csv", "\n".join([*lines, ""]).encode())
    utils.plot_curves(*curves, prefix=f"{name}_", title=f"{name}\n{describe(config)}")
    return f"Saved {name}_history.csv, {name}_loss.png, {name}_accuracy.png"


def compare(configs: dict[str, Config], results: dict[str, Result]) -> str:
    """Save two figures with the validation curves of all runs; return a table of the runs."""
    utils.plot_comparison(
        {name: result.valid_loss for name, result in results.items()},
        {name: result.valid_accuracy for name, result in results.items()},
    )
    keys = [field.name for field in dataclasses.fields(Config) if field.name != "debug"]
    differ = [key for key in keys if len({getattr(config, key) for config in configs.values()}) > 1]
    rows = [["config", *differ, "best epoch", "validation", "test"]]
    for name, result in results.items():
        row = [name, *(str(getattr(configs[name], key)) for key in differ)]
        if result.test_accuracy is None:
            rows.append([*row, "diverged", "", ""])
        else:
            best = result.valid_accuracy[result.best_epoch - 1]
            rows.append(
                [*row, str(result.best_epoch), f"{best:.4f}", f"{result.test_accuracy:.4f}"]
            )
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
    return "\n".join(["", *lines, "Saved comparison_loss.png, comparison_accuracy.png"])


def fail(message: object, status: int = 2) -> int:
    """Print an error in one line, and return the exit status."""
    print(f"main.py: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "agg"  # the backend of a notebook may not be installed here
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("main.py: interrupted".ljust(60), file=sys.stderr)  # over the progress line
        sys.exit(130)
