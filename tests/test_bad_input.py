"""The table of bad inputs: each is given to the program, which must answer in one clear line.

Files that are no config or no data at all are given to the real program in a process of its own. The
wrong values of keys, far more, are given to its `main` in this one, which saves their start-up.

Every case has a folder of its own with an older pair of figures in it. The program must end with
status 2 and one line on standard error that names the file and the key or line and says what is
expected, write nothing on standard output and leave every file as it was, figures included.
"""

import contextlib
import io
import os
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import main
from tests import ROOT, csv_lines, made_up_images, run_program, warnings_are_errors

CONFIG = """\
Train:
  batch_size: 16
  learning_rate: 0.1
  reg: 0.001
  epochs: 1
  momentum: 0.9
  debug: True
  seed: 3
Model:
  type: TwoLayerNet
  hidden_size: 8
  dtype: float64
"""

COUNT = "expected a whole number from 1 to 10**9"
SEED = "expected a whole number from 0 to 2**64 - 1"
RATE = "expected a number above 0"
REG = "expected a number of at least 0"
MOMENTUM = "expected a number from 0 to 1"
TRUTH = "expected True or False"
TYPE = "expected SoftmaxRegression or TwoLayerNet"
DTYPE = "expected float64 or float32"
KEYS = "expected batch_size, learning_rate, reg, epochs, momentum, debug, seed"
SECTIONS = "expected the sections Train and Model"
# A value that is wrong for every key, and how the message quotes it.
ALWAYS_WRONG = {"": "nothing", "[1]": "[1]", "{a: 1}": "{'a': 1}", ".nan": "nan", ".inf": "inf"}
# For each key: the line in the config above, what is expected, and what else is wrong for it.
VALUES = {
    "batch_size: 16": (COUNT, "ten", "True", "-1", "0", "1.5", "64.0", "'64'", "1000000001"),
    "learning_rate: 0.1": (RATE, "fast", "True", "-0.1", "0", "-1e-3", "'0.1'", "-.inf"),
    "reg: 0.001": (REG, "none", "False", "-0.001", "-1e-3", "0,001"),
    "epochs: 1": (COUNT, "many", "True", "-5", "0", "2.5", "1e1"),
    "momentum: 0.9": (MOMENTUM, "some", "True", "-0.1", "1.1"),
    "debug: True": (TRUTH, "maybe", "1", "0", "'True'", "-1", "0.5"),
    "seed: 3": (SEED, "random", "True", "-1", "0.5", "18446744073709551616"),
    "type: TwoLayerNet": (TYPE, "TwoLayerNetwork", "twolayernet", "softmax", "True", "2", "-1"),
    "hidden_size: 8": (COUNT, "big", "True", "-8", "0", "8.5"),
    "dtype: float64": (DTYPE, "float16", "Float64", "double", "True", "64", "-1"),
}
MISSPELT = {
    "batch_size": "batchsize",
    "learning_rate": "learning-rate",
    "reg": "regs",
    "epochs": "Epochs",
    "momentum": "momentun",
    "debug": "debugg",
    "seed": "seeds",
    "type": "Type",
    "hidden_size": "hidden_siz",
    "dtype": "dtyp",
}
REQUIRED = {"batch_size", "learning_rate", "reg", "epochs", "type"}


class Case(NamedTuple):
    """A bad input: its name, the content of the bad file, and what the message must hold."""

    name: str
    content: bytes
    expected: tuple[str, ...]


def key_cases() -> list[Case]:
    """Return the configs with one bad key."""
    cases = []

    def add(name: str, content: str, *expected: str) -> None:
        cases.append(Case(name, content.encode(), expected))

    for line, (expected, *values) in VALUES.items():
        key, _ = line.split(": ")
        for value in (*ALWAYS_WRONG, *values):
            quoted = ALWAYS_WRONG.get(value, "")
            found = f" {key}: found {quoted}"
            add(f"{key} is {value}", CONFIG.replace(line, f"{key}: {value}"), found, expected)
        wrong = MISSPELT[key]
        add(
            f"{key} misspelt",
            CONFIG.replace(f"  {key}:", f"  {wrong}:"),
            f"unknown key '{wrong}' (did you mean {key}?)",
            "; expected ",
        )
        add(f"{key} twice", CONFIG.replace(line, f"{line}\n  {line}"), f"{key!r} appears twice")
        if key in REQUIRED:
            without = CONFIG.replace(f"  {line}\n", "")
            add(f"{key} missing", without, f" {key} is missing; {expected}")
    return cases


def config_cases() -> list[Case]:
    """Return the other bad configs."""
    cases = []

    def add(name: str, content: str | bytes, *expected: str) -> None:
        content = content if isinstance(content, bytes) else content.encode()
        cases.append(Case(name, content, expected))

    train, model = CONFIG.split("Model:\n")
    add("no Train", f"Model:\n{model}", "section Train is missing; expected Train and Model")
    add("no Model", train, "section Model is missing; expected Train and Model")
    add("two Models", f"{CONFIG}Model: {{}}\n", "line 13: ", "'Model' appears twice")
    add("train", CONFIG.replace("Train", "train"), "'train' (did you mean Train?)", "; expected ")
    add("a section more", f"{CONFIG}Data: 1\n", "unknown section 'Data'; expected Train and Model")
    add("an empty section", f"Train:\nModel:\n{model}", "Train: found nothing; expected the keys")
    add("a section as a list", f"Train: [1]\nModel:\n{model}", "Train: found [1]; expected the")
    add("no sections", "batch_size: 16\n", "unknown section 'batch_size'; expected Train and Model")
    add("a key of the other section", f"{CONFIG}  epochs: 2\n", "epochs", "belongs under Train")
    add("an unknown key", train + "  1: 2\nModel: 1\n", "Train: unknown key 1; " + KEYS)
    add("empty", "", "found nothing; " + SECTIONS)
    add("blank", " \n\n", "found nothing; " + SECTIONS)
    add("a comment", "# Train:\n", "found nothing; " + SECTIONS)
    add("a list", "- Train\n- Model\n", "found ['Train', 'Model']; " + SECTIONS)
    add("text", "train it, please\n", "found 'train it, please'; " + SECTIONS)
    add("binary", bytes(range(256)), "is not a text file in UTF-8; expected YAML")
    add("zeros", bytes(99), "is not valid YAML")
    add("UTF-16", CONFIG.encode("utf-16"), "is not a text file in UTF-8; expected YAML")
    add("Latin-1", b"# caf\xe9\n" + CONFIG.encode(), "is not a text file in UTF-8; expected YAML")
    add(
        "HTML",
        "<!DOCTYPE html>\n<html>\n<p class='x'>404: Not Found</p>\n",
        "line 3",
        "not valid YAML",
    )
    add("tabs", CONFIG.replace("  ", "\t"), "line 2: is not valid YAML", "'\\t'")
    add("no colon", CONFIG.replace("reg:", "reg"), "line 4: is not valid YAML", "expected ':'")
    add("no blank", CONFIG.replace("reg: ", "reg:"), "line 4: is not valid YAML", "expected ':'")
    add("an open bracket", "Train: [1,\n", "is not valid YAML", "expected")
    add("an open quote", CONFIG.replace("0.1", "'0.1"), "line 3: is not valid YAML")
    add("two documents", f"{CONFIG}---\n{CONFIG}", "line 13: ", "expected a single document")
    add("an alias of nothing", "Train: *x\n", "line 1: is not valid YAML", "undefined alias")
    add(
        "a Python object", "Train: !!python/object/apply:os.abort []\n", "line 1: ", "python/object"
    )
    add(
        "a Python name",
        "Train: !!python/name:os.system\n",
        "line 1: is not valid YAML",
        "os.system",
    )
    add("a date", "Train: 2024-13-01\n", "is not valid YAML", "month")
    add("brackets", "[" * 5000, "is not valid YAML")
    add("a CSV", "5,0,0\n" * 20_000, "is larger than 64,000 bytes; expected a config")
    return cases


def csv_cases() -> list[Case]:
    """Return the bad data files."""
    first, second, third = csv_lines(*made_up_images(3))
    header = ",".join(["label", *(f"pixel{number}" for number in range(784))])
    label, fields = second.split(",")[0], second.split(",")[1:]
    lines = f"{first}\n{second}\n{third}\n"
    cases = []

    def add(name: str, content: str | bytes, *expected: str) -> None:
        content = content if isinstance(content, bytes) else content.encode()
        cases.append(Case(name, content, expected))

    def with_pixel(value: str, column: int = 400) -> str:
        changed = [*fields[: column - 2], value, *fields[column - 1 :]]
        return f"{first}\n{','.join([label, *changed])}\n{third}\n"

    def with_label(value: str) -> str:
        return f"{first}\n{','.join([value, *fields])}\n{third}\n"

    columns = "expected 785, a label and 784 pixels separated by commas"
    add("short", f"{first}\n{second.rsplit(',', 1)[0]}\n", "line 2: found 784 columns; " + columns)
    add("long", f"{first}\n{second},0\n{third}\n", "line 2: found 786 columns; " + columns)
    add("a comma at the end", f"{first},\n{second},\n", "line 1: found 786 columns; " + columns)
    add("all short", "5,0,0\n4,0,0\n", "line 1: found 3 columns; " + columns)
    add("no labels", f"{first[2:]}\n{second[2:]}\n", "line 1: found 784 columns; " + columns)
    add("cut in the last row", lines[:-900], "line 3: found ", columns)
    add(
        "cut in the last line's only value",
        f"{first}\n{second}\n{label}",
        "line 3: found 1 column;",
    )
    for name, separator in (("semicolons", ";"), ("tabs", "\t"), ("blanks", " ")):
        add(name, lines.replace(",", separator), "line 1: found 1 column; " + columns)
    pixel = "expected a pixel, a whole number from 0 to 255"
    for value in ("256", "-1", "0.5", "1.0", "1e2", "x", "0x1f", "nan", "inf", "None", "", "1 2"):
        found = f"line 2, column 400: found '{value}'; {pixel}"
        add(f"pixel {value}", with_pixel(value), found)
    for value in ("\u0665", "\uff11", "\U0001f600", "\U00020000"):
        add(f"pixel {value!a}", with_pixel(value), "line 2, column 400: found '", pixel)
    add("a quoted pixel", with_pixel('"7"'), "line 2, column 400: found '\"7\"'; " + pixel)
    add("the last pixel", with_pixel("999", 785), "line 2, column 785: found '999'; " + pixel)
    add("a fraction in the last row", f"{lines[:-2]}.5\n", "line 3, column 785: found '", pixel)
    expected = "expected a label, a whole number from 0 to 9"
    for value in ("10", "-1", "1.0", "seven", "", "255", "256"):
        add(f"label {value}", with_label(value), f"line 2, column 1: found '{value}'; {expected}")
    add("two headers", f"{header}\n{header}\n{lines}", "line 2, column 1: found 'label'; expected")
    add("a header at the end", f"{lines}{header}\n", "line 4, column 1: found 'label'; expected")
    add("a header of another table", f"a,b\n{lines}", "line 1: found 2 columns; " + columns)
    add("empty", "", "line 1: found no image; expected one per line")
    add("blank", "\n\n", "line 1: found no image; expected one per line")
    add("a header only", f"{header}\n", "line 1: found no image; expected one per line")
    page = "<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n"
    add("a 404 page", page, "line 1: found 1 column; " + columns)
    add("binary", bytes(range(256)) * 9, "line 1: found ", columns)
    add("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\3" + bytes(99), "line 1: found 1 column; " + columns)
    add("UTF-16", lines.encode("utf-16"), "line 1")
    return cases


class TestBadInput(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.good = csv_lines(*made_up_images(5))

    def prepare(self, number: int, bad_name: str, content: bytes | None) -> Path:
        """Return a new folder with all that a run needs, one file of it bad, or left out."""
        folder = self.folder / str(number)
        (folder / "data").mkdir(parents=True)
        for name in ("loss", "accuracy"):
            (folder / f"some_{name}.png").write_bytes(b"an older figure")
        for name in ("train", "test"):
            (folder / "data" / f"mnist_{name}.csv").write_text("\n".join(self.good))
        (folder / "some.yaml").write_text(CONFIG)
        (folder / bad_name).unlink()
        if content is not None:
            (folder / bad_name).write_bytes(content)
        return folder

    def contents(self, folder: Path) -> dict:
        """Return what is in a folder: each path, its bytes and when it was changed."""
        return {
            path: (path.is_file() and path.read_bytes(), path.stat().st_mtime_ns)
            for path in folder.rglob("*")
        }

    def assert_answered(self, done: subprocess.CompletedProcess, *expected: str) -> None:
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertRegex(done.stderr, r"\Amain\.py: [^\n]+\n\Z")
        self.assertLess(len(done.stderr), 400)
        for part in expected:
            self.assertIn(part, done.stderr)

    def run_cases(self, bad_name: str, cases: list[Case]) -> None:
        folders = [self.prepare(n, bad_name, case.content) for n, case in enumerate(cases)]
        before = [self.contents(folder) for folder in folders]

        def run(folder: Path) -> subprocess.CompletedProcess:
            return run_program(ROOT / "main.py", "--config", "some.yaml", cwd=folder)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            answers = list(pool.map(run, folders))
        for case, folder, files, done in zip(cases, folders, before, answers, strict=True):
            with self.subTest(case.name):
                self.assert_answered(done, bad_name, *case.expected)
                self.assertEqual(self.contents(folder), files)

    def test_keys(self):
        warnings_are_errors(self)
        self.addCleanup(os.chdir, os.getcwd())
        folder = self.prepare(0, "some.yaml", b"")
        os.chdir(folder)
        cases = key_cases()
        self.assertGreaterEqual(len(cases), 60)
        for case in cases:
            with self.subTest(case.name):
                (folder / "some.yaml").write_bytes(case.content)
                before = self.contents(folder)
                out, err = io.StringIO(), io.StringIO()
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                    status = main.main(["--config", "some.yaml"])
                done = subprocess.CompletedProcess([], status, out.getvalue(), err.getvalue())
                self.assert_answered(done, "some.yaml", *case.expected)
                self.assertEqual(self.contents(folder), before)

    def test_configs(self):
        cases = config_cases()
        self.assertGreaterEqual(len(cases), 30)
        self.run_cases("some.yaml", cases)

    def test_csv_files(self):
        cases = csv_cases()
        self.assertGreaterEqual(len(cases), 30)
        half = len(cases) // 2
        self.run_cases("data/mnist_train.csv", cases[:half])
        self.folder /= "test"
        self.run_cases("data/mnist_test.csv", cases[half:])

    def test_one_image_to_train_on(self):
        case = Case("one row", self.good[0].encode(), ("found 1 image; expected at least 2",))
        self.run_cases("data/mnist_train.csv", [case])

    def test_files_that_are_not_there(self):
        self.run_cases(
            "some.yaml", [Case("missing", None, ("some.yaml: no such file; see configs/",))]
        )
        for name in ("train", "test"):
            self.folder /= name
            expected = (f"mnist_{name}.csv: no such file; run this in", "sh data/get_data.sh")
            self.run_cases(f"data/mnist_{name}.csv", [Case("missing", None, expected)])

    def test_files_that_cannot_be_read(self):
        """A directory, a file without permission to read, a link to itself."""
        for number, bad_name in enumerate(("some.yaml", "data/mnist_test.csv")):
            folder = self.prepare(number, bad_name, None)
            bad = folder / bad_name
            expected = "expected a YAML file" if number == 0 else "expected a CSV file"
            for name, spoil, restore in (
                ("directory", bad.mkdir, bad.rmdir),
                ("link", lambda bad=bad: bad.symlink_to(bad.name), bad.unlink),
                ("unreadable", lambda bad=bad: bad.touch(mode=0), bad.unlink),
            ):
                with self.subTest(name, file=bad_name):
                    if os.name == "nt" and name != "directory":
                        self.skipTest("Windows has other permissions")
                    spoil()
                    before = sorted(folder.rglob("*"))
                    done = run_program(
                        ROOT / "main.py", "--config", "some.yaml", cwd=folder, powerless=True
                    )
                    self.assert_answered(done, bad_name, expected)
                    self.assertEqual(sorted(folder.rglob("*")), before)
                    restore()


if __name__ == "__main__":
    unittest.main()
