"""The files around the code: the submission, conda's environment, the wrapper scripts."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

import yaml

from tests import ROOT

EXPECTED = {
    "main.py",
    "utils.py",
    "configs/config_exp.yaml",
    "configs/config_softmax.yaml",
    "configs/config_twolayer.yaml",
    "models/__init__.py",
    "models/_base_network.py",
    "models/softmax_regression.py",
    "models/two_layer_nn.py",
    "optimizer/__init__.py",
    "optimizer/_base_optimizer.py",
    "optimizer/sgd.py",
}


@unittest.skipIf(os.name == "nt", "needs bash")
class TestSubmission(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.project = Path(folder.name) / "a project"
        for name in (*EXPECTED, "collect_submission.sh", "collect_submission.bat"):
            (self.project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.project / name)
        # What must stay out.
        for name in ("models/__pycache__/x.pyc", "data/mnist_train.csv", "loss.png", "tests/x.py"):
            (self.project / name).parent.mkdir(exist_ok=True)
            (self.project / name).write_text("x")
        self.archive = self.project / "assignment_1_submission.zip"

    def collect(self, *command, cwd=None, path=None):
        path = path or f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            command or ["bash", self.project / "collect_submission.sh"],
            cwd=cwd or self.project,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    def test_contents(self):
        done = self.collect(cwd="/")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, f"{self.archive.name}: {len(EXPECTED)} files\n")
        with zipfile.ZipFile(self.archive) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(len(archive.namelist()), len(EXPECTED))
            self.assertEqual(set(archive.namelist()), EXPECTED)
            for name in EXPECTED:
                self.assertEqual(archive.read(name), (ROOT / name).read_bytes())
        left = {path.name for path in self.project.iterdir() if path.is_file()}
        scripts = {"collect_submission.sh", "collect_submission.bat"}
        self.assertEqual(left, {"main.py", "utils.py", "loss.png", self.archive.name} | scripts)

    def test_a_config_of_ones_own_goes_along(self):
        (self.project / "configs" / "config_best.yaml").write_text("x")
        self.collect()
        with zipfile.ZipFile(self.archive) as archive:
            self.assertEqual(set(archive.namelist()), EXPECTED | {"configs/config_best.yaml"})

    def test_the_same_files_give_the_same_archive(self):
        self.collect()
        first = self.archive.read_bytes()
        for path in self.project.rglob("*.py"):
            os.utime(path, (1e9, 1e9))
            path.chmod(0o600)
        self.collect()
        self.assertEqual(self.archive.read_bytes(), first)

    def test_windows_runs_the_same_lines(self):
        self.collect()
        first = self.archive.read_bytes()
        self.archive.unlink()
        script = (self.project / "collect_submission.bat").read_text()
        (program,) = re.findall(r'%python% -c "(.*)"', script)
        done = self.collect(sys.executable, "-c", program)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.archive.read_bytes(), first)

    def test_a_missing_file(self):
        self.archive.write_text("old")
        (self.project / "utils.py").unlink()
        done = self.collect()
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "collect_submission: utils.py: No such file or directory\n")
        self.assertEqual(self.archive.read_text(), "old")
        self.assertEqual(list(self.project.glob("*.part")), [])

    def test_no_python(self):
        bin_folder = self.project / "bin"
        bin_folder.mkdir()
        for name in ("bash", "sh", "dirname"):
            (bin_folder / name).symlink_to(shutil.which(name))
        (bin_folder / "python3").symlink_to(shutil.which("false"))
        for script in (self.project / "collect_submission.sh", ROOT / "data" / "get_data.sh"):
            done = self.collect("bash", script, path=str(bin_folder))
            self.assertEqual(done.returncode, 2)
            self.assertIn("found no Python 3.10 or newer", done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)


class TestScripts(unittest.TestCase):
    def test_line_ends(self):
        for name in ("collect_submission", "data/get_data"):
            windows = (ROOT / f"{name}.bat").read_bytes()
            self.assertEqual(windows.count(b"\n"), windows.count(b"\r\n"), "cmd needs CRLF")
            self.assertNotIn(b"\r", (ROOT / f"{name}.sh").read_bytes(), "sh needs LF")


class TestEnvironment(unittest.TestCase):
    """`environment.yaml` as conda reads it."""

    def setUp(self):
        self.environment = yaml.safe_load((ROOT / "environment.yaml").read_text())

    def test_form(self):
        self.assertEqual(set(self.environment), {"name", "channels", "dependencies"})
        self.assertRegex(self.environment["name"], r"^[a-z0-9-]+$")
        self.assertEqual(self.environment["channels"], ["conda-forge", "nodefaults"])

    def test_packages_have_floors_and_no_pins(self):
        floors = dict(entry.split(">=") for entry in self.environment["dependencies"])
        self.assertEqual(set(floors), {"python", "numpy", "pyyaml", "matplotlib-base"})
        for floor in floors.values():
            self.assertRegex(floor, r"^\d+\.\d+(\.\d+)?$")
        self.assertEqual((floors["python"], floors["numpy"]), ("3.10", "1.26"))

    def test_the_readme_and_ci_say_the_same(self):
        floors = dict(entry.split(">=") for entry in self.environment["dependencies"])
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
        for conda, pip in (
            ("numpy", "numpy"),
            ("pyyaml", "pyyaml"),
            ("matplotlib-base", "matplotlib"),
        ):
            self.assertEqual(set(re.findall(rf'"{pip}>=([\d.]+)"', readme)), {floors[conda]})
            self.assertRegex(ci, rf'"{pip}=={re.escape(floors[conda])}(\.\*)?"')


if __name__ == "__main__":
    unittest.main()
