"""The figures of the report, drawn from what `experiments.outcomes` returns."""

import base64
import io
from collections.abc import Iterator

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

STYLE = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": matplotlib.cycler(
        color=["#1f4e79", "#d2691e", "#3aa876", "#7b3f98", "#222222", "#c9a800"]
    ),
    "grid.color": "#e4e4e4",
    "lines.linewidth": 1.4,
    "legend.fontsize": 9,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "svg.hashsalt": "report",  # the same bytes every time
}

# For each kind of panel: the histories in solid and in dashed lines, and the label of the axis.
KINDS = {
    "loss": ("train_loss", "valid_loss", "cross-entropy (nats)"),
    "training loss": ("train_loss", None, "training loss (nats)"),
    "accuracy": ("train_accuracy", "valid_accuracy", "accuracy (%)"),
    "validation": ("valid_accuracy", None, "validation accuracy (%)"),
    "norm": ("weight_norm", None, "norm of the weights"),
}

# Inches of a panel, where figures share a page with much text.
SIZES = {
    "learning-rate-why": (2.6, 4.4),
    "regularization": (3.3, 2.9),
    "norm": (4.4, 4.2),
    "one-thing": (3.5, 2.1),
    "long-runs": (4.9, 2.4),
    "images": (4.5, 4.5),
    "undone": (4.5, 4.5),
}


def curves(
    axes: Axes, lines: dict, kind: str, limits=None, title="", against="epoch", crowded=False
) -> None:
    """Draw histories of named outcomes: the mean of the seeds, and a band from least to most.

    A crowded panel has no bands, and its legend beside it.
    """
    solid, dashed, label = KINDS[kind]
    for number, (name, outcome) in enumerate(lines.items()):
        for history, line in ((solid, "-"), (dashed, "--")) if dashed else ((solid, "-"),):
            values = np.array([run[history] for run in outcome["runs"]])
            values = 100 * values if "%" in label else values
            x = np.arange(1, values.shape[1] + 1)
            x = x * outcome["images"] / outcome["batch_size"] if against == "updates" else x
            style = {"color": f"C{number}", "linestyle": line}
            if line == "-":  # markers, so that a print without colours can be read
                every = max(1, len(x) // 8)
                style |= {"label": name, "marker": "os^Dvx"[number], "markevery": (number, every)}
            axes.plot(x, values.mean(axis=0), markersize=3.5, **style)
            if not crowded:
                band = values.min(axis=0), values.max(axis=0)
                axes.fill_between(x, *band, color=f"C{number}", alpha=0.2, linewidth=0)
    axes.set(xlabel=against, ylabel=label, title=title)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.margins(x=0.02)
    if limits:
        axes.set_ylim(limits)
    axes.legend(**({"loc": "center left", "bbox_to_anchor": (1, 0.5)} if crowded else {}))


def named(outcomes: list[dict], pattern: str) -> dict[str, dict]:
    """Return outcomes by a name that their settings give."""
    return {pattern.format(**outcome).replace("e-0", "e-"): outcome for outcome in outcomes}


def panels(o: dict[str, list[dict]]) -> dict[str, list[tuple]]:
    """Return the figures that are only curves: for each panel, the arguments of `curves`."""
    rates = named(o["learning rate"], "η = {learning_rate:g}")
    decays = named(o["regularization"], "λ = {reg:g}")
    faster = named([o["learning rate"][0], *o["less decay"]], "η = 1, λ = {reg:g}")
    search = "{hidden_size} · {batch_size} · {learning_rate:g} · {reg:g}"
    (chosen,) = o["chosen"]
    pair = {"default": o["learning rate"][1], "chosen": chosen}
    names = ("η = 0.1", "batches of 64", "128 units", "λ = 0.001", "10 epochs")
    units, images = "{hidden_size} units", "{images:,} images"
    return {
        "learning-rate": [(rates, "loss"), (rates, "accuracy")],
        "learning-rate-why": [(rates, "norm", (-0.5, 25)), (faster, "accuracy", (89, 98.5))],
        "regularization": [
            (decays, "loss"),
            (decays, "accuracy"),
            (decays, "accuracy", (80, 94.5), "accuracy from 80 %"),
        ],
        "norm": [(decays, "norm", (-0.5, 25))],
        "one-thing": [
            (named(o["width"], units), "validation", (94, 98.2), "width"),
            (named(o["long steps"], units), "validation", (80, 98.5), "long steps"),
            (named(o["decay"], "λ = {reg:g}"), "validation", (94, 98.2), "decay"),
        ],
        "long-runs": [
            (named(outcomes, search), "validation", (97, 98.2), title, "epoch", True)
            for title, outcomes in (
                ("long runs", o["long runs"]),
                ("around the best", [chosen, *o["around the best"]]),
            )
        ],
        "images": [(named(o["images"], images), "accuracy", (93, 100.3), "", "updates")],
        "tuning": [(pair, "loss", (0, 1)), (pair, "accuracy", (88, 100.4))],
        "undone": [
            (dict(zip(("chosen", *names), (chosen, *o["undone"]))), "validation", (92, 98.3))
        ],
    }


def batch_size_and_rate(o: dict[str, list[dict]]) -> Figure:
    """Draw the best accuracies against the rate, and the curves behind them."""
    figure, (left, *others) = new_figure(4, 2.55, 2.4)
    for axes, size in zip(others, (8, 32, 128)):
        settings = [one for one in o["batch size and rate"] if one["batch_size"] == size]
        best = [[100 * max(run["valid_accuracy"]) for run in one["runs"]] for one in settings]
        means, spreads = np.mean(best, axis=1), np.std(best, axis=1, ddof=1)
        left.errorbar(range(3), means, spreads, marker="o", capsize=3, label=f"batches of {size}")
        lines = named(settings, "η = {learning_rate:g}")
        curves(axes, lines, "validation", (70, 98.5), f"batches of {size}")
    left.set_xticks(range(3), [f"{one['learning_rate']:g}" for one in settings])
    left.set(xlabel="learning rate η", ylabel="validation accuracy (%)", title="best epochs")
    left.legend()
    return figure


def growth(o: dict[str, list[dict]], predicted: list[float]) -> Figure:
    """Draw how the norm grows from the initial weights, and how theory says it does."""
    figure, (axes,) = new_figure(1, 3.7, 3.1)
    curves(axes, named(o["learning rate"][-1:], "measured, η = {learning_rate:g}"), "norm")
    axes.plot(range(1, 7), predicted[:6], "o--", color="C1", markersize=4, label="predicted")
    axes.set_yscale("log")
    axes.set_yticks([0.3, 1, 3, 10], ["0.3", "1", "3", "10"])
    axes.minorticks_off()
    axes.legend()
    return figure


def memory(o: dict[str, list[dict]]) -> Figure:
    """Draw Figure 1 of Zhang et al.: training loss, time to fit, and test accuracy."""
    figure, (loss, fit, test) = new_figure(3)
    lines = {"true labels": o["labels"][0], "random labels": o["labels"][-1]}
    curves(loss, lines | named(o["inputs"], "{inputs}"), "training loss", against="updates")
    loss.lines[0].set(linewidth=5, alpha=0.4)  # true labels, under the line of shuffled pixels
    loss.legend()
    share = [100 * one["corrupted"] for one in o["labels"]]

    def draw(axes: Axes, values: list, **style) -> None:
        axes.errorbar(share, np.mean(values, 1), np.std(values, 1, ddof=1), capsize=3, **style)

    draw(fit, [[fit_epoch(run) for run in one["runs"]] for one in o["labels"]], marker="o")
    fit.set(ylabel="epochs to 99 % in training", ylim=(0, None))
    for name, marker in (("last", "o"), ("best", "s")):
        key = {"last": "last_test_accuracy", "best": "test_accuracy"}[name]
        values = [[100 * run[key] for run in one["runs"]] for one in o["labels"]]
        draw(test, values, marker=marker, label=f"after the {name} epoch")
    test.set(ylabel="test accuracy (%)", ylim=(0, 100))
    test.legend(loc="lower left")
    for axes in (fit, test):
        axes.set_xlabel("random labels (%)")
    return figure


def fit_epoch(run: dict) -> int:
    """Return the first epoch with more than 99 % in training."""
    return int(np.argmax(np.array(run["train_accuracy"]) > 0.99)) + 1


def pictures(images: list[str], captions: list[str], signed: bool) -> Figure:
    """Draw images from base 64: ink on paper, or, if signed, blue below zero and red above."""
    figure = Figure(figsize=(4.3, 3.75))
    figure.subplots_adjust(
        0.01, 0.01, 0.99, 0.95, wspace=0.12, hspace=0.3 if any(captions) else 0.12
    )
    for axes, image, caption in zip(figure.subplots(5, 6).flat, images, captions):
        pixels = np.frombuffer(base64.b64decode(image), np.int8 if signed else np.uint8)
        shades = {"cmap": "RdBu_r", "vmin": -127} if signed else {"cmap": "gray_r", "vmin": 0}
        axes.imshow(pixels.reshape(28, 28), vmax=127 if signed else 255, **shades)
        axes.set(xticks=[], yticks=[])
        axes.set_title(caption, size=8, pad=2)
        axes.spines[:].set(visible=True, linewidth=0.4)
    return figure


def new_figure(count: int, width: float = 3.6, height: float = 2.75) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels side by side."""
    figure = Figure(figsize=(count * width, height), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def draw_all(o: dict[str, list[dict]], predicted: list[float]) -> Iterator[tuple[str, Figure]]:
    """Yield the figures with their names."""
    for name, arguments in panels(o).items():
        figure, all_axes = new_figure(len(arguments), *SIZES.get(name, ()))
        for number, (axes, panel) in enumerate(zip(all_axes, arguments)):
            curves(axes, *panel)
            if number and panel[0] is arguments[number - 1][0]:
                axes.get_legend().remove()  # the same as in the panel before
        yield name, figure
    yield "batch-size-and-rate", batch_size_and_rate(o)
    yield "growth", growth(o, predicted)
    yield "memory", memory(o)
    run = o["chosen"][0]["runs"][0]
    shown = [f"{one['label']} → {one['read_as']}" for one in run["mistakes"]]
    yield "mistakes", pictures([one["pixels"] for one in run["mistakes"]], shown, signed=False)
    yield "units", pictures(run["units"], [""] * len(run["units"]), signed=True)


def save(figure: Figure, form: str = "svg") -> bytes:
    """Return a figure as a file, the same bytes every time."""
    content = io.BytesIO()
    unsaid = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    figure.savefig(content, format=form, dpi=150, metadata=unsaid[form])
    return content.getvalue()
