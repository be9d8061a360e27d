"""Helpers that replace functions of a solution, or watch what it prints and saves.

In a grader, the solution has a process of its own. These functions run there, and so do those of
the modules imported here: `inside.os.chdir` changes the folder there.
"""

import contextlib
import copy
import functools
import io
import os  # noqa: F401 - for the tests
import random  # noqa: F401
import shutil  # noqa: F401
import tempfile  # noqa: F401
from pathlib import Path  # noqa: F401
from unittest import mock

import numpy as np

# For `isolate`.
SCORES = np.array([[1.5, -0.5, 0.3, -2.0], [0.2, 0.9, -1.1, 0.4], [-0.7, 2.5, 1.2, 0.8]])
WRONG = set()  # functions that are not tried again: one may loop until a grader stops it
P, LABELS = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True), np.array([0, 1, 2])


def call(function, arguments) -> tuple:
    """Call a function with copies of its arguments; return its result and the copies afterwards."""
    arguments = copy.deepcopy(arguments)
    return copy.deepcopy(function(*arguments)), arguments


def isolate(network, code: str) -> None:
    """Replace wrong or missing functions of a network, so that they fail only their own tests.

    `code` defines the right versions, as text: a submission cannot import them. A function that is
    right is kept, but gets copies of its arguments.
    """

    def copying(function):
        return lambda *arguments, **options: function(*copy.deepcopy(arguments), **options)

    for name, right in _functions(code).items():
        is_measure = name in ("cross_entropy_loss", "compute_accuracy")
        sample = (P, LABELS) if is_measure else (SCORES,)
        function = copying(getattr(network, name, None))
        of_class = getattr(type(network), name, None)
        try:
            is_right = of_class not in WRONG
            is_right = is_right and np.allclose(function(*sample), right(*sample), rtol=1e-6)
        except Exception:  # noqa: BLE001 - a student's function may raise anything
            is_right = False
        if not is_right:
            WRONG.add(of_class)
        setattr(network, name, function if is_right else right)


def replace(owner, code: str) -> None:
    """Replace methods by functions that are given as code."""
    for name, right in _functions(code).items():
        setattr(owner, name, functools.partial(right, owner))


def _functions(code: str) -> dict:
    exec(code, names := {"np": np})  # noqa: S102 - the tests' own code
    return {name: value for name, value in names.items() if callable(value)}


def printed(function, *arguments) -> str:
    """Call a function; return what it prints. Its errors are the concern of its own tests."""
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.suppress(Exception):
        function(*arguments)
    return output.getvalue()


def drawn(function, *arguments) -> list:
    """Call a function; return the pictures that it saves with Matplotlib.

    A picture is a list of axes (see `_content`). Of two with one file name, the last counts.
    """
    from matplotlib import pyplot
    from matplotlib.backend_bases import FigureCanvasBase
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    saved = {}

    def spy(canvas_class, name: str):
        method = getattr(canvas_class, name)

        @functools.wraps(method)
        def save(canvas, file, *arguments, **options):
            key = file if hasattr(file, "write") else str(file)
            saved[key] = [_content(axes) for axes in canvas.figure.axes]
            return method(canvas, file, *arguments, **options)

        return mock.patch.object(canvas_class, name, save)

    pyplot.switch_backend("agg")  # also if the solution asks for windows
    pyplot.close("all")  # what an earlier call has left open
    # All ways to save call print_figure, except a direct call of print_png.
    with spy(FigureCanvasBase, "print_figure"), spy(FigureCanvasAgg, "print_png"):
        function(*arguments)
    return list(saved.values())


def _content(axes) -> tuple[str, list]:
    """Return title and y-label of axes, as one text, and their curves: names and values."""
    named = {}
    for legend in filter(None, [axes.get_legend(), *axes.figure.legends]):
        # `legend([...])` gives the curves no labels; each looks like its entry, if no other does.
        for entry, text in zip(legend.legend_handles, legend.get_texts()):
            named[_look(entry)] = "" if _look(entry) in named else text.get_text()
    curves = []
    for artist in (*axes.get_lines(), *axes.collections):
        is_line = hasattr(artist, "get_ydata")
        y = artist.get_ydata() if is_line else artist.get_offsets()[:, 1]
        label = named.get(_look(artist)) or artist.get_label()
        curves.append((label, np.asarray(y, dtype=float).tolist()))
    return f"{axes.get_title()} {axes.get_ylabel()}".strip(), curves


def _look(artist) -> str:
    names = ("color", "linestyle", "marker", "facecolor")
    return str([getattr(artist, f"get_{name}", str)() for name in names])
