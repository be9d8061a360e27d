"""The experiments: what is run, how it is run, where results are kept, what is read from them.

An experiment is a list of settings, and each setting is run with every seed of SEEDS. A result is
one line of results.jsonl, so a run that is done is never repeated.
"""

import base64
import dataclasses
import functools
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import main
import utils
from models import TwoLayerNet

SEEDS = (1, 2, 3)  # of the order of the images; the initial weights are always the same
HISTORIES = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")  # of main.Result
VARIED = ("hidden_size", "batch_size", "learning_rate", "reg", "epochs")
FOLDER = Path(__file__).parent

# What is run


@dataclass(frozen=True)
class Setting:
    """What a run does; the seed is in its config."""

    config: main.Config
    images: int = 48_000  # the first ones of the training set
    inputs: str = "images"  # or "shuffled pixels", "random pixels", "Gaussian noise"
    corrupted: float = 0.0  # fraction of the training labels that are drawn at random
    tested: bool = False  # whether the test set is used
    examined: bool = False  # whether mistakes and hidden units of the best model are kept

    def key(self) -> dict:
        """Return what identifies the result of this run."""
        own = ("images", "inputs", "corrupted", "tested", "examined")
        key = {name: getattr(self.config, name) for name in (*VARIED, "dtype", "seed")}
        return key | {name: getattr(self, name) for name in own}

    def work(self) -> float:
        """Estimate how long a run takes, in arbitrary units."""
        config = self.config
        per_image = 1 + 6 / config.batch_size  # an update costs as much as some six images
        return config.epochs * (self.images * per_image + 6_000) * (30 + config.hidden_size)


def change(base: Setting, **changes) -> Setting:
    """Return a setting with some entries changed, its own or those of its config."""
    own = {name: changes.pop(name) for name in list(changes) if hasattr(base, name)}
    return dataclasses.replace(base, config=dataclasses.replace(base.config, **changes), **own)


def vary(base: Setting, name: str, values: Iterable) -> list[Setting]:
    """Return a setting for each value of one entry."""
    return [change(base, **{name: value}) for value in values]


# Section 5 of the handout: one thing is changed, the rest is as in config_exp.yaml.
GIVEN = main.read_config(FOLDER.parent / "configs" / "config_exp.yaml")
DEFAULT = Setting(dataclasses.replace(GIVEN, momentum=None, debug=False), tested=True)

# Single runs that showed where to search. They had one seed, and are not run again.
SINGLE_NAMES = (*VARIED, "best_epoch", "valid_accuracy")
SINGLE_RUNS = (
    (800, 32, 0.4, 3e-05, 30, 30, 0.979),
    (800, 128, 1.6, 3e-05, 30, 29, 0.9563),
    (800, 128, 3.0, 3e-05, 30, 26, 0.9553),
    (800, 64, 1.0, 5e-05, 30, 29, 0.9732),
    (800, 64, 0.3, 5e-05, 30, 30, 0.9732),
    (800, 16, 0.2, 5e-05, 30, 30, 0.9788),
    (400, 8, 0.1, 5e-05, 30, 30, 0.9785),
    (400, 8, 0.2, 5e-05, 30, 20, 0.9796),
    (800, 8, 0.05, 5e-05, 30, 29, 0.9763),
    (800, 8, 0.1, 5e-05, 30, 26, 0.978),
    (400, 4, 0.1, 5e-05, 20, 20, 0.9784),
    (400, 8, 0.2, 0.0001, 40, 20, 0.9791),
    (400, 8, 0.5, 5e-05, 40, 40, 0.978),
    (400, 16, 0.4, 0.0001, 40, 38, 0.979),
    (400, 8, 0.3, 0.0002, 40, 20, 0.9746),
)

# The search never sees the test set. float32 takes half the time of float64.
FAST = change(DEFAULT, dtype="float32", reg=5e-5, tested=False)
SHORT = change(FAST, batch_size=16, learning_rate=0.2, hidden_size=400, epochs=20)
LONG = change(FAST, batch_size=32, learning_rate=0.4, hidden_size=400, epochs=50)
SEARCH = {
    "batch size and rate": [
        change(FAST, batch_size=size, learning_rate=rate, epochs=12)
        for size in (8, 32, 128)
        for rate in (0.05, 0.2, 0.8)
    ],
    "width": vary(SHORT, "hidden_size", (128, 400, 800)),
    "long steps": vary(change(SHORT, batch_size=128, learning_rate=1.6), "hidden_size", (128, 800)),
    "decay": vary(SHORT, "reg", (0.0, 5e-5, 2e-4)),
    "long runs": [
        change(LONG, batch_size=16, learning_rate=0.2),
        LONG,
        change(LONG, hidden_size=800),
        change(LONG, learning_rate=0.2, reg=1e-4, epochs=80),
        change(LONG, hidden_size=1600, batch_size=16, learning_rate=0.2, epochs=40),
    ],
    "around the best": [
        change(LONG, hidden_size=256),
        change(LONG, learning_rate=0.8),
        change(LONG, batch_size=64, learning_rate=0.8),
        change(LONG, reg=2e-5),
        change(LONG, reg=8e-5),
    ],
}

# Zhang et al. (2017): few images, so that random labels can be learned, and no regularization.
MEMORY = change(FAST, batch_size=8, learning_rate=0.3, hidden_size=400, reg=0.0, images=5_000)
FITTED = change(MEMORY, epochs=170, tested=True)

EXPERIMENTS = {
    "learning rate": vary(DEFAULT, "learning_rate", (1.0, 0.1, 0.05, 0.01)),
    "regularization": vary(DEFAULT, "reg", (1.0, 0.1, 0.01, 0.001, 0.0001)),
    "less decay": [change(DEFAULT, learning_rate=1.0, reg=0.0001)],
    **SEARCH,
    "chosen": [change(LONG, tested=True, examined=True)],  # report.typ checks that it is the best
    "undone": [
        change(LONG, **{name: getattr(GIVEN, name)})
        for name in ("learning_rate", "batch_size", "hidden_size", "reg", "epochs")
    ],
    # As many updates on fewer images.
    "images": [change(LONG, images=48_000 // n, epochs=50 * n) for n in (4, 2, 1)],
    "labels": vary(FITTED, "corrupted", (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
    "inputs": vary(FITTED, "inputs", ("shuffled pixels", "random pixels", "Gaussian noise")),
    # The ends of "labels" with the same seeds: the same epochs to fit, no further evidence.
    "longer": vary(change(MEMORY, epochs=220), "corrupted", (0.0, 1.0)),
}


def seeded(setting: Setting) -> list[Setting]:
    """Return the runs of a setting, one per seed."""
    return vary(setting, "seed", SEEDS)


def all_runs() -> list[Setting]:
    """Return every run once."""
    settings = [setting for experiment in EXPERIMENTS.values() for setting in experiment]
    return list(dict.fromkeys(run for setting in settings for run in seeded(setting)))


# How it is run


def corrupt(data: main.Data, setting: Setting) -> main.Data:
    """Return the data of a run, made random as its setting says by a generator of its own."""
    generator = np.random.default_rng(setting.config.seed)
    images, labels = (array[: setting.images] for array in data.train)
    if setting.corrupted:
        drawn = generator.integers(10, size=len(labels))
        labels = np.where(generator.random(len(labels)) < setting.corrupted, drawn, labels)
    order = generator.permutation(images.shape[1])
    mean, deviation = images.mean(), images.std()
    make = {
        "images": lambda x: x,
        "shuffled pixels": lambda x: x[:, order],
        "random pixels": lambda x: generator.permuted(x, axis=1),
        "Gaussian noise": lambda x: to_bytes(generator.normal(mean, deviation, x.shape)),
    }[setting.inputs]
    test = (make(data.test[0]), data.test[1]) if setting.tested else None
    valid = make(data.valid[0]), data.valid[1]
    return main.Data((make(images), labels), valid, test)


def to_bytes(pixels: np.ndarray) -> np.ndarray:
    """Round and clip pixels to 0 to 255."""
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def execute(setting: Setting, data: main.Data) -> dict:
    """Train, validate and test as a setting says; return what is kept of it."""
    data = corrupt(data, setting)
    norms, models = [], []

    def after_epoch(model: TwoLayerNet) -> None:
        norms.append(weight_norm(model))
        models.append(model)

    started = time.perf_counter()
    result = main.run(setting.config, data, after_epoch=after_epoch)
    if not np.isfinite(result.train_loss + result.valid_loss).all():
        raise ValueError(f"diverged: {setting.key()}")
    seconds = round(time.perf_counter() - started, 1)
    kept = {name: getattr(result, name) for name in (*HISTORIES, "best_epoch", "test_accuracy")}
    kept |= {"weight_norm": norms, "seconds": seconds}
    if setting.examined:
        kept |= examine(result.best_model, *data.test)
    if setting.images == MEMORY.images and setting.tested:
        images, labels = data.test
        right = probabilities(models[-1], images).argmax(axis=1) == labels
        kept |= {
            "last_test_accuracy": float(right.mean()),
            "growth": float(growth(*data.train)[1][0]),
        }
    return kept


def weight_norm(model: TwoLayerNet) -> float:
    """Return the root of the sum of the squares of all weights, biases left out."""
    return sum(float((W**2).sum()) for W in model.weights.values() if W.ndim == 2) ** 0.5


def probabilities(model: TwoLayerNet, images: np.ndarray) -> np.ndarray:
    """Return the class probabilities (N, 10) for images (N, 784) as bytes."""
    W1, b1, W2, b2 = (model.weights[name] for name in ("W1", "b1", "W2", "b2"))
    return model.softmax(model.sigmoid(images / 255 @ W1 + b1) @ W2 + b2)


def examine(model: TwoLayerNet, images: np.ndarray, labels: np.ndarray, count: int = 40) -> dict:
    """Return what a network gets wrong, and what its hidden units look for.

    Returns
    -------
    dict
        confusion : how many images of a digit (row) were read as another (column).
        mistakes : the wrong answers with the highest probabilities: number of the image, label,
        prediction, probability, pixels (bytes in base 64).
        units : incoming weights of the hidden units with the longest outgoing ones, scaled to -127
        to 127 (signed bytes in base 64).
    """
    p = probabilities(model, images)
    read_as = p.argmax(axis=1)
    confusion = np.zeros((10, 10), dtype=int)
    np.add.at(confusion, (labels, read_as), 1)
    wrong = np.flatnonzero(read_as != labels)
    surest = wrong[np.argsort(-p[wrong].max(axis=1), kind="stable")][:count]
    lengths = np.linalg.norm(model.weights["W2"], axis=1)
    units = model.weights["W1"].T[np.argsort(-lengths, kind="stable")][:count]
    units = np.rint(127 * units / np.abs(units).max(axis=1, keepdims=True)).astype(np.int8)
    return {
        "confusion": confusion.tolist(),
        "mistakes": [
            {
                "image": int(number),
                "label": int(labels[number]),
                "read_as": int(read_as[number]),
                "probability": float(p[number].max()),
                "pixels": encode(images[number]),
            }
            for number in surest
        ],
        "units": [encode(unit) for unit in units],
    }


def encode(pixels: np.ndarray) -> str:
    """Return bytes in base 64."""
    return base64.b64encode(pixels.tobytes()).decode("ascii")


def growth(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return in which directions, and how fast, a two-layer network leaves zero weights.

    The singular value decomposition of M / 4, M = 1/N sum_n x_n (onehot(y_n) - f)^T, where f are
    the frequencies of the classes. The singular values are the rates, per unit of learning rate x
    updates; report.typ derives them.
    """
    targets = np.eye(10)[labels]
    residuals = targets - targets.mean(axis=0)
    return np.linalg.svd((images / 255).T @ residuals / len(labels) / 4, full_matrices=False)


def predict_norms(setting: Setting, data: main.Data) -> dict:
    """Return the rates of growth, and the weight norm that they predict after each epoch.

    Along singular vectors, the weights a of the first layer and b of the second follow
    a' = rate b - reg a and b' = rate a - reg b, while both are small; all other weights decay.
    """
    directions, rates, classes = growth(*data.train)
    config, weights = setting.config, main.build_model(setting.config).weights
    # The mean over the hidden units acts as a bias, and does not grow.
    W1, W2 = weights["W1"], weights["W2"] - weights["W2"].mean(axis=0)
    W1 = W1 - W1.mean(axis=1, keepdims=True)
    a, b = directions.T @ W1, classes @ W2.T
    updates = len(data.train[1]) / config.batch_size * np.arange(1, config.epochs + 1)
    age = config.learning_rate * updates
    rising, falling = (np.exp(2 * np.outer(age, sign * rates)) for sign in (1, -1))
    squares = (rising @ ((a + b) ** 2).sum(axis=1) + falling @ ((a - b) ** 2).sum(axis=1)) / 2
    squares += sum((weights[name] ** 2).sum() for name in ("W1", "W2")) - (a**2 + b**2).sum()
    norms = np.exp(-config.reg * age) * np.sqrt(squares)
    return {"rates": rates.tolist(), "norms": norms.tolist()}


# Where the results are kept

GROWTH = "growth from the initial weights"  # the key of a result that is no run


def as_text(key: dict | str) -> str:
    """Return a key as text, whatever the order of its entries."""
    return json.dumps(key, sort_keys=True)


def read_results(path: Path) -> dict[str, dict]:
    """Return the results by key; a line that was cut is left out."""
    results = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            result = json.loads(line)
        except ValueError:
            continue
        results[as_text(result["run"])] = result
    return results


def run_missing(path: Path, runs: list[Setting], log: Callable[[str], None] = print) -> None:
    """Do the runs that have no result yet, one per core at a time, and append their results."""
    kept = read_results(path)
    missing = [run for run in runs if as_text(run.key()) not in kept]
    if not missing and as_text(GROWTH) in kept:
        return
    data = main.load_data()  # here, a mistake in the data is reported once
    lines = [json.dumps(result) + "\n" for result in kept.values()]
    utils.write_whole(path, "".join(lines).encode())  # without a line that was cut

    def keep(result: dict) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")

    if as_text(GROWTH) not in kept:
        keep({"run": GROWTH, **predict_norms(EXPERIMENTS["learning rate"][-1], data)})
    missing.sort(key=Setting.work, reverse=True)  # so that no core waits for a long last run
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # of each process
    started, done, total = time.monotonic(), 0.0, sum(run.work() for run in missing)
    with multiprocessing.get_context("spawn").Pool(initializer=ignore_ctrl_c) as pool:
        for number, (run, result) in enumerate(pool.imap_unordered(do, missing), start=1):
            keep(result)
            done += run.work()
            left = (time.monotonic() - started) * (total - done) / done / 60
            log(f"[{number}/{len(missing)}] {result['run']}: about {left:.0f} min left")


def ignore_ctrl_c() -> None:
    """Leave Ctrl-C to the parent process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def do(run: Setting) -> tuple[Setting, dict]:
    """Execute a run in a process of the pool."""
    return run, {"run": run.key(), **execute(run, cached_data())}


cached_data = functools.cache(main.load_data)

# What is read from the results


def outcomes(results: dict[str, dict]) -> dict[str, list[dict]]:
    """Return the settings of each experiment: their keys, and under "runs" a result per seed."""

    def outcome(setting: Setting) -> dict:
        runs = [results[as_text(run.key())] for run in seeded(setting)]
        return setting.key() | {"runs": runs}

    return {name: [outcome(one) for one in settings] for name, settings in EXPERIMENTS.items()}


def sample(values: Iterable[float]) -> dict:
    """Return a number of each seed: mean, standard deviation (N - 1), and both in percent."""
    values = [float(value) for value in values]
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
    text = f"{100 * mean:.2f} ± {100 * spread:.2f}"
    return {"values": values, "mean": mean, "spread": spread, "percent": text}


def summarize(outcome: dict) -> dict:
    """Return what the report says of a setting.

    Accuracies are those of the epoch with the best validation accuracy; "fit" is the first epoch
    with more than 99 % in training, null where a seed has none.
    """
    runs = outcome["runs"]
    summary = {name: value for name, value in outcome.items() if name != "runs"} | {
        "history": {
            name: [sample(epoch) for epoch in zip(*(run[name] for run in runs))]
            for name in (*HISTORIES, "weight_norm")
        },
        "best_epoch": sample(run["best_epoch"] for run in runs),
        "train": sample(run["train_accuracy"][run["best_epoch"] - 1] for run in runs),
        "valid": sample(run["valid_accuracy"][run["best_epoch"] - 1] for run in runs),
        "seconds": sum(run["seconds"] for run in runs),
        "rises": float(np.mean([np.diff(run["valid_loss"]) > 0 for run in runs])),
        "fit": None,
    }
    for name in ("test_accuracy", "last_test_accuracy", "growth"):
        if runs[0].get(name) is not None:
            summary[name] = sample(run[name] for run in runs)
    if all(max(run["train_accuracy"]) > 0.99 for run in runs):
        epochs = [int(np.argmax(np.array(run["train_accuracy"]) > 0.99)) + 1 for run in runs]
        summary["fit"] = sample(epochs)
        summary["fit_norm"] = sample(r["weight_norm"][n - 1] for r, n in zip(runs, epochs))
    if outcome["examined"]:
        summary["confusion"] = [run["confusion"] for run in runs]
    return summary
