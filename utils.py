"""The stations of a run: load and batch the data, run one epoch, plot the curves.

Loads MNIST from CSV, cuts it into batches, takes a model through one epoch of training or
evaluation, and draws the learning curves. It knows nothing of configs, and prints only where
`debug=True` asks for it.
"""

import contextlib
import functools
import io
import itertools
import os
import random
import re
import reprlib
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

TRAIN_CSV = "./data/mnist_train.csv"
TEST_CSV = "./data/mnist_test.csv"
CLASSES = 10
COLUMNS = 1 + 28 * 28  # a label, then the pixels


# Loading and batching


def load_csv(
    path: str | os.PathLike, as_array: bool = False, dtype: DTypeLike = np.float64
) -> tuple[list, list] | tuple[NDArray, NDArray]:
    """Load the images and labels of one CSV file.

    A line per image: a label from 0 to 9, then 784 pixels from 0 to 255, row by row. One header
    line, a byte-order mark, empty lines and CRLF line ends are accepted.

    Parameters
    ----------
    path : str or path-like
        The file.
    as_array : bool
        Return NumPy arrays instead of lists, in less time and memory.
    dtype : dtype
        Type of the pixels in arrays: float64, float32, or uint8, an eighth as large as float64.

    Returns
    -------
    data : list of list of float, or ndarray of shape (N, 784)
        Pixels in [0, 1], value / 255; as uint8, the values 0 to 255 themselves.
    labels : list of int, or ndarray of int64 of shape (N,)
        Labels from 0 to 9.

    Raises
    ------
    FileNotFoundError
        If there is no such file; says how to make MNIST's.
    OSError
        If it cannot be read.
    ValueError
        If the file is not as described above; names the line and what is wrong with it.
    """
    rows = _read_rows(path)
    pixels, labels = rows[:, 1:], rows[:, 0].astype(np.int64)
    if as_array and np.dtype(dtype) == np.uint8:
        return pixels, labels
    if as_array:
        return np.divide(pixels, 255, dtype=dtype), labels
    # There are 256 pixel values, so 256 float objects serve all images: 8 bytes a pixel, not 32.
    shades = np.array([value / 255 for value in range(256)], dtype=object)
    data = []
    for start in range(0, len(pixels), 1000):
        data += shades[pixels[start : start + 1000]].tolist()
    return data, labels.tolist()


def load_mnist_trainval(as_array: bool = False, dtype: DTypeLike = np.float64) -> tuple:
    """Load ./data/mnist_train.csv: its first 80 % to train on, its last 20 % to validate on.

    Parameters
    ----------
    as_array, dtype
        As in `load_csv`.

    Returns
    -------
    train_data, train_label, val_data, val_label
        In file order, each as `load_csv` returns it; 48,000 and 12,000 images for MNIST.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_csv` does, and a ValueError if there are fewer than two images to split.
    """
    data, labels = load_csv(TRAIN_CSV, as_array, dtype)
    if len(data) < 2:
        raise ValueError(
            f"{TRAIN_CSV}: found 1 image; expected at least 2, to validate on the last"
        )
    split = len(data) * 4 // 5
    return data[:split], labels[:split], data[split:], labels[split:]


def load_mnist_test(as_array: bool = False, dtype: DTypeLike = np.float64) -> tuple:
    """Load ./data/mnist_test.csv; parameters, returns and errors as for `load_csv`."""
    return load_csv(TEST_CSV, as_array, dtype)


def _read_rows(path: str | os.PathLike) -> NDArray:
    """Return the lines of a CSV file as one array of bytes (N, 785), checked."""
    try:
        header = _has_header(path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path}: no such file; run this in the project's folder, and make the MNIST files "
            "with: sh data/get_data.sh (Windows: data\\get_data.bat)"
        ) from None
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}; expected a CSV file", str(path)) from None
    try:
        # Of an empty file NumPy only warns, and NumPy 1 of a fraction that it cut to an integer.
        with warnings.catch_warnings(), open(path, encoding="utf-8-sig") as file:
            warnings.simplefilter("error")
            rows = np.loadtxt(
                _ascii_lines(itertools.islice(file, int(header), None)),
                dtype=np.uint8,
                delimiter=",",
                comments=None,
                ndmin=2,
            )
    except (ValueError, UserWarning) as error:
        raise ValueError(f"{path}, {_first_fault(path, header) or error}") from None
    if rows.shape[1] != COLUMNS or rows[:, 0].max() >= CLASSES:
        raise ValueError(f"{path}, {_first_fault(path, header)}")
    return rows


def _ascii_lines(lines: Iterable[str]) -> Iterator[str]:
    """Hand lines on, but none that numpy.loadtxt (2.4 and before) may crash on.

    It looks each character of a whole number up in C's table of 256, and reads past its end.
    """
    for line in lines:
        if not line.isascii():
            raise ValueError("expected digits and commas")
        yield line


def _has_header(path: str | os.PathLike) -> bool:
    """Tell whether the first line names columns instead of holding an image."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        names = file.readline(1 << 16).strip().split(",")
    # Names are words, or at least all different, which 784 pixels of 256 values cannot be: a
    # damaged image is not taken for a header.
    words = all(re.search("[A-Za-z]", name) for name in names)
    return len(names) == COLUMNS and (words or len(set(names)) == COLUMNS)


def _first_fault(path: str | os.PathLike, header: bool) -> str | None:
    """Say where a CSV file is malformed first and what is wrong there; None if it is not."""
    images = 0
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for line_number, line in enumerate(file, start=1):
            line = line.rstrip("\n")
            if not line or (header and line_number == 1):
                continue
            images += 1
            fields = line.split(",")
            if len(fields) != COLUMNS:
                return (
                    f"line {line_number}: found {len(fields)} column{'s' * (len(fields) > 1)}; "
                    f"expected {COLUMNS}, a label and 784 pixels separated by commas"
                )
            for column, field in enumerate(fields, start=1):
                name, limit = ("label", CLASSES) if column == 1 else ("pixel", 256)
                text = field.strip()
                number = re.fullmatch(r"\+?0*([0-9]{1,3})", text)
                if number is None or int(number[1]) >= limit:
                    return (
                        f"line {line_number}, column {column}: found {reprlib.repr(text)}; "
                        f"expected a {name}, a whole number from 0 to {limit - 1}"
                    )
    return None if images else "line 1: found no image; expected one per line"


def generate_batched_data(
    data: ArrayLike,
    label: ArrayLike,
    batch_size: int = 32,
    shuffle: bool = False,
    seed: int | None = None,
    lazy: bool = False,
    dtype: DTypeLike | None = None,
) -> tuple[Sequence[NDArray], Sequence[NDArray]]:
    """Cut images and labels into batches, in order or shuffled alike.

    Parameters
    ----------
    data : array_like, shape (N, 784)
        Images.
    label : array_like, shape (N,)
        Their labels.
    batch_size : int
        Images per batch, at least 1. The last batch is smaller if N is not a multiple of it.
    shuffle : bool
        Permute images and labels first, in the order that `random.shuffle` gives a list of
        length N.
    seed : int, optional
        The order is that of `random.seed(seed)`, without touching the state of `random`; if
        left out, it comes from that state.
    lazy : bool
        Return sequences that gather a batch each time it is asked for, from `data` as it is then,
        instead of lists, which hold a copy of all of it.
    dtype : dtype, optional
        Float type of the images in the batches, where those in `data` are bytes (uint8): they
        become value / 255, as `load_csv` makes them. If left out, images stay as they are.

    Returns
    -------
    batched_data : list or sequence of ndarray, each (batch_size, 784)
    batched_label : list or sequence of ndarray, each (batch_size,)
        New arrays: writing to them leaves `data` and `label` as they were.

    Raises
    ------
    ValueError
        If there is not one label per image, or `batch_size` is less than 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; expected at least 1")
    if len(data) != len(label):
        raise ValueError(f"found {len(label)} labels for {len(data)} images; expected one each")
    order = list(range(len(data)))
    if shuffle:
        (random if seed is None else random.Random(seed)).shuffle(order)
    order = np.array(order, dtype=np.intp)
    rows = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    batches = _LazyBatches(np.asarray(data), rows, dtype), _LazyBatches(np.asarray(label), rows)
    return batches if lazy else (list(batches[0]), list(batches[1]))


class _LazyBatches(Sequence):
    """The batches of an array, each gathered when it is asked for."""

    def __init__(self, array: NDArray, rows: list[NDArray], dtype: DTypeLike | None = None):
        self.array, self.rows = array, rows
        self.dtype = dtype if array.dtype == np.uint8 else None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int | slice) -> NDArray | list[NDArray]:
        if isinstance(number, slice):
            return [self[n] for n in range(len(self))[number]]
        batch = self.array[self.rows[number]]
        return batch if self.dtype is None else np.divide(batch, 255, dtype=self.dtype)


# One epoch


def train(
    epoch: int,
    batched_train_data: Sequence[NDArray],
    batched_train_label: Sequence[NDArray],
    model,
    optimizer,
    debug: bool = True,
) -> tuple[float, float]:
    """Train a model for one epoch: for every batch a forward pass and an update.

    Parameters
    ----------
    epoch : int
        Its number, for the progress line.
    batched_train_data, batched_train_label : sequence of ndarray
        Batches as `generate_batched_data` returns them.
    model : SoftmaxRegression or TwoLayerNet
        Its weights are updated.
    optimizer : SGD
        What updates them.
    debug : bool
        Report progress on standard error: on a terminal in a line that replaces itself,
        otherwise in one line at the end.

    Returns
    -------
    epoch_loss, epoch_acc : float
        Cross-entropy in nats and accuracy in [0, 1], averaged over the images, each batch
        measured before its update.

    Raises
    ------
    ValueError
        If there are no batches, or not as many batches of labels, or `model.forward` refuses one.
    """

    def step(X: NDArray, y: NDArray) -> tuple[float, float]:
        result = model.forward(X, y, mode="train")
        optimizer.update(model)
        return result

    title = f"epoch {epoch}, training" if debug else None
    return _average(batched_train_data, batched_train_label, step, title)


def evaluate(
    batched_test_data: Sequence[NDArray],
    batched_test_label: Sequence[NDArray],
    model,
    debug: bool = True,
) -> tuple[float, float]:
    """Evaluate a model on batches; it is left as it is.

    Parameters
    ----------
    batched_test_data, batched_test_label : sequence of ndarray
        Batches as `generate_batched_data` returns them.
    model : SoftmaxRegression or TwoLayerNet
        What is evaluated.
    debug : bool
        Report progress, as in `train`.

    Returns
    -------
    epoch_loss, epoch_acc : float
        Cross-entropy in nats and accuracy in [0, 1], averaged over the images.

    Raises
    ------
    ValueError
        If there are no batches, or not as many batches of labels, or `model.forward` refuses one.
    """
    step = functools.partial(model.forward, mode="valid")
    return _average(batched_test_data, batched_test_label, step, "evaluation" if debug else None)


def _average(batched_data, batched_label, step, title: str | None) -> tuple[float, float]:
    """Return loss and accuracy of `step` over all batches, averaged over the images."""
    if len(batched_data) == 0 or len(batched_data) != len(batched_label):
        raise ValueError(
            f"found {len(batched_data)} batches of images and {len(batched_label)} of labels; "
            "expected as many of each, at least 1"
        )
    loss_sum = accuracy_sum = images = 0
    progress = _Progress(title, len(batched_data))
    try:
        for number, (X, y) in enumerate(zip(batched_data, batched_label), start=1):
            loss, accuracy = step(X, y)
            images += len(y)
            loss_sum += loss * len(y)
            accuracy_sum += accuracy * len(y)
            progress.show(number, loss_sum / images, accuracy_sum / images)
    finally:
        progress.clear()
    return loss_sum / images, accuracy_sum / images


class _Progress:
    """Reports batches on standard error: in a line that replaces itself, or the last one only."""

    def __init__(self, title: str | None, batches: int):
        self.title = title if sys.stderr is not None else None  # there may be none
        self.batches = batches
        self.live = self.title is not None and sys.stderr.isatty()
        self.due = 0.0
        self.width = 0

    def show(self, number: int, loss: float, accuracy: float) -> None:
        """Report batch `number`: on a terminal ten times a second, elsewhere if it is the last."""
        if self.title is None or not (self.live or number == self.batches):
            return
        text = (
            f"{self.title}: batch {number}/{self.batches}, loss {loss:.4f}, accuracy {accuracy:.4f}"
        )
        if not self.live:
            print(text, file=sys.stderr)
        elif time.monotonic() >= self.due:
            self.due = time.monotonic() + 0.1
            print("\r" + text.ljust(self.width), end="", file=sys.stderr, flush=True)
            self.width = len(text)

    def clear(self) -> None:
        """Wipe the line that replaces itself."""
        if self.width:
            print("\r" + " " * self.width, end="\r", file=sys.stderr, flush=True)


# Plotting


def plot_curves(
    train_loss_history: Sequence[float],
    train_acc_history: Sequence[float],
    valid_loss_history: Sequence[float],
    valid_acc_history: Sequence[float],
    prefix: str = "",
) -> None:
    """Draw the learning curves into loss.png and accuracy.png in the working directory.

    Both mark the first epoch with the best validation accuracy. Of a run that diverged, they mark
    the epoch whose loss is not finite, and leave it out of the search for the best.

    Parameters
    ----------
    train_loss_history, valid_loss_history : sequence of float
        Mean cross-entropy of each epoch in nats.
    train_acc_history, valid_acc_history : sequence of float
        Accuracy of each epoch in [0, 1].
    prefix : str
        What the names of the two files begin with.

    Raises
    ------
    ValueError
        If the histories are empty or differ in length.
    OSError
        If a figure cannot be written; one of that name that was there is left as it was.
    """
    histories = (train_loss_history, valid_loss_history, train_acc_history, valid_acc_history)
    lengths = [len(history) for history in histories]
    if len(set(lengths)) > 1 or lengths[0] == 0:
        raise ValueError(f"found histories of {lengths} epochs; expected as many, at least 1")
    curves = np.array(histories, dtype=float)  # (4, epochs)
    finite = np.isfinite(curves).all(axis=0)  # (epochs,)
    curves[~np.isfinite(curves)] = np.nan  # Matplotlib leaves these out
    marks = {}
    if finite.any():
        best = 1 + int(np.argmax(np.where(finite, curves[3], -np.inf)))
        marks[f"best validation accuracy: epoch {best}"] = best
    if not finite.all():
        diverged = 1 + int(np.argmin(finite))
        marks[f"loss not finite: epoch {diverged}"] = diverged
    loss = _draw_curves("Loss", "mean cross-entropy (nats)", *curves[:2], marks)
    accuracy = _draw_curves("Accuracy", "fraction of images", *curves[2:], marks)
    write_whole(f"{prefix}loss.png", loss)
    write_whole(f"{prefix}accuracy.png", accuracy)


def _draw_curves(
    title: str, unit: str, training: NDArray, validation: NDArray, marks: dict[str, int]
) -> bytes:
    """Return a PNG of both curves over the epochs, with the epochs in `marks` marked."""
    # Imported here: it takes longer than everything else that is imported, together.
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    count = len(training)
    epochs = np.arange(1, count + 1)
    marker = "o" if count <= 30 else ""  # one epoch is a point, 200 are a line

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(epochs, training, marker=marker, markersize=4, label="training")
    axes.plot(epochs, validation, marker=marker, markersize=4, label="validation")
    for (label, epoch), linestyle in zip(marks.items(), ("--", ":")):
        axes.axvline(epoch, color="0.4", linestyle=linestyle, linewidth=1, label=label)
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.set_ylabel(unit)
    axes.set_xlim(0.5, count + max(0.5, 0.02 * count))  # there is no epoch 0, so no tick for it
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    axes.legend(loc="best")  # said aloud, or Matplotlib warns where it takes more than a second
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150)
    return png.getvalue()


def write_whole(path: str | os.PathLike, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it under its name.

    Raises
    ------
    OSError
        If it cannot be written; a file of that name that was there is left as it was.
    """
    folder, name = os.path.split(path)
    unfinished = os.path.join(folder, f".{os.getpid()}-{name}")
    try:
        with open(unfinished, "wb") as file:
            file.write(content)
        os.replace(unfinished, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with contextlib.suppress(OSError):
            os.remove(unfinished)
