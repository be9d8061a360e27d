"""The benchmark still runs, on made-up data; what it measures is not looked at."""

import contextlib
import importlib.util
import io
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

import main
from tests import benchmark, warnings_are_errors, write_made_up_data


class TestBenchmark(unittest.TestCase):
    def setUp(self):
        warnings_are_errors(self)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        write_made_up_data(Path(folder.name), train=100, test=20)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)

    def test_tables(self):
        out = io.StringIO()
        with mock.patch.object(benchmark, "BUDGET", 0), contextlib.redirect_stdout(out):
            benchmark.print_tables()
        versions, *tables = out.getvalue().split("\n\n")
        self.assertIn(f"NumPy {np.__version__}", versions)
        rows = [len(table.splitlines()) - 1 for table in tables]
        runs = [3] if importlib.util.find_spec("resource") else []  # not on Windows
        self.assertEqual(rows, [*runs, 4, 4, 4, 5, 4, 5])

    def test_epochs_in_turn(self):
        done = []
        turns = benchmark.epochs_in_turn(
            benchmark.SOFTMAX, main.load_data(), 3, lambda: done.append("products")
        )
        self.assertEqual([len(turn) for turn in turns], [2, 2, 2])
        self.assertEqual(len(done), 4)  # with the epoch that warms up

    def test_matrix_products_are_those_of_an_epoch(self):
        shapes = []
        data = main.load_data()
        note = mock.patch("numpy.matmul", lambda X, Y, out: shapes.append((X.shape, Y.shape)))
        with mock.patch.object(main, "EVALUATION_BATCH_SIZE", 15), note:
            benchmark.matrix_products(benchmark.TWO_LAYER, data)()
        train = [((64, 784), (784, 128)), ((784, 64), (64, 128))]
        train += [((16, 784), (784, 128)), ((784, 16), (16, 128))]
        self.assertEqual(shapes, [*train, ((15, 784), (784, 128)), ((5, 784), (784, 128))])

    def test_a_process_that_fails_is_not_passed_over(self):
        with self.assertRaises(subprocess.CalledProcessError):
            benchmark.python("raise SystemExit(3)")


if __name__ == "__main__":
    unittest.main()
