"""Train the network that a YAML config describes, and report its test accuracy.

    python main.py --config configs/config_twolayer.yaml

This file holds, in this order, the settings, the run, the config file and the command line.
"""

import argparse
import copy
import difflib
import functools
import math
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

# One BLAS thread, unless the user asks for more (README, Speed); NumPy reads this on import.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import yaml

import utils
from models import SoftmaxRegression, TwoLayerNet
from optimizer import SGD

# The settings


def key(section: str, expected: str, allows: Callable[[Any], bool], default: Any = MISSING) -> Any:
    """Describe a key: its section in a config file, the values it allows, and its default."""
    return field(default=default, metadata={"section": section, "rule": (expected, allows)})


COUNT = ("a whole number of at least 1", lambda n: n >= 1)
MODELS, DTYPES = ("SoftmaxRegression", "TwoLayerNet"), ("float64", "float32")


@dataclass(frozen=True)
class Config:
    """The settings of a run (README, section Config); an invalid one raises a ValueError."""

    type: str = key("Model", " or ".join(MODELS), MODELS.__contains__)
    batch_size: int = key("Train", *COUNT)
    learning_rate: float = key("Train", "a number above 0", lambda x: 0 < x < math.inf)
    reg: float = key("Train", "a number of at least 0", lambda x: 0 <= x < math.inf)
    epochs: int = key("Train", *COUNT)
    hidden_size: int | None = key("Model", *COUNT, None)
    dtype: str = key("Model", " or ".join(DTYPES), DTYPES.__contains__, "float64")
    seed: int = key("Train", "a whole number from 0 to 2**64 - 1", range(2**64).__contains__, 1024)
    momentum: float | None = key("Train", "a number from 0 to 1", lambda x: 0 <= x <= 1, None)
    debug: bool = key("Train", "True or False", lambda flag: True, False)

    def __post_init__(self):
        for each in fields(self):
            value, (expected, allows) = getattr(self, each.name), each.metadata["rule"]
            if isinstance(value, np.generic):
                value = value.item()
            if type(value) is int and isinstance(0.0, each.type):
                value = float(value)
            fits = isinstance(value, each.type) and isinstance(value, bool) == (each.type is bool)
            if not fits or not (value is None or allows(value)):
                raise ValueError(f"{each.name}: found {value!r:.60}; expected {expected}")
            object.__setattr__(self, each.name, value)  # a config is frozen for everyone else


class Data(NamedTuple):
    """MNIST in three parts, each of images (N, 784) as bytes and labels (N,)."""

    train: tuple[np.ndarray, np.ndarray]
    valid: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray] | None  # without it, a model is not tested


@dataclass
class Result:
    """The result of a run: four values per epoch, and the model that was best on validation.

    Losses are mean cross-entropies in nats, accuracies fractions of images. A run that diverges
    ends with the first epoch whose loss is not finite, and is not tested.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_accuracy: list[float] = field(default_factory=list)
    best_epoch: int | None = None  # the first with the highest validation accuracy, from 1
    best_model: SoftmaxRegression | TwoLayerNet | None = None  # as it was after that epoch
    test_accuracy: float | None = None  # of that model


# The run


@np.errstate(over="ignore", invalid="ignore")  # divergence shows in the loss
def run(
    config: Config,
    data: Data | None = None,
    log: Callable[[str], None] = lambda line: None,
    after_epoch: Callable[[SoftmaxRegression | TwoLayerNet], None] = lambda model: None,
    result: Result | None = None,
) -> Result:
    """Train a model, validate it after every epoch, and test the best one.

    `data` is loaded if omitted. `log` gets each line of output, `after_epoch` the model after each
    epoch. Pass an empty `result` to keep the finished epochs of a run that is interrupted.
    """
    data, result = data or load_data(), result or Result()
    model, optimizer = build_model(config), SGD(config.learning_rate, config.reg)
    log(f"{describe(config)}\n{HEADER}")
    # Each batch becomes floats only when it is used: 0.14 GB of memory for a run, not 0.76.
    into_batches = functools.partial(utils.generate_batched_data, lazy=True, dtype=config.dtype)
    valid_batches = into_batches(*data.valid, batch_size=500)
    for epoch in range(1, config.epochs + 1):
        started = time.perf_counter()
        seed = epoch * 2**64 + config.seed  # each epoch of each seed has its own order
        batches = into_batches(*data.train, config.batch_size, shuffle=True, seed=seed)
        train_loss, train_accuracy = utils.train(epoch, *batches, model, optimizer, config.debug)
        valid_loss, valid_accuracy = utils.evaluate(*valid_batches, model, config.debug)
        values = (train_loss, train_accuracy, valid_loss, valid_accuracy)
        is_finite = all(map(math.isfinite, values))
        is_best = is_finite and valid_accuracy > max(result.valid_accuracy, default=-1)
        if is_best:
            result.best_epoch, result.best_model = epoch, copy.deepcopy(model)
        for name, value in zip(HISTORIES, values):
            getattr(result, name).append(value)
        log(ROW.format(epoch, *values, time.perf_counter() - started, "  *" if is_best else ""))
        after_epoch(model)
        if not is_finite:
            return result

    best = max(result.valid_accuracy)
    log(f"\nBest validation accuracy: {best:.4f} after epoch {result.best_epoch}")
    if data.test:
        batches = into_batches(*data.test, batch_size=500)
        _, result.test_accuracy = utils.evaluate(*batches, result.best_model, config.debug)
        log(f"Test accuracy: {result.test_accuracy:.4f}")
    return result


HISTORIES = tuple(each.name for each in fields(Result)[:4])
HEADER = """
                 training            validation
epoch      loss  accuracy      loss    accuracy  seconds  * best so far"""
ROW = "{:5}  {:8.4f}  {:8.4f}  {:8.4f}  {:10.4f}  {:7.2f}{}"


def load_data() -> Data:
    """Load MNIST from ./data: 48,000 images to train, 12,000 to validate, 10,000 to test."""
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
    count = sum(weight.size for weight in weights.values())
    units = f"{len(weights['b1'])} hidden units, " if "b1" in weights else ""
    unused = {"momentum": config.momentum, "hidden_size": None if units else config.hidden_size}
    unused = ", ".join(name for name, value in unused.items() if value is not None)
    note = f" (not used: {unused})" if unused else ""
    return (
        f"{config.type}, {units}{count:,} parameters in {config.dtype}\n"
        f"SGD with learning rate {config.learning_rate:g}, reg {config.reg:g}, "
        f"batch size {config.batch_size}, seed {config.seed}{note}"
    )


# The config file


def read_config(path: str | os.PathLike) -> Config:
    """Read a config file; raise a ValueError that names the file and the key if it is invalid."""
    sections, settings = {}, {}
    for each in fields(Config):
        sections.setdefault(each.metadata["section"], {})[each.name] = each.default is MISSING
    try:
        with open(path, "rb") as file:
            content = yaml.load(file, ConfigLoader)
        check_names(content, dict.fromkeys(sections, True))
        for section, keys in sections.items():
            check_names(content[section], keys, f"{section}: ")
            settings |= content[section]
        return Config(**settings)
    except (ValueError, yaml.YAMLError) as error:  # YAML's messages have several lines
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None


def check_names(entries: Any, known: dict[str, bool], place: str = "") -> None:
    """Raise a ValueError unless `entries` is a dict of known names with all required ones."""
    expected = f"expected {', '.join(known)}"
    if type(entries) is not dict:
        raise ValueError(f"{place}found {entries!r:.60}; {expected}")
    for name in entries:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ValueError(f"{place}unknown key {name!r:.60}{hint}; {expected}")
    for name, is_required in known.items():
        if is_required and name not in entries:
            raise ValueError(f"{place}{name} is missing; {expected}")


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
    """Run the command line; return its exit status (README, section Config)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--config", nargs="+", default=["configs/config_exp.yaml"], help="default: %(default)s"
    )
    log = functools.partial(print, flush=True)
    try:
        configs, data = read_configs(parser.parse_args(arguments).config), load_data()
    except (OSError, ValueError) as error:
        return fail(error)
    results = {}
    try:
        sizes = [len(labels) for _, labels in data]
        log("MNIST: {:,} images for training, {:,} for validation, {:,} to test".format(*sizes))
        for name, config in configs.items():
            log(f"\n{name}")
            results[name] = run_and_save(name, config, data, log)
        if len(configs) > 1:
            log(compare(configs, results))
    except OSError as error:
        return fail(error)
    diverged = [name for name, result in results.items() if result.test_accuracy is None]
    for name in diverged:
        problem = f"the loss of epoch {len(results[name].train_loss)} is not finite"
        fail(f"{name}: {problem}; try a smaller learning_rate or reg")
    return 1 if diverged else 0


def read_configs(paths: list[str]) -> dict[str, Config]:
    """Read the config files; return the configs by the names of their files."""
    configs = {}
    for path in paths:
        name = Path(path).stem
        if name in configs:
            raise ValueError(f"{path}: two configs are named {name}; rename one")
        if name == "comparison" and len(paths) > 1:
            raise ValueError(f"{path}: the comparison's figures have this name; rename the config")
        configs[name] = read_config(path)
    return configs


def run_and_save(name: str, config: Config, data: Data, log: Callable[[str], None]) -> Result:
    """Run a config; save its history after each epoch, and its curves even if it is interrupted."""
    result = Result()
    curves = [getattr(result, history) for history in HISTORIES]

    def save_history(_) -> None:
        rows = [("epoch", *HISTORIES), *zip(range(1, config.epochs + 1), *curves)]
        text = "".join(",".join(map(str, row)) + "\n" for row in rows)
        utils.write_whole(f"{name}_history.csv", text.encode())

    try:
        return run(config, data, log, save_history, result)
    finally:
        if result.valid_accuracy:
            title = f"{name}\n{describe(config)}"
            utils.plot_curves(*curves, f"{name}_", title, result.best_epoch)
            log(f"Saved {name}_history.csv, {name}_loss.png, {name}_accuracy.png")


def compare(configs: dict[str, Config], results: dict[str, Result]) -> str:
    """Save two figures with the validation curves of all runs; return a table of the runs."""
    keys = [each.name for each in fields(Config) if each.name != "debug"]
    differ = [key for key in keys if len({getattr(config, key) for config in configs.values()}) > 1]
    rows, losses, accuracies = [["config", *differ, "best epoch", "validation", "test"]], {}, {}
    for name, result in results.items():
        values = [getattr(configs[name], key) for key in differ]
        values = [f"{value:g}" if type(value) is float else str(value) for value in values]
        label = f"{name}: {', '.join(map(' '.join, zip(differ, values)))}" if differ else name
        losses[label], accuracies[label] = result.valid_loss, result.valid_accuracy
        scores = "diverged - -"
        if result.test_accuracy is not None:
            best = max(result.valid_accuracy)
            scores = f"{result.best_epoch} {best:.4f} {result.test_accuracy:.4f}"
        rows.append([name, *values, *scores.split()])
    utils.draw_curves("comparison_loss.png", "Validation", utils.LOSS, losses)
    utils.draw_curves("comparison_accuracy.png", "Validation", utils.ACCURACY, accuracies)
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
    return "\n".join(["", *lines, "Saved comparison_loss.png, comparison_accuracy.png"])


def fail(message: object, status: int = 2) -> int:
    """Print an error in one line, and return the exit status."""
    print(f"main.py: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):  # a notebook's has no such method
        sys.stdout.reconfigure(errors="backslashreplace")  # escape what it cannot encode
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(fail("interrupted", status=130))
