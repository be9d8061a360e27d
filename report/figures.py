"""The figures of the report, drawn from what `experiments.outcomes` returns."""

import base64
import itertools
import operator
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from report import experiments

STYLE = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "axes.titlesize": 10,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "legend.fontsize": 9,
    "legend.edgecolor": "none",
    "savefig.dpi": 150,
}

# Colours from dark to light and a marker for each, so that lines differ in grey, too. The chosen
# and the default setting look the same in every figure.
CHOSEN, DEFAULT = ("#c8102e", "*"), ("#111111", "s")
LINES = tuple(zip(["#08306b", "#8856a7", "#3a8fb7", "#5cb85c", "#f0a030", "#8c8c8c"], "o^DvPX"))
DARK, MIDDLE, LIGHT = LINES[0], LINES[2], LINES[4]

# For each kind of panel: the label of the axis, and the histories in solid and in dashed lines.
KINDS = {
    "loss": ("cross-entropy (nats)", "train_loss", "valid_loss"),
    "training loss": ("training loss (nats)", "train_loss"),
    "accuracy": ("accuracy (%)", "train_accuracy", "valid_accuracy"),
    "validation": ("validation accuracy (%)", "valid_accuracy"),
    "norm": ("norm of the weights", "weight_norm"),
}

varied = operator.itemgetter(*experiments.VARIED, "images")  # what tells settings apart
KNOWN = {varied(experiments.CHOSEN): CHOSEN, varied(experiments.DEFAULT): DEFAULT}


def looks(settings: list[dict]) -> list[tuple[str, str]]:
    """Return the colour and the marker of each setting."""
    others = itertools.cycle(LINES)
    return [KNOWN.get(varied(setting)) or next(others) for setting in settings]


def curves(axes: Axes, lines: dict, kind: str, limits=None, title="", legend="inside") -> None:
    """Draw histories of named settings: the mean over seeds, and their range if there is room."""
    label, *histories = KINDS[kind]
    for number, (name, look) in enumerate(zip(lines, looks([*lines.values()]))):
        for history, dash in zip(histories, ("-", "--")):
            values = np.array([run[history] for run in lines[name]["runs"]])
            values = 100 * values if "%" in label else values
            x, every = np.arange(1, values.shape[1] + 1), max(1, values.shape[1] // 8)
            style = {"label": name} if dash == "-" else {"markerfacecolor": "white"}
            style |= {"color": look[0], "marker": look[1], "markevery": (number % every, every)}
            style |= {"markersize": 7, "linewidth": 1.8} if look == CHOSEN else {}
            axes.plot(x, values.mean(axis=0), linestyle=dash, **style)
            if legend != "beside":
                band = values.min(axis=0), values.max(axis=0)
                axes.fill_between(x, *band, color=look[0], alpha=0.2, linewidth=0)
    axes.set(xlabel="epoch", ylabel=label, title=title)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.margins(x=0.03)
    if limits:
        axes.set_ylim(limits)
    if kind == "loss":  # the panel beside it has the same lines, and the legend
        logarithmic(axes, "y", (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2))
    elif legend == "beside":
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    elif legend:
        axes.legend(ncols=2 if len(lines) > 5 else 1)


def logarithmic(axes: Axes, axis: str, ticks: tuple) -> None:
    """Make an axis logarithmic, with the ticks that are in its range."""
    axes.set(**{f"{axis}scale": "log"})
    locators = {"major_locator": FixedLocator(ticks), "minor_locator": NullLocator()}
    getattr(axes, f"{axis}axis").set(major_formatter="{x:g}", **locators)


def points(axes: Axes, x: list, settings: list[dict], name: str, look: tuple, label="") -> None:
    """Draw a summary of each setting: mean and standard deviation, fractions in percent."""
    factor, (color, marker) = 1 if name == "fit" else 100, look
    samples = [setting[name] for setting in settings]
    mean, spread = ([factor * each[part] for each in samples] for part in ("mean", "spread"))
    axes.errorbar(x, mean, spread, color=color, marker=marker, capsize=3, label=label)
    for at, y, own in zip(x, mean, looks(settings)):
        if own == CHOSEN:
            axes.plot(at, y, color=own[0], marker=own[1], markersize=9, zorder=3)


def named(settings: list[dict], pattern: str) -> dict[str, dict]:
    """Return settings by name; the pattern makes a name from a setting."""
    return {pattern.format(**setting).replace("e-0", "e-"): setting for setting in settings}


def panels(outcomes: dict[str, list[dict]]) -> dict[str, tuple]:
    """Return the figures of curves alone: the inches of a panel, then the arguments of each."""
    rates = named(outcomes["learning rate"], "η = {learning_rate:g}")
    decays = named(outcomes["regularization"] + outcomes["no decay"], "λ = {reg:g}")
    (chosen,) = outcomes["chosen"]
    pair = {"default": outcomes["learning rate"][1], "chosen": chosen}
    names = ("chosen", "η = 0.1", "batches of 64", "128 units", "λ = 0.001", "10 epochs")
    undone = dict(zip(names, (chosen, *outcomes["undone"])))
    search = "{hidden_size} · {batch_size} · {learning_rate:g} · {reg:g}"
    long_runs = named(outcomes["long runs"], search)
    around = named([chosen, *outcomes["around the best"]], search)
    widths, steps = (named(outcomes[of], "{hidden_size} units") for of in ("width", "long steps"))

    def with_detail(lines: dict, low: float, high: float) -> tuple:
        detail = (lines, "accuracy", (low, high), f"accuracy from {low} %", "")
        return (3.3, 2.5), (lines, "loss"), (lines, "accuracy"), detail

    return {
        "learning-rate": with_detail(rates, 88, 96),
        "regularization": with_detail(decays, 86, 94.5),
        "norm": ((4.4, 3.9), (decays, "norm", (-0.5, 24))),
        "one-thing": (
            (3.6, 2.1),
            (widths, "validation", (94, 98.2), "width"),
            (steps, "validation", (80, 98.5), "long steps"),
            (named(outcomes["decay"], "λ = {reg:g}"), "validation", (94, 98.2), "decay"),
        ),
        "long-runs": (
            (4.9, 2.4),
            (long_runs, "validation", (97, 98.2), "long runs", "beside"),
            (around, "validation", (97, 98.2), "around the best", "beside"),
        ),
        "tuning": ((3.6, 2.5), (pair, "loss"), (pair, "accuracy", (88, 100.4))),
        "undone": ((4.6, 3.6), (undone, "validation", (92, 98.3))),
    }


def faster(outcomes: dict[str, list[dict]]) -> Figure:
    """Draw norms, the effect of λ at a large rate, and accuracy against the rate."""
    figure, (norm, decay, rate) = new_figure(3, 3.1, 2.2)
    rates = outcomes["learning rate"]
    curves(norm, named(rates, "η = {learning_rate:g}"), "norm", (-0.5, 29))
    norm.legend(ncols=2, loc="upper center")
    pair = named([rates[0], *outcomes["less decay"]], "λ = {reg:g}")
    curves(decay, pair, "accuracy", (89, 98.5), "η = 1")
    settings = [*reversed(rates), *outcomes["larger rates"]]
    x = [setting["learning_rate"] for setting in settings]
    points(rate, x, settings, "valid", DARK, "best epoch")
    last = [{**setting, "last": setting["history"]["valid_accuracy"][-1]} for setting in settings]
    points(rate, x, last, "last", LIGHT, "last epoch")
    rate.set(xlabel="learning rate η", ylabel="validation accuracy (%)", ylim=(0, 100))
    logarithmic(rate, "x", (0.01, 0.1, 1, 4, 16))
    rate.legend(loc="lower left")
    return figure


def batch_size_and_rate(outcomes: dict[str, list[dict]]) -> Figure:
    """Draw the best accuracies against the rate, and the curves behind them."""
    figure, (left, *others) = new_figure(4, 2.55, 2.3)
    for axes, size, look in zip(others, (8, 32, 128), LINES[3:]):  # not the colours of rates
        grid = outcomes["batch size and rate"]
        settings = [setting for setting in grid if setting["batch_size"] == size]
        rates = [setting["learning_rate"] for setting in settings]
        points(left, rates, settings, "valid", look, f"batches of {size}")
        lines, legend = named(settings, "η = {learning_rate:g}"), "inside" if size == 8 else ""
        curves(axes, lines, "validation", (86, 98.5), f"batches of {size}", legend)
    left.set(xlabel="learning rate η", ylabel="validation accuracy (%)", title="best epochs")
    left.set_ylim(86, 98.5)
    logarithmic(left, "x", (0.05, 0.2, 0.8))
    left.legend()
    return figure


def gap(outcomes: dict[str, list[dict]]) -> Figure:
    """Draw training and validation accuracy against λ and against the number of images."""
    figure, both = new_figure(2, 3.0, 2.7)
    without = [setting for setting in outcomes["fresh seeds"] if setting["reg"] == 0]
    for axes, settings, xlabel, pattern in (
        (both[0], without + outcomes["gap"], "λ", "{reg:g}"),
        (both[1], outcomes["images"], "training images", "{images}"),
    ):
        for part, look, label in (("train", DARK, "training"), ("valid", LIGHT, "validation")):
            points(axes, range(len(settings)), settings, part, look, label)
        axes.set(xlabel=xlabel, ylabel="accuracy (%)", ylim=(94, 100.4))
        axes.set_xticks(range(len(settings)), named(settings, pattern))
    axes.legend(loc="lower right")
    return figure


def mixture(outcomes: dict[str, list[dict]]) -> Figure:
    """Draw by epoch what is predicted for rightly and for wrongly labelled training images."""
    figure, (axes,) = new_figure(1, 4.9, 3.1)
    (mixed,) = (setting for setting in outcomes["labels"] if "measured" in setting)
    for name, label, (color, marker) in (
        ("fitted_right", "rightly labelled: the label", DARK),
        ("true_for_wrong", "wrongly labelled: the true digit", MIDDLE),
        ("fitted_wrong", "wrongly labelled: the wrong label", LIGHT),
    ):
        values = 100 * np.array([run[name] for run in mixed["runs"]])
        x, every = np.arange(1, values.shape[1] + 1), [0, 1, 2, 4, 7, 12, 20, 34, 57, 96, 169]
        style = {"color": color, "marker": marker, "markevery": every, "label": label}
        axes.plot(x, values.mean(axis=0), **style)
        axes.fill_between(x, values.min(axis=0), values.max(axis=0), color=color, alpha=0.2, lw=0)
    best = mixed["best_epoch"]["values"]
    axes.axvspan(min(best), max(best), color="0.85", zorder=0, label="best on validation")
    axes.set(xlabel="epoch", ylabel="predicted (% of these images)", ylim=(0, 101))
    logarithmic(axes, "x", (1, 2, 5, 10, 20, 50, 100))
    figure.legend(loc="outside upper center", ncols=2, fontsize=8)
    return figure


def memory(outcomes: dict[str, list[dict]]) -> Figure:
    """Draw Figure 1 of Zhang et al.: training loss, time to fit, and test accuracy."""
    figure, (loss, fit, test) = new_figure(3, 3.5, 2.4)
    labels = outcomes["labels"]
    lines = {"true labels": labels[0], "random labels": labels[-1]}
    curves(loss, lines | named(outcomes["inputs"], "{inputs}"), "training loss")
    loss.lines[0].set(linewidth=5, alpha=0.4)  # true labels, under the line of shuffled pixels
    loss.legend()
    share = [100 * setting["corrupted"] for setting in labels]
    points(fit, share, labels, "fit", DARK)
    fit.set(xlabel="random labels (%)", ylabel="epochs to 99 % in training", ylim=(0, None))
    points(test, share, labels, "last_test_accuracy", DARK, "after the last epoch")
    points(test, share, labels, "test_accuracy", LIGHT, "after the best epoch")
    test.set(xlabel="random labels (%)", ylabel="test accuracy (%)", ylim=(0, 100))
    test.legend(loc="lower left")
    return figure


def mistakes(outcomes: dict[str, list[dict]]) -> Figure:
    """Draw the most confident errors of the chosen network."""
    figure = Figure(figsize=(4.6, 3.1))
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.94, wspace=0.12, hspace=0.3)
    found = outcomes["chosen"][0]["runs"][0]["mistakes"]
    for axes, mistake in zip(figure.subplots(4, 7).flat, found):
        pixels = np.frombuffer(base64.b64decode(mistake["pixels"]), np.uint8)
        axes.imshow(pixels.reshape(28, 28), cmap="gray_r", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{mistake['label']} → {mistake['predicted']}", size=8, pad=2)
        axes.spines[:].set(visible=True, linewidth=0.4)
    return figure


def new_figure(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels side by side."""
    figure = Figure(figsize=(count * width, height), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def draw_all(outcomes: dict[str, list[dict]]) -> Iterator[tuple[str, Figure]]:
    """Yield the figures with their names."""
    for name, (size, *arguments) in panels(outcomes).items():
        figure, all_axes = new_figure(len(arguments), *size)
        for axes, panel in zip(all_axes, arguments):
            curves(axes, *panel)
        yield name, figure
    for draw in (faster, batch_size_and_rate, gap, mixture, memory, mistakes):
        yield draw.__name__, draw(outcomes)
