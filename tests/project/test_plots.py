"""The learning curves: what is drawn, and that a figure appears whole or not at all."""

from pathlib import Path
from unittest import mock

import matplotlib.figure

import utils
from tests import InFolder

CURVES = ([1.0, 0.5, 0.4], [0.6, 0.8, 0.9], [0.9, 0.7, 0.6], [0.7, 0.8, 0.85])


class TestPlots(InFolder):
    def draw(self, plot, *arguments, **keywords) -> dict[str, matplotlib.figure.Figure]:
        """Call a plotting function; return its figures by file name, without writing them."""
        with (
            mock.patch("matplotlib.figure.Figure.savefig", autospec=True) as save,
            mock.patch("utils.write_whole") as write,
        ):
            plot(*arguments, **keywords)
        saved = zip(write.call_args_list, save.call_args_list, strict=True)
        return {written.args[0]: figure.args[0] for written, figure in saved}

    def lines(self, figure) -> dict[str, tuple[list, list]]:
        """Return what is drawn, by the entries of the legend."""
        (axes,), (legend,) = figure.axes, figure.legends
        labels = [text.get_text() for text in legend.get_texts()]
        data = [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]
        return dict(zip(labels, data, strict=True))

    def test_curves(self):
        figures = self.draw(utils.plot_curves, *CURVES, "some_", "some run", 3)
        self.assertEqual(list(figures), ["some_loss.png", "some_accuracy.png"])
        units = "mean cross-entropy (nats)", "accuracy (fraction of images)"
        for figure, unit, train, valid in zip(figures.values(), units, CURVES[:2], CURVES[2:]):
            expected = {"training": ([1, 2, 3], train), "validation": ([1, 2, 3], valid)}
            expected["best validation accuracy: epoch 3"] = ([3, 3], [0, 1])
            self.assertEqual(self.lines(figure), expected)
            (axes,) = figure.axes
            texts = (axes.get_title(), axes.get_xlabel(), axes.get_ylabel())
            self.assertEqual(texts, ("some run", "epoch", unit))

    def test_epochs_are_whole(self):
        for epochs in (1, 10):
            (axes,) = self.draw(utils.plot_curves, *[[0.5] * epochs] * 4)["loss.png"].axes
            low, high = axes.get_xlim()
            ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
            self.assertTrue(ticks and all(tick == int(tick) for tick in ticks))
            self.assertEqual(axes.lines[0].get_marker(), "o")  # or one epoch does not show

    def test_comparison(self):
        runs = {f"run{number}": [1.0, 1 / (2 + number)] for number in range(40)} | {"run1": [0.7]}
        figure = self.draw(utils.draw_curves, "some.png", "title", "unit", runs)["some.png"]
        figure.draw_without_rendering()  # it warns unless there is room for all names
        drawn = {label: values for label, (_, values) in self.lines(figure).items()}
        self.assertEqual(drawn, runs)
        looks = [(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines]
        self.assertEqual(len(set(looks)), len(runs))
        self.assertNotEqual(looks[0][1], looks[1][1])  # two curves may coincide

    def test_names_are_whole_and_no_formulas(self):
        histories = {name: [1.0] for name in ("a$b^$", "_begins_with_$", "x" * 100)}
        some = "some.png", "title", "unit", histories
        figure = self.draw(utils.draw_curves, *some)["some.png"]
        self.assertEqual(list(self.lines(figure)), list(histories))
        utils.draw_curves(*some)
        figure.draw_without_rendering()
        inches = int.from_bytes(Path("some.png").read_bytes()[16:20], "big") / 150
        self.assertGreater(inches, figure.legends[0].get_window_extent().width / figure.dpi)

    def test_a_figure_that_cannot_be_written_leaves_the_old_one(self):
        Path("loss.png").write_bytes(b"old")
        with mock.patch("pathlib.Path.replace", side_effect=OSError), self.assertRaises(OSError):
            utils.plot_curves(*CURVES)
        self.assertEqual(Path("loss.png").read_bytes(), b"old")
