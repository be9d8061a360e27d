"""Run what is missing, in parallel processes, and keep each result in a file of its own.

A result takes its name when it is complete, so a run that was killed is a run that is missing.
"""

import base64
import functools
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

import main
import utils
from report.plan import Run, Setting

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
MISTAKES, UNITS = 40, 40  # how many are kept of an examined model


def run_missing(runs: Iterable[Run], folder: Path, log: Callable[[str], None]) -> None:
    """Do those runs whose result is not yet in the folder, as many at once as there are cores.

    Parameters
    ----------
    runs : iterable of Run
        What is to be done; those that are there already are left alone.
    folder : Path
        Where the results are, NAME.json each.
    log : callable
        Called with a line after every run: how far it is and how long it will take.

    Raises
    ------
    FileNotFoundError, ValueError
        If MNIST is missing or malformed, or a run diverges.
    OSError
        If a result cannot be written.
    """
    missing = {run.name: run for run in runs if load(run, folder) is None}
    if not missing:
        return
    main.load_data()  # what is wrong with the data is told once, and before anything is started
    folder.mkdir(parents=True, exist_ok=True)
    # The longest first, so that no core waits for the last one. One thread each: runs share the
    # cores already.
    queue = sorted(missing.values(), key=lambda run: -run.setting.work)
    os.environ.update(dict.fromkeys(THREADS, "1"))
    started, done, work = time.monotonic(), 0.0, sum(run.setting.work for run in queue)
    pool = ProcessPoolExecutor(
        max_workers=min(len(queue), os.cpu_count() or 1),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_process,
    )
    try:
        # Ctrl-C is this process's to answer. The others are started here, and ignore it likewise.
        usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            futures = {pool.submit(_run_and_keep, run, folder): run for run in queue}
        finally:
            signal.signal(signal.SIGINT, usual)
        for number, future in enumerate(as_completed(futures), start=1):
            accuracy = future.result()
            done += futures[future].setting.work
            left = (time.monotonic() - started) * (work - done) / done
            log(
                f"[{number}/{len(queue)}] {futures[future].name}: validation accuracy "
                f"{accuracy:.4f}; about {left / 60:.0f} min left"
            )
    except BaseException:
        for process in multiprocessing.active_children():
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start_process() -> None:
    """Prepare a process that does runs: it ends with the one that started it, however that ends."""

    def end_with_parent() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


@functools.cache
def _data() -> main.Data:
    return main.load_data()


def _run_and_keep(run: Run, folder: Path) -> float:
    """Do a run and write its result; return its best validation accuracy."""
    result = execute(run.setting, _data())
    utils.write_whole(folder / f"{run.name}.json", as_text({"run": run.as_dict(), **result}))
    return max(result["valid_accuracy"])


def execute(setting: Setting, data: main.Data) -> dict:
    """Train and validate as a setting says; return what came of it, in the form it is kept in."""
    images, labels = (array[: setting.images] for array in data.train)
    if setting.random_labels:
        labels = np.random.default_rng(setting.config.seed).integers(10, size=len(labels))
    data = main.Data((images, labels), data.valid, data.test if setting.tested else None)
    norms = []
    started = time.perf_counter()
    result = main.run(
        setting.config, data, after_epoch=lambda model: norms.append(weight_norm(model))
    )
    if not np.isfinite(result.train_loss + result.valid_loss).all():
        raise ValueError(f"{Run(setting).name}: diverged; the plan wants a smaller learning rate")
    kept = {
        "train_loss": result.train_loss,
        "train_accuracy": result.train_accuracy,
        "valid_loss": result.valid_loss,
        "valid_accuracy": result.valid_accuracy,
        "weight_norm": norms,
        "best_epoch": result.best_epoch,
        "test_accuracy": result.test_accuracy,
        "seconds": round(time.perf_counter() - started, 1),
    }
    return kept | (examine(result.best_model, *data.test) if setting.examined else {})


def weight_norm(model) -> float:
    """Return the root of the sum of all squared weights, biases left out: what L2 holds down."""
    squares = sum(float((W**2).sum()) for W in model.weights.values() if W.ndim == 2)
    return squares**0.5


def examine(model, images: np.ndarray, labels: np.ndarray) -> dict:
    """Return what a two-layer network gets wrong on bytes of images, and what its units look for.

    Returns
    -------
    dict
        confusion : list of 10 lists of 10, how many images of a digit (row) were read as another.
        mistakes : the wrong answers that the network was surest of, each with the image's number,
        label, prediction, probability and pixels.
        units : the incoming weights of the hidden units with the longest outgoing ones, from -127
        to 127, in base 64.
    """
    weights = model.weights
    hidden = model.sigmoid(images / 255 @ weights["W1"] + weights["b1"])
    p = model.softmax(hidden @ weights["W2"] + weights["b2"])
    read_as = p.argmax(axis=1)
    confusion = np.zeros((10, 10), dtype=int)
    np.add.at(confusion, (labels, read_as), 1)
    wrong = np.flatnonzero(read_as != labels)
    wrong = wrong[np.argsort(-p[wrong].max(axis=1), kind="stable")][:MISTAKES]
    strongest = np.argsort(-np.linalg.norm(weights["W2"], axis=1), kind="stable")[:UNITS]
    return {
        "confusion": confusion.tolist(),
        "mistakes": [
            {
                "image": int(number),
                "label": int(labels[number]),
                "read_as": int(read_as[number]),
                "probability": float(p[number].max()),
                "pixels": _encode(images[number].astype(np.uint8)),
            }
            for number in wrong
        ],
        "units": [_encode(_as_bytes(weights["W1"][:, unit])) for unit in strongest],
    }


def _as_bytes(values: np.ndarray) -> np.ndarray:
    return np.rint(127 * values / np.abs(values).max()).astype(np.int8)


def _encode(pixels: np.ndarray) -> str:
    return base64.b64encode(pixels.tobytes()).decode("ascii")


def as_text(result: dict) -> bytes:
    """Return a result as JSON with a line per entry."""
    entries = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in result.items())
    return ("{\n" + ",\n".join(entries) + "\n}\n").encode()


HISTORIES = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "weight_norm")


def load(run: Run, folder: Path) -> dict | None:
    """Return the result of a run; None if there is none that is whole, or it is another run's."""
    try:
        result = json.loads((folder / f"{run.name}.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return result if isinstance(result, dict) and _is_whole(result, run) else None


def _is_whole(result: dict, run: Run) -> bool:
    epochs = run.setting.config.epochs
    histories = [result.get(name) for name in HISTORIES]
    needed = ["seconds", "best_epoch"]
    needed += ["test_accuracy"] * run.setting.tested
    needed += ["confusion", "mistakes", "units"] * run.setting.examined
    return (
        result.get("run") == run.as_dict()
        and all(isinstance(one, list) and len(one) == epochs for one in histories)
        and all(isinstance(value, float) for one in histories for value in one)
        and all(result.get(name) is not None for name in needed)
        and result["best_epoch"] in range(1, epochs + 1)
    )
