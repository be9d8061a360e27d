"""Helpers that replace functions of a solution, or watch what it prints and saves.

They run in the solution's process, which in a grader is not that of the tests. So do functions of
the modules that are imported here, as in `inside.os.chdir`.
"""

import contextlib
import copy
import functools
import io
import os
import random  # noqa: F401 - for the tests
import shutil  # noqa: F401
import tempfile  # noqa: F401
from pathlib import Path
from unittest import mock

import numpy as np

# How the files of pictures begin.
PICTURES = (b"\x89PNG", b"%PDF", b"%!PS", b"\xff\xd8", b"RIFF", b"II*\0", b"GIF8", b"\x1f\x8b")
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


def drawn(function, *arguments) -> tuple[list, int]:
    """Call a function; return the pictures that it saves, and the number of different files.

    A picture is a list of axes; each is a title and a list of curves, as `_content` returns them.
    Files count wherever they are in the working directory.
    """
    from matplotlib import pyplot
    from matplotlib.backend_bases import FigureCanvasBase
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    saved = {}

    def spy(canvas_class, method: str):
        original = getattr(canvas_class, method)

        @functools.wraps(original)
        def save(canvas, file, *arguments, **options):
            name = getattr(file, "name", file)
            place = str(name) if isinstance(name, (str, os.PathLike)) else file
            saved[place] = [_content(axes) for axes in canvas.figure.axes]
            return original(canvas, file, *arguments, **options)

        return mock.patch.object(canvas_class, method, save)

    pyplot.switch_backend("agg")  # also if the solution asks for windows
    pyplot.close("all")
    # Every way to save calls the first, except a direct call of the second.
    with spy(FigureCanvasBase, "print_figure"), spy(FigureCanvasAgg, "print_png"):
        function(*arguments)
    pyplot.close("all")
    paths = (path for path in Path().rglob("*") if path.is_file() and not path.is_symlink())
    contents = {path.read_bytes() for path in paths}
    files = [each for each in contents if each.startswith(PICTURES) or b"<svg" in each[:2000]]
    return list(saved.values()), len(files)


def _content(axes) -> tuple[str, list]:
    """Return title and y-label of axes, as one text, and their curves: names and values."""
    legends = [each for each in (axes.get_legend(), *axes.figure.legends) if each]
    # `plt.legend([...])` does not label the curves; each looks like its handle in the legend.
    named = [
        (_look(handle), text.get_text())
        for legend in legends
        for handle, text in zip(legend.legend_handles, legend.get_texts())
    ]
    curves = []
    for artist in [*axes.get_lines(), *axes.collections]:
        labels = [text for look, text in named if look == _look(artist)]
        label = artist.get_label() if legends and artist.get_label()[:1] != "_" else ""
        label = labels[0] if len(labels) == 1 else label
        with contextlib.suppress(AttributeError, IndexError, TypeError, ValueError):  # not a curve
            is_line = hasattr(artist, "get_ydata")
            values = artist.get_ydata() if is_line else artist.get_offsets()[:, 1]
            if artist.get_visible():
                curves.append((label, np.asarray(values, dtype=float).tolist()))
    titles = [axes.get_title(place) for place in ("left", "center", "right")]
    return " ".join([*titles, axes.get_ylabel()]).strip(), curves


def _look(artist) -> list[str]:
    names = ("get_color", "get_linestyle", "get_marker")
    return [str(getattr(artist, name)()) for name in names if hasattr(artist, name)]
