"""The figures of the report, drawn from what `experiments.outcomes` returns."""

import base64
import io
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from report import experiments

STYLE = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "lines.linewidth": 1.3,
    "legend.fontsize": 9,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "svg.hashsalt": "report",  # the same bytes every time
}

# Colours from dark to light and a marker for each, so that lines differ in grey, too. The chosen
# and the default setting look the same in every figure.
CHOSEN, DEFAULT = ("#c8102e", "*"), ("#111111", "s")
LINES = (
    *(("#08306b", "o"), ("#8856a7", "^"), ("#3a8fb7", "D")),
    *(("#5cb85c", "v"), ("#f0a030", "P"), ("#8c8c8c", "X")),
)

# For each kind of panel: the histories in solid and in dashed lines, and the label of the axis.
KINDS = {
    "loss": ("train_loss", "valid_loss", "cross-entropy (nats)"),
    "training loss": ("train_loss", None, "training loss (nats)"),
    "accuracy": ("train_accuracy", "valid_accuracy", "accuracy (%)"),
    "validation": ("valid_accuracy", None, "validation accuracy (%)"),
    "norm": ("weight_norm", None, "norm of the weights"),
}

# Inches of a panel, where it is not the usual size.
SIZES = {
    "learning-rate": (3.3, 2.6),
    "regularization": (3.3, 2.6),
    "norm": (4.4, 3.9),
    "one-thing": (3.6, 2.1),
    "long-runs": (4.9, 2.3),
    "undone": (4.6, 3.6),
}


def looks(settings: list[dict]) -> list[dict]:
    """Return the colour and the marker of each setting."""
    names = (*experiments.VARIED, "images")

    def varied(key: dict) -> list:
        return [key[name] for name in names]

    chosen, default = (varied(one.key()) for one in (experiments.CHOSEN, experiments.DEFAULT))
    others = iter(LINES)
    own = [
        CHOSEN if varied(one) == chosen else DEFAULT if varied(one) == default else next(others)
        for one in settings
    ]
    return [{"color": color, "marker": marker} for color, marker in own]


def curves(
    axes: Axes, lines: dict, kind: str, limits=None, title="", against="epoch", beside=False
) -> None:
    """Draw histories of named settings: the mean of the seeds, and a band from least to most.

    A panel with its legend beside it has too many lines for bands.
    """
    solid, dashed, label = KINDS[kind]
    for number, ((name, setting), look) in enumerate(zip(lines.items(), looks([*lines.values()]))):
        for history, dash in ((solid, "-"), (dashed, "--")) if dashed else ((solid, "-"),):
            values = np.array([run[history] for run in setting["runs"]])
            values = 100 * values if "%" in label else values
            x = np.arange(1, values.shape[1] + 1)
            x = x * setting["images"] / setting["batch_size"] if against == "updates" else x
            every = max(1, len(x) // 8)
            style = {"label": name} if dash == "-" else {"markerfacecolor": "white"}
            style |= look | {"linestyle": dash, "markevery": (number % every, every)}
            axes.plot(x, values.mean(axis=0), markersize=7 if look["marker"] == "*" else 4, **style)
            if not beside:
                band = values.min(axis=0), values.max(axis=0)
                axes.fill_between(x, *band, color=look["color"], alpha=0.2, linewidth=0)
    axes.set(xlabel=against, ylabel=label, title=title, ylim=limits)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.margins(x=0.03)
    if kind == "loss":
        logarithmic(axes, "y", (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2))
    axes.legend(**({"loc": "center left", "bbox_to_anchor": (1, 0.5)} if beside else {}))


def logarithmic(axes: Axes, axis: str, ticks: tuple) -> None:
    """Make an axis logarithmic, with these ticks where they are in its range."""
    axes.set(**{f"{axis}scale": "log"})
    low, high = getattr(axes, f"get_{axis}lim")()
    ticks = [tick for tick in ticks if low <= tick <= high]
    axes.set(**{f"{axis}ticks": ticks, f"{axis}ticklabels": [f"{tick:g}" for tick in ticks]})
    axes.minorticks_off()


def against(axes: Axes, x: list, outcomes: list[dict], name: str, label: str, look: tuple) -> None:
    """Draw a summary of settings, in percent: mean and standard deviation."""
    samples = [outcome[name] for outcome in outcomes]
    factor = 1 if name == "fit" else 100
    means, spreads = ([factor * one[part] for one in samples] for part in ("mean", "spread"))
    color, marker = look
    dash = "-" if name in ("train", "last_test_accuracy") else "--"
    axes.errorbar(
        *(x, means, spreads), color=color, marker=marker, ms=4, ls=dash, capsize=3, label=label
    )


def named(outcomes: list[dict], pattern: str) -> dict[str, dict]:
    """Return outcomes by a name that their settings give."""
    return {pattern.format(**outcome).replace("e-0", "e-"): outcome for outcome in outcomes}


def panels(outcomes: dict[str, list[dict]]) -> dict[str, list[tuple]]:
    """Return the figures that are only curves: for each panel, the arguments of `curves`."""
    rates = named(outcomes["learning rate"], "η = {learning_rate:g}")
    decays = named(outcomes["regularization"] + outcomes["no decay"], "λ = {reg:g}")
    search = "{hidden_size} · {batch_size} · {learning_rate:g} · {reg:g}"
    (chosen,) = outcomes["chosen"]
    pair = {"default": outcomes["learning rate"][1], "chosen": chosen}
    names = ("η = 0.1", "batches of 64", "128 units", "λ = 0.001", "10 epochs")
    undone = dict(zip(("chosen", *names), (chosen, *outcomes["undone"])))
    units = "{hidden_size} units"
    return {
        "learning-rate": [
            (rates, "loss"),
            (rates, "accuracy"),
            (rates, "accuracy", (88, 96), "accuracy from 88 %"),
        ],
        "regularization": [
            (decays, "loss"),
            (decays, "accuracy"),
            (decays, "accuracy", (86, 94.5), "accuracy from 86 %"),
        ],
        "norm": [(decays, "norm", (-0.5, 15))],
        "one-thing": [
            (named(outcomes["width"], units), "validation", (94, 98.2), "width"),
            (named(outcomes["long steps"], units), "validation", (80, 98.5), "long steps"),
            (named(outcomes["decay"], "λ = {reg:g}"), "validation", (94, 98.2), "decay"),
        ],
        "long-runs": [
            (named(settings, search), "validation", (97, 98.2), title, "epoch", True)
            for title, settings in (
                ("long runs", outcomes["long runs"]),
                ("around the best", [chosen, *outcomes["around the best"]]),
            )
        ],
        "tuning": [(pair, "loss"), (pair, "accuracy", (88, 100.4))],
        "undone": [(undone, "validation", (92, 98.3))],
    }


def faster(outcomes: dict[str, list[dict]]) -> Figure:
    """Draw norms, the effect of λ at a large rate, and accuracy against the rate."""
    figure, (norm, decay, rate) = new_figure(3, 3.1, 2.7)
    curves(norm, named(outcomes["learning rate"], "η = {learning_rate:g}"), "norm", (-0.5, 25))
    pair = [outcomes["learning rate"][0], *outcomes["less decay"]]
    curves(decay, named(pair, "η = 1, λ = {reg:g}"), "accuracy", (89, 98.5))
    settings = [*reversed(outcomes["learning rate"]), *outcomes["larger rates"]]
    x = [setting["learning_rate"] for setting in settings]
    against(rate, x, settings, "valid", "best epoch", LINES[0])
    last = [100 * setting["history"]["valid_accuracy"][-1]["mean"] for setting in settings]
    rate.plot(x, last, color=LINES[4][0], marker="P", ms=4, ls=":", label="last epoch")
    rate.set(xlabel="learning rate η", ylabel="validation accuracy (%)", ylim=(0, 100))
    logarithmic(rate, "x", (0.01, 0.1, 1, 4, 16))
    rate.legend(loc="lower left")
    return figure


def batch_size_and_rate(outcomes: dict[str, list[dict]]) -> Figure:
    """Draw the best accuracies against the rate, and the curves behind them."""
    figure, (left, *others) = new_figure(4, 2.55, 2.4)
    for axes, size, look in zip(others, (8, 32, 128), LINES):
        settings = [one for one in outcomes["batch size and rate"] if one["batch_size"] == size]
        rates = [setting["learning_rate"] for setting in settings]
        against(left, rates, settings, "valid", f"batches of {size}", look)
        lines = named(settings, "η = {learning_rate:g}")
        curves(axes, lines, "validation", (70, 98.5), f"batches of {size}")
    left.set(xlabel="learning rate η", ylabel="validation accuracy (%)", title="best epochs")
    logarithmic(left, "x", (0.05, 0.2, 0.8))
    left.legend()
    return figure


def gap(outcomes: dict[str, list[dict]]) -> Figure:
    """Draw training and validation accuracy against λ and against the number of images."""
    figure, (decay, images) = new_figure(2, 3.3, 3)
    for axes, settings in ((decay, outcomes["gap"]), (images, outcomes["images"])):
        x = range(len(settings))
        against(axes, x, settings, "train", "training", LINES[0])
        against(axes, x, settings, "valid", "validation", LINES[4])
        chosen = looks(settings).index({"color": CHOSEN[0], "marker": CHOSEN[1]})
        for name in ("train", "valid"):
            y = 100 * settings[chosen][name]["mean"]
            label = "chosen setting" if name == "train" else None
            axes.plot(chosen, y, color=CHOSEN[0], marker="*", ms=9, ls="", zorder=3, label=label)
        axes.set(ylabel="accuracy (%)", ylim=(95, 100.3))
    decay.set(xlabel="λ", xticks=range(len(outcomes["gap"])))
    decay.set_xticklabels([f"{one['reg']:g}".replace("e-0", "e-") for one in outcomes["gap"]])
    images.set(xlabel="training images", xticks=range(len(outcomes["images"])))
    images.set_xticklabels([f"{one['images']:,}" for one in outcomes["images"]])
    images.legend(loc="lower right")
    return figure


def growth(outcomes: dict[str, list[dict]], predicted: list[float]) -> Figure:
    """Draw how the norm grows from the initial weights, and how theory says it does."""
    figure, (axes,) = new_figure(1, 3.7, 3.1)
    slow = outcomes["learning rate"][-1:]
    curves(axes, named(slow, "measured, η = {learning_rate:g}"), "norm")
    color, marker = LINES[4]
    axes.plot(range(1, 7), predicted[:6], color=color, marker=marker, ls="--", label="predicted")
    logarithmic(axes, "y", (0.3, 1, 3, 10))
    axes.legend()
    return figure


def mixture(outcomes: dict[str, list[dict]]) -> Figure:
    """Draw by epoch what is predicted for rightly and for wrongly labelled training images."""
    figure, (axes,) = new_figure(1, 4.6, 2.9)
    (mixed,) = (one for one in outcomes["labels"] if "measured" in one)
    labels = {
        "fitted_right": "rightly labelled: the label",
        "true_for_wrong": "wrongly labelled: the true digit",
        "fitted_wrong": "wrongly labelled: the wrong label",
    }
    for (name, label), (color, marker) in zip(labels.items(), (LINES[0], LINES[2], LINES[4])):
        values = 100 * np.array([run[name] for run in mixed["runs"]])
        x = np.arange(1, values.shape[1] + 1)
        every = [0, 1, 2, 4, 7, 12, 20, 34, 57, 96, 169]
        style = {"color": color, "marker": marker, "ms": 4, "markevery": every}
        axes.plot(x, values.mean(axis=0), label=label, **style)
        axes.fill_between(x, values.min(axis=0), values.max(axis=0), color=color, alpha=0.2, lw=0)
    best = mixed["best_epoch"]["values"]
    axes.axvspan(min(best), max(best), color="0.85", zorder=0, label="best on validation")
    axes.set(xlabel="epoch", ylabel="predicted (% of these images)", ylim=(0, 101))
    logarithmic(axes, "x", (1, 2, 5, 10, 20, 50, 100))
    axes.legend(loc="center right", fontsize=8)
    return figure


def memory(outcomes: dict[str, list[dict]]) -> Figure:
    """Draw Figure 1 of Zhang et al.: training loss, time to fit, and test accuracy."""
    figure, (loss, fit, test) = new_figure(3, 3.5, 2.5)
    labels = outcomes["labels"]
    lines = {"true labels": labels[0], "random labels": labels[-1]}
    curves(loss, lines | named(outcomes["inputs"], "{inputs}"), "training loss", against="updates")
    loss.lines[0].set(linewidth=5, alpha=0.4)  # true labels, under the line of shuffled pixels
    loss.legend()
    share = [100 * one["corrupted"] for one in labels]
    against(fit, share, labels, "fit", "", LINES[0])
    fit.set(ylabel="epochs to 99 % in training", ylim=(0, None))
    against(test, share, labels, "last_test_accuracy", "after the last epoch", LINES[0])
    against(test, share, labels, "test_accuracy", "after the best epoch", LINES[4])
    test.set(ylabel="test accuracy (%)", ylim=(0, 100))
    test.legend(loc="lower left")
    for axes in (fit, test):
        axes.set_xlabel("random labels (%)")
    return figure


def mistakes(outcomes: dict[str, list[dict]]) -> Figure:
    """Draw the most confident errors of the chosen network, ink on paper."""
    figure = Figure(figsize=(4.6, 3.1))
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.94, wspace=0.12, hspace=0.3)
    found = outcomes["chosen"][0]["runs"][0]["mistakes"]
    for axes, one in zip(figure.subplots(4, 7).flat, found):
        pixels = np.frombuffer(base64.b64decode(one["pixels"]), np.uint8)
        axes.imshow(pixels.reshape(28, 28), cmap="gray_r", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{one['label']} → {one['predicted']}", size=8, pad=2)
        axes.spines[:].set(visible=True, linewidth=0.4)
    return figure


def new_figure(count: int, width: float = 3.6, height: float = 2.75) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels side by side."""
    figure = Figure(figsize=(count * width, height), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def draw_all(
    outcomes: dict[str, list[dict]], predicted: list[float]
) -> Iterator[tuple[str, Figure]]:
    """Yield the figures with their names."""
    for name, arguments in panels(outcomes).items():
        figure, all_axes = new_figure(len(arguments), *SIZES.get(name, ()))
        for number, (axes, panel) in enumerate(zip(all_axes, arguments)):
            curves(axes, *panel)
            if number and panel[0] is arguments[number - 1][0]:
                axes.get_legend().remove()  # the same as in the panel before
        yield name, figure
    yield "learning-rate-why", faster(outcomes)
    yield "batch-size-and-rate", batch_size_and_rate(outcomes)
    yield "gap", gap(outcomes)
    yield "growth", growth(outcomes, predicted)
    yield "mixture", mixture(outcomes)
    yield "memory", memory(outcomes)
    yield "mistakes", mistakes(outcomes)


def save(figure: Figure, form: str = "svg") -> bytes:
    """Return a figure as a file, the same bytes every time."""
    content = io.BytesIO()
    undated = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    figure.savefig(content, format=form, dpi=150, metadata=undated[form])
    return content.getvalue()
