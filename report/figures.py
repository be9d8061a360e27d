"""What is drawn: every function fills axes that somebody else has placed."""

import base64
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from report import theory
from report.results import Outcome

COLORS = ("#1f4e79", "#c55a11", "#2e8b57", "#7b3f98", "#8c8c00")


def curves(
    axes: Axes, outcomes: Mapping[str, Outcome], name: str, dashed: str | None = None
) -> None:
    """Draw a history of several settings: the mean of the seeds, and a band from least to most.

    Parameters
    ----------
    outcomes : mapping of str to Outcome
        What the legend says, and what is drawn.
    name : str
        The history that is drawn in solid lines.
    dashed : str, optional
        Another one, in dashed lines of the same colours.
    """
    for (label, outcome), color in zip(outcomes.items(), COLORS):
        for history, line in ((name, "-"), (dashed, "--")):
            if history is None:
                continue
            values = outcome.history(history)
            epochs = np.arange(1, values.shape[1] + 1)
            axes.plot(
                epochs, values.mean(axis=0), line, color=color, label=label if line == "-" else None
            )
            axes.fill_between(
                epochs, values.min(axis=0), values.max(axis=0), color=color, alpha=0.2, linewidth=0
            )
    axes.set_xlabel("epoch")
    axes.margins(x=0.02)


def accuracies(
    axes: Axes, labels: Sequence[str], groups: Mapping[str, Sequence[Outcome]], xlabel: str
) -> None:
    """Draw mean and spread of the validation accuracy over settings, a line per group."""
    places = np.arange(len(labels))
    for number, ((label, outcomes), color) in enumerate(zip(groups.items(), COLORS)):
        samples = [outcome.valid for outcome in outcomes]
        axes.errorbar(
            places + 0.06 * (number - (len(groups) - 1) / 2),
            [100 * sample.mean for sample in samples],
            [100 * sample.spread for sample in samples],
            marker="o",
            markersize=4,
            capsize=3,
            color=color,
            label=label,
        )
    axes.set_xticks(places, labels)
    axes.set_xlabel(xlabel)
    axes.set_ylabel("validation accuracy (%)")
    axes.legend(loc="lower right")


def confusion(axes: Axes, counts: np.ndarray) -> None:
    """Draw a confusion matrix (10, 10): shaded by the mistakes, every number written out."""
    mistakes = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    axes.imshow(mistakes, cmap="Oranges", vmax=1.4 * max(1, mistakes.max()))
    for (row, column), count in np.ndenumerate(counts):
        weight = "bold" if row == column else "normal"
        if count:
            axes.text(column, row, str(count), ha="center", va="center", size=8, weight=weight)
    axes.set_xticks(range(len(counts)))
    axes.set_yticks(range(len(counts)))
    axes.set_xlabel("read as")
    axes.set_ylabel("digit")
    axes.grid(False)


def image(axes: Axes, pixels: np.ndarray, title: str = "", signed: bool = False) -> None:
    """Draw one image (784,): ink on paper, or, if signed, blue below zero and red above."""
    if signed:
        limit = max(1, int(np.abs(pixels).max()))
        axes.imshow(pixels.reshape(28, 28), cmap="RdBu_r", vmin=-limit, vmax=limit)
    else:
        axes.imshow(pixels.reshape(28, 28), cmap="gray_r", vmin=0, vmax=255)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.4)
    if title:
        axes.set_title(title, size=8, pad=2)


def decode(text: str, signed: bool = False) -> np.ndarray:
    """Return the 784 pixels or weights that a result keeps in base 64."""
    return np.frombuffer(base64.b64decode(text), dtype=np.int8 if signed else np.uint8).astype(int)


def truth(axes: Axes, name: str, neuron: theory.Neuron | None = None) -> None:
    """Draw a function of two bits in the plane, and the line w^T x + b = 0 of a neuron for it."""
    for x, value in zip(theory.INPUTS, theory.TRUTH[name]):
        axes.plot(
            *x,
            "o",
            markersize=9,
            markeredgecolor=COLORS[0],
            color=COLORS[0] if value else "white",
            zorder=3,
        )
    if neuron is not None:
        (w1, w2), b = neuron
        x1 = np.array([-0.5, 1.5])
        x2 = -(w1 * x1 + b) / w2
        axes.plot(x1, x2, "-", color=COLORS[1])
        axes.fill_between(x1, x2, 2, color=COLORS[1], alpha=0.12, linewidth=0)
    axes.set_xlim(-0.4, 1.4)
    axes.set_ylim(-0.4, 1.4)
    axes.set_aspect("equal")
    axes.set_xticks([0, 1])
    axes.set_yticks([0, 1])
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$", rotation=0)
    axes.set_title(name)
