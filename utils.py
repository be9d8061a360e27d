"""Load and batch the data, train for an epoch, plot the curves."""

import functools
import importlib.util
import io
import os
import random
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

TRAIN_CSV = "./data/mnist_train.csv"
TEST_CSV = "./data/mnist_test.csv"

# A notebook sets MPLBACKEND for all programs that it starts. If the module named there is missing,
# importing Matplotlib may fail.
_, _, backend = os.environ.get("MPLBACKEND", "").partition("module://")
if backend and not importlib.util.find_spec(backend.split(".")[0]):
    del os.environ["MPLBACKEND"]


# Data


def load_csv(
    path: str | os.PathLike, as_array: bool = False, dtype: DTypeLike = np.float64
) -> tuple[list, list] | tuple[NDArray, NDArray]:
    """Load images and labels from a CSV file.

    Each line holds a label, 0 to 9, then 784 pixels, 0 to 255, row by row. A header is skipped. If
    the file is malformed, a ValueError says why.

    Returns
    -------
    data : list of list of float
        Pixels in [0, 1], value / 255. With `as_array`, an array (N, 784) of type `dtype`, which
        takes less time and memory; uint8 keeps the file's values.
    labels : list of int
        With `as_array`, an array (N,).
    """
    rows = _read_rows(path)
    pixels, labels = rows[:, 1:], rows[:, 0].astype(np.int64)
    if as_array and np.dtype(dtype) == np.uint8:
        return pixels, labels
    if as_array:
        return np.divide(pixels, 255, dtype=dtype), labels
    # 256 float objects serve all images: 8 bytes a pixel instead of 32.
    shades = np.array([value / 255 for value in range(256)], dtype=object)
    return [shades[image].tolist() for image in pixels], labels.tolist()


def load_mnist_trainval(as_array: bool = False, dtype: DTypeLike = np.float64) -> tuple:
    """Load ./data/mnist_train.csv: its first 80 % for training, its last 20 % for validation.

    Returns train_data, train_label, val_data, val_label, in the form that `load_csv` returns.
    """
    data, labels = load_csv(TRAIN_CSV, as_array, dtype)
    split = len(data) * 4 // 5
    if split == 0:
        raise ValueError(f"{TRAIN_CSV}: found 1 image; expected at least 2, one for validation")
    return data[:split], labels[:split], data[split:], labels[split:]


def load_mnist_test(as_array: bool = False, dtype: DTypeLike = np.float64) -> tuple:
    """Load ./data/mnist_test.csv as `load_csv` does."""
    return load_csv(TEST_CSV, as_array, dtype)


def _read_rows(path: str | os.PathLike) -> NDArray:
    """Return the rows of a CSV file as bytes (N, 785), label first."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            header, row = (file.readline().strip().replace('"', "").split(",") for _ in range(2))
        for cells in (header, row):  # 786 with the row names of pandas or R
            if any(cells) and len(cells) != 785:
                raise ValueError(f"found {len(cells)} columns; expected 785: label, pixels")
        options = {"delimiter": ",", "comments": None, "encoding": "utf-8-sig", "ndmin": 2}
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy only warns about an empty file
            rows = np.loadtxt(path, np.uint8, skiprows=int(header[0][:1].isalpha()), **options)
        labels, last = rows[:, 0], rows[:, -1]
        if labels.max() == 0 < last.max() <= 9:  # no MNIST image has ink in its first pixel
            raise ValueError("the last column looks like the labels; expected them first")
        if labels.max() > 9:
            row = int(np.argmax(labels > 9))
            raise ValueError(f"found label {labels[row]} at row {row}; expected 0 to 9")
        return rows
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path}: no such file; in the project's folder, make it with: sh data/get_data.sh "
            "(on Windows: data\\get_data.bat)"
        ) from None
    except (ValueError, Warning) as error:
        raise ValueError(f"{path}: {error}") from None


def generate_batched_data(
    data: ArrayLike,
    label: ArrayLike,
    batch_size: int = 32,
    shuffle: bool = False,
    seed: int | None = None,
    lazy: bool = False,
    dtype: DTypeLike | None = None,
) -> tuple[Sequence[NDArray], Sequence[NDArray]]:
    """Cut images (N, 784) and their labels (N,) into batches.

    Parameters
    ----------
    batch_size : int
        Images per batch; the last batch may be smaller.
    shuffle : bool
        Shuffle images and labels together, in the order that `random.shuffle` gives a list.
    seed : int, optional
        Shuffle as after `random.seed(seed)`; by default, use the current state of `random`.
    lazy : bool
        Return sequences that build a batch when it is accessed, instead of lists.
    dtype : dtype, optional
        Convert bytes (uint8) to this float type, divided by 255. Other images keep their type.
    """
    if len(data) != len(label):
        raise ValueError(f"found {len(label)} labels for {len(data)} images; expected one each")
    order = list(range(len(data)))
    if shuffle:
        (random if seed is None else random.Random(seed)).shuffle(order)
    order = np.array(order, dtype=int)
    rows = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    batches = _LazyBatches(np.asarray(data), rows, dtype), _LazyBatches(np.asarray(label), rows)
    return batches if lazy else (list(batches[0]), list(batches[1]))


class _LazyBatches(Sequence):
    """The batches of an array, each built on access."""

    def __init__(self, array: NDArray, rows: list[NDArray], dtype: DTypeLike | None = None):
        self.array, self.rows, self.dtype = array, rows, dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> NDArray:
        batch = self.array[self.rows[number]]
        if self.dtype is None or batch.dtype != np.uint8:
            return batch
        return np.divide(batch, 255, dtype=self.dtype)


# Training


def train(
    epoch: int,
    batched_train_data: Sequence[NDArray],
    batched_train_label: Sequence[NDArray],
    model,
    optimizer,
    debug: bool = True,
) -> tuple[float, float]:
    """Train a model for one epoch, one update per batch; return mean loss and accuracy.

    Both are averaged over the images, each batch measured before its update: cross-entropy in nats,
    accuracy in [0, 1]. On a terminal, `debug` shows the progress.
    """

    def step(X: NDArray, y: NDArray) -> tuple[float, float]:
        loss, accuracy = model.forward(X, y, mode="train")
        optimizer.update(model)
        return loss, accuracy

    title = f"epoch {epoch}" if debug else ""
    return _average(batched_train_data, batched_train_label, step, title)


def evaluate(
    batched_test_data: Sequence[NDArray],
    batched_test_label: Sequence[NDArray],
    model,
    debug: bool = True,
) -> tuple[float, float]:
    """Return the loss and accuracy of a model without changing it, averaged as in `train`."""
    step = functools.partial(model.forward, mode="valid")
    return _average(batched_test_data, batched_test_label, step, "evaluation" if debug else "")


def _average(batched_data, batched_label, step, title: str) -> tuple[float, float]:
    """Return loss and accuracy, as `step` returns them, averaged over the images of all batches."""
    show = title and sys.stderr.isatty()
    loss_sum = accuracy_sum = images = 0
    for number, (X, y) in enumerate(zip(batched_data, batched_label, strict=True), start=1):
        loss, accuracy = step(X, y)
        images += len(y)
        loss_sum += loss * len(y)
        accuracy_sum += accuracy * len(y)
        if show and number % (len(batched_data) // 4 + 1) == 0:
            line = f"{title}: batch {number} of {len(batched_data)}, loss {loss_sum / images:.4f}"
            print(line, end="\r", file=sys.stderr)  # over the previous line
    if show:
        print(" " * 60, end="\r", file=sys.stderr)
    return loss_sum / images, accuracy_sum / images


# Plots

LOSS, ACCURACY = "mean cross-entropy (nats)", "accuracy (fraction of images)"
STYLES = ("-", "--", "-.", ":")


def plot_curves(
    train_loss_history: Sequence[float],
    train_acc_history: Sequence[float],
    valid_loss_history: Sequence[float],
    valid_acc_history: Sequence[float],
    prefix: str = "",
    title: str = "Learning curves",
    best_epoch: int | None = None,
) -> None:
    """Draw the learning curves into loss.png and accuracy.png in the working directory.

    Each history has a value per epoch. `prefix` begins both file names; both figures mark the
    epoch with the best validation accuracy, if it is given.
    """
    losses = {"training": train_loss_history, "validation": valid_loss_history}
    accuracies = {"training": train_acc_history, "validation": valid_acc_history}
    draw_curves(f"{prefix}loss.png", title, LOSS, losses, best_epoch)
    draw_curves(f"{prefix}accuracy.png", title, ACCURACY, accuracies, best_epoch)


def draw_curves(
    path: str, title: str, unit: str, curves: dict[str, Sequence[float]], best: int | None = None
) -> None:
    """Draw curves over the epochs, and mark an epoch as the best."""
    from matplotlib.figure import Figure  # slow to import, and not needed before
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7, 4.5 + 0.2 * len(curves)), layout="constrained")
    axes = figure.add_subplot()
    for number, (label, values) in enumerate(curves.items()):
        marker = "o" if len(values) <= 30 else ""
        # Styles alternate, so that coinciding curves both show; colors repeat after ten.
        style = STYLES[(number + number // 10) % len(STYLES)]
        epochs = range(1, 1 + len(values))
        axes.plot(epochs, values, linestyle=style, marker=marker, markersize=4, label=label)
    if best is not None:
        label = f"best validation accuracy: epoch {best}"
        axes.axvline(best, color="0.4", linestyle=":", linewidth=1, label=label)
    axes.set_title(title, fontsize="medium", parse_math=False)  # names may contain $
    axes.set(xlabel="epoch", ylabel=unit)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    for text in figure.legend(handles=axes.lines, loc="outside lower center").get_texts():
        text.set_parse_math(False)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150, bbox_inches="tight")  # long names are not cut
    write_whole(path, png.getvalue())


def write_whole(path: str | os.PathLike, content: bytes) -> None:
    """Write a file under another name, then rename it, so that nobody reads half of it."""
    unfinished = Path(f"{path}.part")
    unfinished.write_bytes(content)
    unfinished.replace(path)
