"""Train a network on MNIST as a YAML config says, and report its test accuracy.

    python main.py --config configs/config_twolayer.yaml

Before `run`, which trains and tests one model, stands the reading of the config, which is checked
as a whole before any data is read; after it, the command line.
"""

import os
import signal
import sys


def stop_at_once(*_) -> None:
    """Answer Ctrl-C while modules load: an exception could end as an error of NumPy's import."""
    os.write(2, b"main.py: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    usual_handler = signal.getsignal(signal.SIGINT)
    if usual_handler is signal.default_int_handler:  # it may have been told to ignore Ctrl-C
        signal.signal(signal.SIGINT, stop_at_once)

import argparse
import contextlib
import copy
import dataclasses
import difflib
import functools
import importlib.util
import io
import logging
import math
import re
import reprlib
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

try:
    import numpy as np
    import yaml

    import utils
    from models import SoftmaxRegression, TwoLayerNet
    from optimizer import SGD

    # Matplotlib is needed last and is slow to import, but whether it is there is known at once.
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError("No module named 'matplotlib'")
except ImportError as error:
    problem = textwrap.shorten(str(error), 200)  # NumPy, if broken, writes a page
    print(f"main.py: {problem}; set up as README.md says, section Run", file=sys.stderr)
    sys.exit(2)

# The config


@dataclasses.dataclass(frozen=True)
class Config:
    """The settings of a run. Those with a value here may be left out of a config file."""

    type: str
    batch_size: int
    learning_rate: float
    reg: float
    epochs: int
    hidden_size: int = 128
    dtype: str = "float64"
    seed: int = 1024
    momentum: float | None = None
    debug: bool = False


class ConfigError(ValueError):
    """A config is not as expected; the message says where, what was found and what is expected."""


class Key(NamedTuple):
    """What a key of a config file must hold."""

    kind: type
    expected: str
    allows: Callable[[Any], bool] = lambda value: True
    choices: tuple[str, ...] = ()


def one_of(*choices: str) -> Key:
    """Return the key that holds one of a few names."""
    return Key(str, " or ".join(choices), choices.__contains__, choices)


COUNT = Key(int, "a whole number from 1 to 10**9", lambda n: 1 <= n <= 10**9)
SECTIONS = {
    "Train": {
        "batch_size": COUNT,
        "learning_rate": Key(float, "a number above 0", lambda x: 0 < x < math.inf),
        "reg": Key(float, "a number of at least 0", lambda x: 0 <= x < math.inf),
        "epochs": COUNT,
        "momentum": Key(float, "a number from 0 to 1 (without effect)", lambda x: 0 <= x <= 1),
        "debug": Key(bool, "True or False"),
        "seed": Key(int, "a whole number from 0 to 2**64 - 1", lambda n: 0 <= n < 2**64),
    },
    "Model": {
        "type": one_of("SoftmaxRegression", "TwoLayerNet"),
        "hidden_size": COUNT,
        "dtype": one_of("float64", "float32"),
    },
}
DEFAULTS = {
    field.name: field.default
    for field in dataclasses.fields(Config)
    if field.default is not dataclasses.MISSING
}
# YAML 1.1 reads 1e-3 and 1.5e3 as text: its numbers with an exponent have a dot and a sign.
EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
LARGEST_CONFIG = 64_000  # bytes; of larger files, such as the data, YAML takes minutes


def read_config(path: str | os.PathLike) -> Config:
    """Read a config file and check all of it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigError
        If anything in it is not as expected; names the file, the key and what is expected.
    """
    content = parse_yaml(path)
    sections = " and ".join(SECTIONS)
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: found {found(content)}; expected the sections {sections}")
    for name in content:
        if name not in SECTIONS:
            raise ConfigError(
                f"{path}: unknown section {found(name)}{suggest(name, SECTIONS)}; "
                f"expected {sections}"
            )
    settings = {}
    for name, keys in SECTIONS.items():
        if name not in content:
            raise ConfigError(f"{path}: section {name} is missing; expected {sections}")
        section = content[name]
        if not isinstance(section, dict):
            raise ConfigError(
                f"{path}: {name}: found {found(section)}; expected the keys {', '.join(keys)}"
            )
        settings |= check_section(f"{path}: {name}", section, keys)
    return Config(**settings)


def read_text(path: str | os.PathLike) -> str:
    """Return the text of a file of a config's size, or raise an error that says why it is none."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST_CONFIG + 1)
        if len(content) > LARGEST_CONFIG:
            raise ConfigError(f"{path}: is larger than {LARGEST_CONFIG:,} bytes; expected a config")
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file; see configs/ for those there are") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; expected a YAML file") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not a text file in UTF-8; expected YAML") from None


def parse_yaml(path: str | os.PathLike) -> Any:
    """Return the content of a YAML file, or raise a ConfigError that says why it is none."""
    text = read_text(path)
    try:
        refuse_duplicates(yaml.compose(text, Loader=yaml.SafeLoader))
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        # Of a key without its colon or a text without its end, the beginning is the place to look.
        scanning = (error.context or "").startswith("while scanning")
        mark = (error.context_mark if scanning else None) or error.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        problem = ", ".join(filter(None, [error.context, error.problem]))
        raise ConfigError(f"{path}{line}: is not valid YAML: {problem}") from None
    # PyYAML lets some errors of its own working through: a date in month 13 is a ValueError,
    # `!!bool x` a KeyError, `!!timestamp x` an AttributeError, 1,000 brackets a RecursionError.
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{path}: is not valid YAML: {problem}") from None


def refuse_duplicates(document: yaml.Node | None) -> None:
    """Raise a YAML error if a section or a key appears twice, of which YAML would drop one."""
    if not isinstance(document, yaml.MappingNode):
        return
    for node in (document, *(value for _, value in document.value)):
        names = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode):
                if key.value in names:
                    raise yaml.MarkedYAMLError(
                        problem=f"{key.value!r} appears twice", problem_mark=key.start_mark
                    )
                names.add(key.value)


def check_section(place: str, section: dict, keys: dict[str, Key]) -> dict:
    """Return the settings of a section, numbers in their type, or raise a ConfigError."""
    for name in section:
        if name not in keys:
            homes = [other for other in SECTIONS if name in SECTIONS[other]]
            hint = f"; it belongs under {homes[0]}" if homes else suggest(name, keys)
            raise ConfigError(
                f"{place}: unknown key {found(name)}{hint}; expected {', '.join(keys)}"
            )
    settings = {}
    for name, key in keys.items():
        if name in section:
            value = as_float(section[name]) if key.kind is float else section[name]
            if type(value) is not key.kind or not key.allows(value):
                raise ConfigError(
                    f"{place}: {name}: found {found(section[name])}"
                    f"{suggest(value, key.choices)}; expected {key.expected}"
                )
            settings[name] = value
        elif name not in DEFAULTS:
            raise ConfigError(f"{place}: {name} is missing; expected {key.expected}")
    return settings


def as_float(value: Any) -> Any:
    """Return a whole number, or one that YAML took for text, as a float; the rest as it is."""
    if type(value) is int or (isinstance(value, str) and EXPONENT.fullmatch(value)):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return value


def found(value: Any) -> str:
    """Return what a config holds as it should stand in a message: short and on one line."""
    if value is None:
        return "nothing"
    try:
        text = reprlib.repr(value)
    except ValueError:  # Python does not write down numbers of thousands of digits
        return "a huge number"
    return text if len(text) <= 60 else f"{text[:57]}..."


def suggest(name: Any, known: Iterable[str]) -> str:
    """Return a question with the known name nearest to `name`, or nothing if none is near."""
    names = {choice.lower(): choice for choice in known}
    near = difflib.get_close_matches(name.lower(), names, n=1) if isinstance(name, str) else []
    return f" (did you mean {names[near[0]]}?)" if near else ""


# The run

# What an evaluation returns does not depend on its batches, but its time does: with these, a run
# takes 7 % less where the config asks for batches of 1, and 1 % less where it asks for 64.
EVALUATION_BATCH_SIZE = 500


class Data(NamedTuple):
    """MNIST in three parts, each a pair of images (N, 784) and labels (N,).

    Images are bytes (uint8), 0 to 255, as `load_data` returns them, or floats in [0, 1]. Without a
    test set, a run is only trained and validated: for choosing settings, which no test image may
    help with.
    """

    train: tuple[np.ndarray, np.ndarray]
    valid: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray] | None


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of a run.

    Attributes
    ----------
    train_loss, train_accuracy, valid_loss, valid_accuracy : list of float
        One value per epoch: mean cross-entropy in nats, fraction of images in [0, 1]. The last
        epoch of a run that diverged has a loss that is not finite.
    best_epoch : int or None
        The first epoch with the highest validation accuracy, counted from 1.
    best_model : SoftmaxRegression or TwoLayerNet or None
        The model as it was after that epoch. None, like the epoch, if the first one diverged.
    test_accuracy : float or None
        Its accuracy on the test set, in [0, 1]. None if the run diverged or had no test set.
    """

    train_loss: list[float]
    train_accuracy: list[float]
    valid_loss: list[float]
    valid_accuracy: list[float]
    best_epoch: int | None
    best_model: SoftmaxRegression | TwoLayerNet | None
    test_accuracy: float | None


def load_data() -> Data:
    """Load MNIST from ./data, its images as bytes.

    Returns
    -------
    Data
        48,000 images to train on, 12,000 to validate, 10,000 to test.

    Raises
    ------
    FileNotFoundError, ValueError
        As `utils.load_csv` does.
    """
    train_data, train_label, valid_data, valid_label = utils.load_mnist_trainval(
        as_array=True, dtype=np.uint8
    )
    test = utils.load_mnist_test(as_array=True, dtype=np.uint8)
    return Data((train_data, train_label), (valid_data, valid_label), test)


def build_model(config: Config) -> SoftmaxRegression | TwoLayerNet:
    """Return the network that a config asks for, with its initial weights."""
    if config.type == "TwoLayerNet":
        return TwoLayerNet(hidden_size=config.hidden_size, dtype=config.dtype)
    return SoftmaxRegression(dtype=config.dtype)


# A run that diverges is told from its loss, so NumPy need not warn of it.
@np.errstate(over="ignore", invalid="ignore")
def run(
    config: Config,
    data: Data | None = None,
    log: Callable[[str], None] = lambda line: None,
    after_epoch: Callable[[SoftmaxRegression | TwoLayerNet], None] = lambda model: None,
) -> Result:
    """Train, validate after every epoch, keep the best model, test it.

    Parameters
    ----------
    config : Config
        The settings.
    data : Data, optional
        What `load_data` returned; loaded if left out.
    log : callable
        Called with each line of output; by default it is discarded.
    after_epoch : callable
        Called with the model after each epoch, to look at it, not to change it.

    Returns
    -------
    Result
        The same to the last digit for the same config.

    Raises
    ------
    FileNotFoundError, ValueError
        If the data is missing or malformed.
    """
    data = data or load_data()
    model = build_model(config)
    optimizer = SGD(config.learning_rate, config.reg)
    log(describe(config, model))

    # Each batch is gathered and turned from bytes into floats when its turn comes, because copies
    # of all images are large: a run in float64 peaks at 0.16 GB instead of 0.86.
    into_batches = functools.partial(utils.generate_batched_data, lazy=True, dtype=config.dtype)
    debug = config.debug and sys.stderr is not None and sys.stderr.isatty()
    valid_batches = into_batches(*data.valid, EVALUATION_BATCH_SIZE)
    history = []  # per epoch: training loss and accuracy, validation loss and accuracy
    best_epoch, best_model, best_accuracy = None, None, -1.0
    for epoch in range(1, config.epochs + 1):
        started = time.perf_counter()
        # As seed < 2**64, each pair of epoch and seed has its own order. See README, Results.
        train_batches = into_batches(
            *data.train, config.batch_size, shuffle=True, seed=epoch * 2**64 + config.seed
        )
        trained = utils.train(epoch, *train_batches, model, optimizer, debug)
        validated = utils.evaluate(*valid_batches, model, debug)
        history.append((*trained, *validated))
        after_epoch(model)
        if not np.isfinite(history[-1]).all():
            return Result(*map(list, zip(*history)), best_epoch, best_model, None)
        better = validated[1] > best_accuracy
        if better:
            best_epoch, best_model, best_accuracy = epoch, copy.deepcopy(model), validated[1]
        seconds = time.perf_counter() - started
        numbers = [f"{number:.4f}" for number in history[-1]]
        log(ROW.format(epoch, *numbers, f"{seconds:.2f}", "*" if better else "").rstrip())

    log("")
    log(f"Best validation accuracy: {best_accuracy:.4f} after epoch {best_epoch}")
    test_accuracy = None
    if data.test is not None:
        test_batches = into_batches(*data.test, EVALUATION_BATCH_SIZE)
        _, test_accuracy = utils.evaluate(*test_batches, best_model, debug)
        log(f"Test accuracy: {test_accuracy:.4f}")
    return Result(*map(list, zip(*history)), best_epoch, best_model, test_accuracy)


ROW = "{:>5}  {:>8}  {:>8}  {:>8}  {:>10}  {:>7}  {}"  # of the table of epochs


def describe(config: Config, model: SoftmaxRegression | TwoLayerNet) -> str:
    """Return the lines that stand above the epochs of a run."""
    weights = sum(weight.size for weight in model.weights.values())
    columns = ("epoch", "loss", "accuracy", "loss", "accuracy", "seconds", "")
    lines = [
        f"{config.type} with {weights:,} weights in {config.dtype}",
        f"SGD with learning rate {config.learning_rate:g}, reg {config.reg:g}, "
        + f"batch size {config.batch_size}, seed {config.seed}",
        "",
        ROW.format("", "", "training", "", "validation", "", "").rstrip(),
        ROW.format(*columns) + "* best so far",
    ]
    return "\n".join(lines)


# The command line


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, as all errors here."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {' '.join(message.split())}; see {self.prog} --help\n")


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's arguments, or exit with status 2."""
    parser = Parser(
        prog="main.py",
        description="Train a network on MNIST as a YAML config says and report the test accuracy "
        "of the model that was best on the validation set. The data must be in ./data; the "
        "learning curves are saved into the working directory, named after the config.",
        epilog=describe_keys(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        default="configs/config_exp.yaml",
        help="the config to run (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def describe_keys() -> str:
    """Return a table of what a config file holds."""
    lines = ["what a config holds:"]
    for section, keys in SECTIONS.items():
        lines.append(f"  {section}:")
        for name, key in keys.items():
            default = DEFAULTS.get(name)
            optional = f" (default: {default})" if default is not None else ""
            lines.append(f"    {name + ':':15}{key.expected}{optional}")
    return "\n".join(lines)


def print_line(line: str) -> None:
    """Print a line at once, also where standard output is a file or a pipe."""
    print(line, flush=True)


def print_error(message: object) -> None:
    """Print a message, or what an error says, as one line on standard error."""
    if isinstance(message, OSError) and message.filename is not None:
        message = f"{message.filename}: {message.strerror}"
    print(f"main.py: {' '.join(str(message).split())}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def ctrl_c_put_off() -> Iterator[None]:
    """Let Ctrl-C wait for the end of a block that would turn it into an error of its own."""
    usual = signal.getsignal(signal.SIGINT)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if usual is not signal.default_int_handler or not in_main_thread:
        yield
        return
    interrupts = []
    signal.signal(signal.SIGINT, lambda *_: interrupts.append(KeyboardInterrupt))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if interrupts:
        raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        Exit status: 0 on success; 1 if the run diverged or its output could not be written; 2
        for a mistake in the config, the data or the command line, too little memory, or figures
        that cannot be written; 130 after Ctrl-C.
    """
    path = "the config"
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):  # whatever the name of a config is made of
            sys.stdout.reconfigure(errors="backslashreplace")
        # The figures are files; a backend that a notebook asks for may not even exist here.
        os.environ["MPLBACKEND"] = "agg"
        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # no advice about its cache
        path = parse_arguments(arguments).config
        return train_and_report(path)
    except KeyboardInterrupt:
        print_error("interrupted")
        return 130
    except MemoryError:
        print_error(
            f"{path}: not enough memory; try dtype: float32, a smaller hidden_size or batch_size"
        )
        return 2
    except OSError as error:  # from standard output: nobody reads on, or its disk is full
        if not isinstance(error, BrokenPipeError):
            print_error(f"standard output: {error.strerror}")
        # What is still buffered goes nowhere, or Python would try it again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def train_and_report(path: str) -> int:
    """Run the config at `path` with all that the user sees; return the exit status."""
    try:
        config = read_config(path)
        started = time.perf_counter()
        data = load_data()
    except (OSError, ValueError) as error:
        print_error(error)
        return 2
    sizes = [len(labels) for _, labels in data]
    print_line(
        "MNIST with {:,} images to train on, {:,} to validate, {:,} to test".format(*sizes)
        + f", loaded in {time.perf_counter() - started:.1f} s"
    )
    if config.momentum is not None:
        print_error(f"{path}: momentum has no effect: the optimizer is plain SGD")
    result = run(config, data, print_line)
    prefix = f"{Path(path).stem}_"
    try:
        with ctrl_c_put_off():  # Matplotlib's C++ says "Invalid bounding box", its callbacks go on
            utils.plot_curves(
                result.train_loss,
                result.train_accuracy,
                result.valid_loss,
                result.valid_accuracy,
                prefix=prefix,
            )
    except OSError as error:
        print_error(error)
        return 2
    except (ImportError, RuntimeError, ValueError, Warning) as error:  # as of a bad matplotlibrc
        print_error(f"Matplotlib could not draw the figures: {error}")
        return 2
    print_line(f"Figures: {prefix}loss.png, {prefix}accuracy.png")
    if result.test_accuracy is None:
        print_error(
            f"{path}: diverged: the loss of epoch {len(result.train_loss)} is not finite; "
            f"try a smaller learning_rate (it is {config.learning_rate:g}) or reg ({config.reg:g})"
        )
        return 1
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, usual_handler)
    sys.exit(main())
