"""The experiments: their settings, how they run, where results are kept, and their summary.

An experiment is a list of settings, and each setting is run with several seeds. The result of a run
is a line of results.jsonl; a run that has its line is not repeated.
"""

import functools
import itertools
import json
import multiprocessing
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import main
from models import TwoLayerNet
from report import analysis

SEEDS = (1, 2, 3)  # of the order of the images; the initial weights are always the same
FRESH_SEEDS = (4, 5, 6, 7, 8)  # of "fresh seeds": no choice was based on them
MEASURED = ("fitted", "fitted_right", "fitted_wrong", "true_for_wrong")  # of analysis.measure
VARIED = ("hidden_size", "batch_size", "learning_rate", "reg", "epochs")
TRAINED = (*VARIED, "dtype", "seed")  # what the config of a run takes from its setting
FOLDER = Path(__file__).parent

# What is run


def vary(base: dict, **values: Iterable) -> list[dict]:
    """Return the base with each combination of the values put in."""
    return [dict(base, **dict(zip(values, each))) for each in itertools.product(*values.values())]


GIVEN = main.read_config(FOLDER.parent / "configs" / "config_exp.yaml")
# The settings of a run; as JSON, the key of its result in results.jsonl.
BASE = {name: getattr(GIVEN, name) for name in TRAINED} | {
    "images": 48_000,  # the first ones of the training set
    "inputs": "images",  # or "shuffled pixels", "random pixels", "Gaussian noise"
    "corrupted": 0.0,  # fraction of the training labels that are drawn at random
    "tested": False,  # whether the test set is used
    "examined": False,  # whether confusions and mistakes of the best model are kept
}

# Section 5 of the handout: config_exp.yaml with changes.
UNTESTED = dict(BASE, measured=True)  # the training images are classified after every epoch
DEFAULT = dict(UNTESTED, tested=True)

# The search never sees the test set. float32 takes half the time of float64.
FAST = dict(BASE, dtype="float32", reg=5e-5)
SHORT = dict(FAST, batch_size=16, learning_rate=0.2, hidden_size=400, epochs=20)
LONG = dict(FAST, batch_size=32, learning_rate=0.4, hidden_size=400, epochs=50)
CHOSEN = dict(LONG, tested=True, examined=True, measured=True)  # the best: a claim in report.typ

# Zhang et al. (2017): few images, so that random labels can be learned, and no regularization.
MEMORY = dict(LONG, batch_size=8, learning_rate=0.3, reg=0.0, epochs=170, images=5_000, tested=True)

EXPERIMENTS = {
    "learning rate": vary(DEFAULT, learning_rate=(1.0, 0.1, 0.05, 0.01)),
    "regularization": vary(DEFAULT, reg=(1.0, 0.1, 0.01, 0.001, 0.0001)),
    "less decay": [dict(DEFAULT, learning_rate=1.0, reg=0.0001)],
    "larger rates": vary(UNTESTED, learning_rate=(2.0, 4.0, 8.0, 16.0, 32.0)),
    "no decay": [dict(UNTESTED, reg=0.0)],
    "batch size and rate": vary(
        dict(FAST, epochs=12), batch_size=(8, 32, 128), learning_rate=(0.05, 0.2, 0.8)
    ),
    "width": vary(SHORT, hidden_size=(128, 400, 800)),
    "long steps": vary(dict(SHORT, batch_size=128, learning_rate=1.6), hidden_size=(128, 800)),
    "decay": vary(SHORT, reg=(0.0, 5e-5, 2e-4)),
    "long runs": [
        dict(LONG, batch_size=16, learning_rate=0.2),
        LONG,
        dict(LONG, hidden_size=800),
        dict(LONG, learning_rate=0.2, reg=1e-4, epochs=80),
        dict(LONG, hidden_size=1600, batch_size=16, learning_rate=0.2, epochs=40),
    ],
    "around the best": [
        dict(LONG, hidden_size=256),
        dict(LONG, learning_rate=0.8),
        dict(LONG, batch_size=64, learning_rate=0.8),
        *vary(LONG, reg=(2e-5, 8e-5)),
    ],
    "chosen": [CHOSEN],
    "undone": [  # the chosen setting with one entry set back to its default
        dict(LONG, **{name: BASE[name]})
        for name in ("learning_rate", "batch_size", "hidden_size", "reg", "epochs")
    ],
    "fresh seeds": [BASE, LONG, *vary(LONG, reg=(2e-5, 0.0)), dict(LONG, hidden_size=128)],
    "gap": vary(LONG, reg=(2e-5, 5e-5, 8e-5, 1e-3)),
    # Fewer images, but as many updates.
    "images": [dict(LONG, images=48_000 // n, epochs=50 * n) for n in (4, 2, 1)],
    "labels": [
        dict(setting, measured=True) if setting["corrupted"] == 0.4 else setting
        for setting in vary(MEMORY, corrupted=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
    ],
    "inputs": vary(MEMORY, inputs=("shuffled pixels", "random pixels", "Gaussian noise")),
}


def runs(name: str) -> list[list[dict]]:
    """Return the runs of each setting of an experiment, one per seed."""
    seeds = FRESH_SEEDS if name == "fresh seeds" else SEEDS
    return [vary(setting, seed=seeds) for setting in EXPERIMENTS[name]]


def all_runs() -> list[dict]:
    """Return every run once."""
    every = {json.dumps(run): run for name in EXPERIMENTS for seeds in runs(name) for run in seeds}
    return list(every.values())


def config(setting: dict) -> main.Config:
    """Return the config of a setting's run."""
    return main.Config("TwoLayerNet", **{name: setting[name] for name in TRAINED})


# How it is run


def corrupt(data: main.Data, setting: dict) -> main.Data:
    """Return the data of a run, with inputs and labels randomized as its setting says."""
    generator = np.random.default_rng(setting["seed"])
    images, labels = (array[: setting["images"]] for array in data.train)
    if setting["corrupted"]:
        drawn = generator.integers(10, size=len(labels))
        labels = np.where(generator.random(len(labels)) < setting["corrupted"], drawn, labels)
    order = generator.permutation(images.shape[1])
    mean, deviation = images.mean(), images.std()
    make = {
        "images": lambda x: x,
        "shuffled pixels": lambda x: x[:, order],
        "random pixels": lambda x: generator.permuted(x, axis=1),
        "Gaussian noise": lambda x: (
            generator.normal(mean, deviation, x.shape).round().clip(0, 255).astype(np.uint8)
        ),
    }[setting["inputs"]]
    test = (make(data.test[0]), data.test[1]) if setting["tested"] else None
    valid = make(data.valid[0]), data.valid[1]
    return main.Data((make(images), labels), valid, test)


def execute(setting: dict, data: main.Data) -> dict:
    """Train, validate and test as a setting says; return the result to keep."""
    true_labels = data.train[1][: setting["images"]]
    data = corrupt(data, setting)
    epochs, models = [], []

    def after_epoch(model: TwoLayerNet) -> None:
        epochs.append({"weight_norm": analysis.weight_norm(model)})
        if "measured" in setting:
            epochs[-1] |= analysis.measure(model, *data.train, true_labels)
        models.append(model)

    started = time.perf_counter()
    result = vars(main.run(config(setting), data, after_epoch=after_epoch))
    best_model = result.pop("best_model")
    if len(result["train_loss"]) < setting["epochs"] or not np.isfinite(result["valid_loss"]).all():
        raise ValueError(f"diverged: {setting}")
    kept = {"run": setting} | result | {"seconds": round(time.perf_counter() - started, 1)}
    kept |= {name: [epoch[name] for epoch in epochs] for name in epochs[0]}
    if setting["examined"]:
        kept |= analysis.examine(best_model, *data.test)
    if setting["images"] == MEMORY["images"] and setting["tested"]:
        kept["last_test_accuracy"] = analysis.accuracy(models[-1], *data.test)
        kept["growth"] = float(np.linalg.norm(analysis.growth(*data.train), 2))
    if setting["learning_rate"] == 0.01:  # small steps, which theory can predict
        kept |= analysis.predict_norms(config(setting), *data.train)
    return kept


# Where the results are kept


def read_results(path: Path) -> dict[str, dict]:
    """Return the results by key; a ValueError names a cut, repeated or inconsistent line."""
    results = {}
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    for number, line in enumerate(lines, start=1):
        try:
            result = json.loads(line)
            run, key = result["run"], json.dumps(result["run"])
            if key in results:
                raise ValueError(f"a second result of the run in line {[*results].index(key) + 1}")
            measured = MEASURED[: 4 if run["corrupted"] else 1] if "measured" in run else ()
            for name in (*main.HISTORIES, "weight_norm", *measured):
                if len(result[name]) != run["epochs"] or not np.isfinite(result[name]).all():
                    raise ValueError(f"{name}: expected {run['epochs']} finite numbers")
            if run["examined"]:
                right = np.trace(result["confusion"]) / np.sum(result["confusion"])
                if abs(right - result["test_accuracy"]) > 1e-9:
                    raise ValueError(f"the confusion matrix says a test_accuracy of {right}")
            if not line.endswith("\n"):
                raise ValueError("the end of the line is missing")
        except (KeyError, TypeError, ValueError) as error:
            problem = f"{type(error).__name__}: {error}; delete the line to repeat its run"
            raise ValueError(f"{path.name}, line {number}: {problem}") from None
        results[key] = result
    return results


def run_missing(path: Path, wanted: list[dict]) -> None:
    """Execute the runs that have no result yet, one per core, and append their results."""
    kept = read_results(path)
    missing = [run for run in wanted if json.dumps(run) not in kept]
    if not missing:
        return
    data = main.load_data()
    ignore_ctrl_c = signal.SIGINT, signal.SIG_IGN  # in the children; the parent handles it
    with (
        path.open("a", encoding="utf-8", buffering=1) as file,  # each line at once
        multiprocessing.get_context("spawn").Pool(None, signal.signal, ignore_ctrl_c) as pool,
    ):
        results = pool.imap_unordered(functools.partial(execute, data=data), missing)
        for number, result in enumerate(results, start=1):
            file.write(json.dumps(result) + "\n")
            print(f"[{number}/{len(missing)}] {result['run']}", flush=True)


# What is read from the results


def outcomes(results: dict[str, dict]) -> dict[str, list[dict]]:
    """Return a summary of each setting of each experiment, with its results under "runs"."""
    return {
        name: [summarize([results[json.dumps(run)] for run in seeds]) for seeds in runs(name)]
        for name in EXPERIMENTS
    }


def sample(values: Iterable[float]) -> dict:
    """Summarize one number per seed: mean, standard deviation (N - 1), and both in percent."""
    values = [float(value) for value in values]
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
    text = f"{100 * mean:.2f} ± {100 * spread:.2f}"
    return {"values": values, "mean": mean, "spread": spread, "percent": text}


def summarize(seeds: list[dict]) -> dict:
    """Summarize a setting for the report, from the results of its seeds.

    Accuracies are those of the epoch with the best validation accuracy; "fit" is the first epoch
    with more than 99 % in training, and is left out if a seed has none.
    """

    def of(name: str, epochs: list[int]) -> dict:
        return sample(run[name][epoch - 1] for run, epoch in zip(seeds, epochs))

    best = [1 + int(np.argmax(run["valid_accuracy"])) for run in seeds]
    measured = [name for name in MEASURED if name in seeds[0]]
    summary = seeds[0]["run"] | {
        "runs": seeds,
        "history": {
            name: [sample(epoch) for epoch in zip(*(run[name] for run in seeds))]
            for name in (*main.HISTORIES, "weight_norm", *measured)
        },
        "best_epoch": sample(best),
        "train": of("train_accuracy", best),
        "valid": of("valid_accuracy", best),
        "seconds": sum(run["seconds"] for run in seeds),
        **{name: of(name, best) for name in measured},
    }
    for name in ("test_accuracy", "last_test_accuracy", "growth"):
        if seeds[0].get(name) is not None:
            summary[name] = sample(run[name] for run in seeds)
    fitted = np.array([run["train_accuracy"] for run in seeds]) > 0.99
    if fitted.any(axis=1).all():
        fit = 1 + fitted.argmax(axis=1)
        summary |= {"fit": sample(fit), "fit_norm": of("weight_norm", fit)}
    if summary["examined"]:
        summary["confusion"] = np.sum([run["confusion"] for run in seeds], axis=0).tolist()
    return summary
