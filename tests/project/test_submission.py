"""The files around the code: the submission, the scripts for the data, conda's environment."""

import os
import re
import shutil
import subprocess
import sys
import unittest
import zipfile
from pathlib import Path

import yaml

from tests import ROOT, InFolder

PARTS = ("configs/*.yaml", "main.py", "models/*.py", "optimizer/*.py", "utils.py")
FILES = [path.relative_to(ROOT).as_posix() for part in PARTS for path in sorted(ROOT.glob(part))]


@unittest.skipIf(os.name == "nt", "needs sh")
class TestScripts(InFolder):
    def run_script(self, *command: str, cwd: str = ".") -> subprocess.CompletedProcess:
        """Run a script with this Python as the active one."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        for name in ("data", "a project"):  # another project's folders of the same names
            (self.folder / "others" / name).mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "PATH": path, "CDPATH": str(self.folder / "others")}
        options = {"cwd": cwd, "env": environment, "text": True, "timeout": 60}
        return subprocess.run(command, capture_output=True, check=False, **options)

    def test_submission(self):
        project = Path("a project")
        caches = [f"{folder}/__pycache__/x.pyc" for folder in ("models", "optimizer", "tests")]
        for name in (*FILES, *caches, "data/mnist_train.csv", "assignment_1_submission.zip"):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).touch()
        shutil.copy(ROOT / "collect_submission.sh", project)
        done = self.run_script("bash", "a project/collect_submission.sh")
        self.assertIn("optimizer/sgd.py", done.stdout)
        with zipfile.ZipFile(project / "assignment_1_submission.zip") as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            self.assertEqual(sorted(names), FILES)

    def test_data(self):
        Path("data").mkdir()
        for name in ("get_data.sh", "get_data.py", "mnist_train.csv", "mnist_test.csv"):
            Path("data", name).symlink_to(ROOT / "data" / name)
        printed = "mnist_train.csv and mnist_test.csv are already there, SHA-256 verified\n"
        for script, folder in (("data/get_data.sh", "."), ("get_data.sh", "data")):
            done = self.run_script("sh", script, cwd=folder)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, printed, ""))

    def test_line_ends(self):
        for script in ("collect_submission", "data/get_data"):
            windows = (ROOT / f"{script}.bat").read_bytes()
            self.assertEqual(windows.count(b"\n"), windows.count(b"\r\n"), "cmd needs CRLF")
            self.assertNotIn(b"\r", (ROOT / f"{script}.sh").read_bytes(), "sh needs LF")


class TestEnvironment(unittest.TestCase):
    def test_the_same_versions_are_named_everywhere(self):
        packages = yaml.safe_load((ROOT / "environment.yaml").read_text())["dependencies"]
        conda = {package.replace("-base", "") for package in packages} - {"python>=3.10", "pip"}
        for name in ("README.md", "course/skeleton/README.md", "course/autograder/setup.sh"):
            text = (ROOT / name).read_text(encoding="utf-8")
            self.assertEqual(set(re.findall(r'"([a-z]+>=[\d.]+)"', text)), conda, name)
