"""What a machine or an unlucky number can do to the programs, done to them.

    python -m unittest tests.faults

`python -m unittest` alone does not run this: it takes minutes. It needs MNIST in ./data and a POSIX
system. Where OTHER_PYTHON names the interpreter of another environment, its NumPy must train to the
same losses.
"""

import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tests import (
    ROOT,
    csv_lines,
    made_up_images,
    mnist,
    run_program,
    start_program,
    test_get_data,
    write_made_up_data,
)

CONFIG = """\
Train: {{batch_size: {batch_size}, learning_rate: {learning_rate}, reg: {reg}, epochs: {epochs}}}
Model: {{type: {type}, hidden_size: {hidden_size}, dtype: {dtype}}}
"""
SETTINGS = {
    "batch_size": 16,
    "learning_rate": 0.1,
    "reg": 0.001,
    "epochs": 3,
    "type": "TwoLayerNet",
    "hidden_size": 16,
    "dtype": "float64",
}
INSTANTS = 20  # at which each signal hits a program
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}  # where as many runs as cores go at once
LONGEST = 120  # seconds after which a program counts as stuck


def numbers(stdout: str) -> str:
    """Return what a run printed, without the seconds that it took."""
    return re.sub(r"loaded in .* s$| +\d+\.\d\d(  \*)?$", r"\1", stdout, flags=re.MULTILINE)


class FaultCase(unittest.TestCase):
    """Every test has a folder of its own with small made-up data."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        write_made_up_data(self.folder)

    def config(self, name: str = "some.yaml", **changes) -> str:
        """Write a config into the folder and return its name."""
        text = CONFIG.format(**{**SETTINGS, **changes})
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def start(self, config: str, **options) -> subprocess.Popen:
        options = {"cwd": self.folder, **options}
        return start_program(ROOT / "main.py", "--config", config, **options)

    def run_main(self, config: str, **options) -> subprocess.CompletedProcess:
        options = {"cwd": self.folder, **options}
        return run_program(ROOT / "main.py", "--config", config, **options)

    def pictures(self) -> dict[str, bytes]:
        """Return the figures in the folder."""
        return {path.name: path.read_bytes() for path in self.folder.glob("*.png")}

    def assert_ran(self, done: subprocess.CompletedProcess) -> None:
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertRegex(done.stdout, r"\nTest accuracy: [01]\.\d{4}\nFigures: ")


class TestSignals(FaultCase):
    """Signals at random instants of a run, among them those at which figures are written."""

    def start(self, config: str) -> subprocess.Popen:
        # An import of Python's, when interrupted, may leave the file that it read unclosed.
        program = ("-W", "ignore::ResourceWarning", ROOT / "main.py")
        return start_program(*program, "--config", config, cwd=self.folder)

    def test_main(self):
        config = self.config()
        started = time.monotonic()
        self.assert_ran(self.run_main(config))
        whole_run = time.monotonic() - started
        whole = self.pictures()
        self.assertEqual(set(whole), {"some_loss.png", "some_accuracy.png"})
        instants, killed = random.Random(0), []
        for number in (signal.SIGKILL, signal.SIGINT):
            statuses = []
            for attempt in range(INSTANTS):
                with self.subTest(number.name, attempt=attempt):
                    older = {name: b"an older figure" for name in whole} if attempt % 2 else {}
                    for name in whole:
                        (self.folder / name).unlink(missing_ok=True)
                    for name, content in older.items():
                        (self.folder / name).write_bytes(content)
                    with self.start(config) as process:
                        stderr = interrupt(process, number, instants.uniform(0, whole_run))
                    statuses.append(process.returncode)
                    self.assert_interrupted(number, process.returncode, stderr)
                    for name, content in self.pictures().items():
                        if content != whole[name]:
                            self.assertEqual(content, older.get(name))
            self.assertGreater(len(set(statuses) - {0}), 0)  # it was hit at work
            unfinished = sorted(self.folder.glob(".*.png"))
            if number != signal.SIGKILL:  # all others clean up
                self.assertEqual(unfinished, killed)
            killed = unfinished
            done = self.run_main(config)
            self.assert_ran(done)
            self.assertEqual(self.pictures(), whole)

    def assert_interrupted(self, number: int, status: int, stderr: str) -> None:
        if number == signal.SIGKILL:
            self.assertIn(status, (0, -signal.SIGKILL))
            self.assertEqual(stderr, "")
        elif status in (1, -signal.SIGINT):
            assert_not_in_program(self, stderr)
        else:
            message = {0: "", 130: "main.py: interrupted\n"}
            self.assertEqual(stderr, message.get(status, "no such status"))


class TestSignalsToTheDataProgram(test_get_data.ProgramCase):
    COUNTS = (4000, 400)

    def test_data_program(self):
        mirror = self.mirror()
        started = time.monotonic()
        status, _, stderr = self.finish(self.start(mirror.url))
        whole_run = time.monotonic() - started
        self.assertEqual((status, stderr), (0, ""))
        self.assert_complete()
        instants, killed = random.Random(0), set()
        for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
            statuses = []
            for attempt in range(INSTANTS):
                with self.subTest(number.name, attempt=attempt):
                    older = b"an older file" if attempt % 2 else None
                    for name in self.csv_names():
                        (self.folder / name).unlink()
                    if older is not None:
                        (self.folder / "mnist_train.csv").write_bytes(older)
                    with self.start(mirror.url) as process:
                        stderr = interrupt(process, number, instants.uniform(0, whole_run))
                    statuses.append(process.returncode)
                    assert_not_in_program(self, stderr)
                    self.assert_all_or_nothing(older)
            self.assertGreater(len(set(statuses) - {0}), 0)
            unfinished = {path.name for path in self.folder.glob(".get_data-*")}
            if number != signal.SIGKILL:
                self.assertEqual(unfinished, killed)
            killed = unfinished
            for name in self.csv_names():
                (self.folder / name).unlink()
            status, _, stderr = self.finish(self.start(mirror.url))
            self.assertEqual((status, stderr), (0, ""))
            self.assert_complete(*killed)

    def csv_names(self) -> list[str]:
        return [path.name for path in self.folder.glob("mnist_*")]

    def assert_all_or_nothing(self, older: bytes | None) -> None:
        """Check that files are whole, and that an older one is there, under its name or as .old."""
        found = {name: (self.folder / name).read_bytes() for name in self.csv_names()}
        for name, content in found.items():
            if content != self.contents.get(name):
                self.assertEqual(content, older)
        if older is not None:
            self.assertIn(older, found.values())


def interrupt(process: subprocess.Popen, number: int, instant: float) -> str:
    """Send a signal to a program when `instant` seconds are over; return its standard error."""
    try:
        _, stderr = process.communicate(timeout=instant)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        try:
            _, stderr = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return stderr


def assert_not_in_program(case: unittest.TestCase, stderr: str) -> None:
    """Check that a traceback is of Python's start or end, not of the program at work."""
    # Its first import is what it answers Ctrl-C with; before its first line is line 0.
    start = r'  File "[^"\n]*", line (0, in <module>\n|\d+, in <module>\n    import signal\n)'
    case.assertNotRegex(re.sub(start, "", stderr), r"(main|get_data)\.py\"")


def limit_file_size(size: int):
    """Return what a process must call to be refused larger files, as a full disk refuses them."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class TestSurroundings(FaultCase):
    def test_a_folder_that_cannot_be_written(self):
        config = self.config()
        self.folder.chmod(0o555)
        self.addCleanup(self.folder.chmod, 0o755)
        done = self.run_main(config, powerless=True)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr, "main.py: some_loss.png: Permission denied\n")
        self.assertIn("Test accuracy: ", done.stdout)

    def test_a_full_disk(self):
        config = self.config()
        for older in ({}, {"some_loss.png": b"an older figure"}):
            for name, content in older.items():
                (self.folder / name).write_bytes(content)
            done = self.run_main(config, preexec_fn=limit_file_size(10_000))
            self.assertEqual(done.returncode, 2)
            self.assertEqual(done.stderr, "main.py: some_loss.png: File too large\n")
            self.assertIn("Test accuracy: ", done.stdout)
            self.assertEqual(self.pictures(), older)
            self.assertEqual(list(self.folder.glob(".*")), [])

    def test_a_small_file_system(self):
        mounted = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(self.folder / "small")]
        (self.folder / "small").mkdir()
        if subprocess.run(mounted, capture_output=True, check=False).returncode != 0:
            self.skipTest("needs the right to mount a file system")
        self.addCleanup(subprocess.run, ["umount", str(self.folder / "small")], check=True)
        small = self.folder / "small"
        (small / "data").symlink_to(self.folder / "data")
        self.config("small/some.yaml")
        self.assert_ran(self.run_main("some.yaml", cwd=small))
        older = (small / "some_loss.png").read_bytes()
        room = os.statvfs(small).f_bavail * os.statvfs(small).f_frsize
        (small / "ballast").write_bytes(bytes(room - 8192))
        self.config("small/some.yaml", epochs=4)
        done = self.run_main("some.yaml", cwd=small)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr, "main.py: some_loss.png: No space left on device\n")
        self.assertEqual((small / "some_loss.png").read_bytes(), older)
        self.assertEqual(list(small.glob(".*")), [])

    def test_closed_standard_output(self):
        config = self.config(epochs=200)
        program = f'"{sys.executable}" -W error "{ROOT}/main.py" --config {config}'
        command = f"{{ {program}; echo $? > status; }} | head -1"
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.folder, capture_output=True, text=True, check=False
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"\AMNIST with [^\n]*\n\Z")
        self.assertEqual((self.folder / "status").read_text(), "1\n")

    def test_streams_that_are_not_there(self):
        config = self.config()
        program = f'"{sys.executable}" -W error "{ROOT}/main.py" --config {config}'
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed):
                done = subprocess.run(
                    ["sh", "-c", f"{program} {closed}"],
                    cwd=self.folder,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(len(self.pictures()), 2)
                for name in self.pictures():
                    (self.folder / name).unlink()

    def test_no_home(self):
        config = self.config()
        for home in (self.folder / "none" / "home", Path("/proc/none"), ""):
            with self.subTest(home):
                done = self.run_main(config, env={"HOME": str(home)})
                self.assert_ran(done)
        everything = {name for name in os.environ if name != "PATH"}
        with unittest.mock.patch.dict(os.environ):
            for name in everything:
                del os.environ[name]
            self.assert_ran(self.run_main(config))

    def test_other_locales(self):
        for variables in (
            {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
            {"LC_ALL": "POSIX", "PYTHONIOENCODING": "latin-1"},
            {"LC_ALL": "tr_TR.ISO-8859-9", "PYTHONUTF8": "0"},
        ):
            with self.subTest(variables):
                config = self.config("größe 日本.yaml")
                path = self.folder / config
                path.write_text("# größe\n" + path.read_text("utf-8"), encoding="utf-8")
                self.assert_ran(self.run_main(config, env=variables))
                self.assertIn("größe 日本_loss.png", self.pictures())
                path.write_text("größe: 1\n", encoding="utf-8")
                done = self.run_main(config, env=variables)
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stderr, r"\Amain\.py: gr[^\n]* unknown section [^\n]*\n\Z")

    def test_a_path_with_blanks_and_other_letters(self):
        project = self.folder / "my Größe's 日本 $HOME"
        project.mkdir()
        for name in ("main.py", "utils.py", "models", "optimizer", "configs"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, project / name)
        shutil.move(self.folder / "data", project / "data")
        config = self.config(f"{project.name}/a config's.yaml")
        for cwd, path in ((project, "a config's.yaml"), (project, self.folder / config)):
            done = run_program(project / "main.py", "--config", path, cwd=cwd)
            self.assert_ran(done)
            self.assertEqual(len(list(project.glob("a config's_*.png"))), 2)

    def test_two_runs_at_once(self):
        config = self.config()
        self.assert_ran(self.run_main(config))
        whole = self.pictures()
        for _ in range(3):
            both = [self.start(config) for _ in range(2)]
            for process in both:
                with process:
                    stdout, stderr = process.communicate()
                done = subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
                self.assert_ran(done)
            self.assertEqual(self.pictures(), whole)
            self.assertEqual(list(self.folder.glob(".*")), [])


class TestSurroundingsOfTheDataProgram(test_get_data.ProgramCase):
    COUNTS = (400, 40)

    def test_a_folder_that_cannot_be_written(self):
        self.folder.chmod(0o555)
        self.addCleanup(self.folder.chmod, 0o755)
        status, _, stderr = self.finish(self.start(self.mirror().url, powerless=True))
        self.assertEqual(status, 1)
        self.assertRegex(stderr, r"\Aget_data: [^\n]*/data/[^\n]*: Permission denied\n\Z")

    def test_a_full_disk(self):
        mirror = self.mirror()
        limit = limit_file_size(100_000)
        status, _, stderr = self.finish(self.start(mirror.url, preexec_fn=limit))
        self.assertEqual(status, 1)
        self.assertRegex(stderr, r"\Aget_data: [^\n]*: File too large\n\Z")
        self.assertEqual(list(self.folder.glob("mnist_*")), [])
        self.assertEqual(list(self.folder.glob(".get_data-*")), [])
        self.assertEqual(self.finish(self.start(mirror.url))[0], 0)
        self.assert_complete()

    def test_closed_standard_output(self):
        with self.start(self.mirror().url) as process:
            process.stdout.close()
            stderr = process.stderr.read()
        self.assertEqual((process.returncode, stderr), (1, ""))
        self.assertEqual(list(self.folder.glob(".get_data-*")), [])

    def test_a_full_disk_under_standard_output(self):
        with open("/dev/full", "w") as full:
            status, _, stderr = self.finish(self.start(self.mirror().url, stdout=full))
        self.assertEqual(status, 1)
        self.assertEqual(stderr, "get_data: standard output: No space left on device\n")

    def test_two_at_once(self):
        mirror = self.mirror()
        for _ in range(3):
            both = [self.start(mirror.url) for _ in range(2)]
            for process in both:
                status, _, stderr = self.finish(process)
                self.assertEqual((status, stderr), (0, ""))
            self.assert_complete()
            for table in self.tables:
                (self.folder / table.name).unlink()

    def test_surroundings(self):
        url = self.mirror().url
        for variables in (
            {"HOME": "/proc/none"},
            {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        ):
            status, _, stderr = self.finish(self.start(url, env=variables))
            self.assertEqual((status, stderr), (0, ""))
            self.assert_complete()
            for table in self.tables:
                (self.folder / table.name).unlink()

    def test_a_path_with_blanks_and_other_letters(self):
        self.folder = self.folder.rename(self.folder.with_name("my Größe's 日本 $HOME"))
        for variables in ({}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}):
            url = self.mirror().url
            with self.start(url, env=variables) as process:
                _, stderr = process.communicate()
            self.assertEqual((process.returncode, stderr), (0, ""))
            self.assert_complete()
            for table in self.tables:
                (self.folder / table.name).unlink()


class TestExtremes(FaultCase):
    """Settings and data at the ends of what is allowed: a result, or one clear line."""

    def check(self, *changes: dict) -> list[int]:
        """Run both models with each of these changes; return the statuses."""
        models = ("SoftmaxRegression", "TwoLayerNet")
        cases = [{"type": model, **change} for change in changes for model in models]
        configs = [self.config(f"{number}.yaml", **case) for number, case in enumerate(cases)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(self.run_main, configs))
        for case, config, done in zip(cases, configs, results, strict=True):
            with self.subTest(case):
                self.assert_result_or_one_line(config, done)
        self.assertEqual(len(self.pictures()), 2 * len(cases))
        for name in self.pictures():
            (self.folder / name).unlink()
        return [done.returncode for done in results]

    def run_main(self, config: str, **options) -> subprocess.CompletedProcess:
        return super().run_main(config, env=ONE_THREAD, **options)

    def assert_result_or_one_line(self, config: str, done: subprocess.CompletedProcess) -> None:
        self.assertNotRegex(done.stdout.lower(), r"\b(nan|inf)\b")
        if done.returncode == 1:
            expected = rf"\Amain\.py: {config}: diverged: the loss of epoch \d+ is not finite; "
            self.assertRegex(done.stderr, expected + r"[^\n]*\n\Z")
        else:
            self.assert_ran(done)

    def test_learning_rates(self):
        rates = [f"1e{exponent}" for exponent in range(-12, 13, 3)]
        statuses = self.check(*({"learning_rate": rate} for rate in rates))
        self.assertEqual(statuses[0], 0)
        self.assertEqual(statuses[-1], 1)
        self.check({"learning_rate": 5e-324}, {"learning_rate": 1e308})
        single = ({"learning_rate": rate, "dtype": "float32"} for rate in ("1e-50", 1, "1e12"))
        self.check(*single, {"learning_rate": "1e300", "dtype": "float32"})

    def test_regularization(self):
        regs = (0, 1e-12, 1, 10, 100, 1000)
        statuses = self.check(*({"reg": reg, "epochs": 30} for reg in regs))
        self.assertEqual(statuses[0], 0)
        self.assertEqual(statuses[-1], 1)
        self.check({"reg": 1000, "dtype": "float32", "epochs": 30}, {"reg": 1e308})

    def test_sizes(self):
        self.check({"hidden_size": 1}, {"batch_size": 1}, {"epochs": 1})
        self.check({"batch_size": 321}, {"batch_size": 10**9})
        self.check({"hidden_size": 5000})

    def test_data(self):
        labels, pixels = made_up_images(60)
        gray, alike = np.full_like(pixels, 128), np.full_like(pixels, pixels[0])
        for name, table in {
            "one image everywhere": (labels, alike),
            "constant": (labels, gray),
            "black": (labels, 0 * pixels),
            "white": (labels, 0 * pixels + 255),
            "a single class": (0 * labels + 7, pixels),
            "a single class of black": (0 * labels, 0 * pixels),
            "a class that only the tests hold": (np.where(np.arange(60) < 48, 1, 9), pixels),
            "two images": (labels[:2], pixels[:2]),
        }.items():
            with self.subTest(name):
                for part in ("train", "test"):
                    path = self.folder / "data" / f"mnist_{part}.csv"
                    path.write_text("\n".join(csv_lines(*table)))
                self.check({"dtype": "float32"}, {"learning_rate": 1e3})


class TestReproducible(unittest.TestCase):
    """The same config gives the same numbers: twice, with more threads, with another NumPy."""

    def test_two_processes(self):
        mnist()
        for name in ("config_softmax", "config_twolayer", "config_exp"):
            with self.subTest(name), ThreadPoolExecutor(2) as pool:
                first, second = pool.map(self.printed_and_drawn, [name] * 2)
                self.assertRegex(first[0], r"(?m)^ +10( +\d\.\d{4}){4}")
                self.assertEqual(first, second)

    def printed_and_drawn(self, name: str) -> tuple[str, list[bytes]]:
        """Return the numbers and the figures of a run of one of the course's configs."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "data").symlink_to(ROOT / "data")
            config = ROOT / "configs" / f"{name}.yaml"
            done = run_program(
                ROOT / "main.py", "--config", config, cwd=Path(folder), env=ONE_THREAD
            )
            self.assertEqual(done.returncode, 0)
            figures = sorted(Path(folder).glob("*.png"))
            self.assertEqual(len(figures), 2)
            return numbers(done.stdout), [figure.read_bytes() for figure in figures]

    # One epoch of each model on 2,000 images.
    PROGRAM = """
import dataclasses, json, main, numpy
train, valid, test = main.load_data()
data = main.Data(*[(images[:2000], labels[:2000]) for images, labels in (train, valid, test)])
losses = []
for name in ("softmax", "twolayer"):
    config = main.read_config(f"configs/config_{name}.yaml")
    result = main.run(dataclasses.replace(config, epochs=1), data)
    losses += result.train_loss + result.valid_loss
print(json.dumps([numpy.__version__, losses]))
"""

    def losses(self, python: str, threads: int) -> tuple[str, list[float]]:
        """Return NumPy's version and the losses under an interpreter with so many threads."""
        environment = {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            **{f"{blas}_NUM_THREADS": str(threads) for blas in ("OPENBLAS", "OMP", "MKL")},
        }
        done = subprocess.run(
            [python, "-W", "error", "-c", self.PROGRAM],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        version, losses = json.loads(done.stdout)
        self.assertEqual(len(losses), 4)
        return version, losses

    def test_threads(self):
        mnist()
        (_, one), (_, two) = (self.losses(sys.executable, threads) for threads in (1, 2))
        np.testing.assert_allclose(two, one, rtol=0, atol=1e-9)

    def test_numpy_versions(self):
        other_python = os.environ.get("OTHER_PYTHON")
        if not other_python:
            self.skipTest("OTHER_PYTHON names no interpreter to compare with")
        mnist()
        version, losses = self.losses(sys.executable, 1)
        other_version, other_losses = self.losses(other_python, 1)
        self.assertNotEqual(version, other_version)
        np.testing.assert_allclose(losses, other_losses, rtol=0, atol=1e-9)


if __name__ == "__main__":
    unittest.main()
