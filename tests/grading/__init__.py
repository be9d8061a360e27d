"""What a course makes of these tests: the skeleton that its students complete, and the grader.

    python -m tests.grading skeleton DIR
    python -m tests.grading grade SUBMISSION [--json FILE]
    python -m tests.grading autograder FILE.zip

`skeleton/` holds the skeleton's own files, `plain/` a plain solution of the functions to complete,
`mistakes.py` the typical mistakes, each as a patch of that solution. `rubric.yaml` says what is
graded. For each check `grader.py` starts two processes: `check.py` runs the tests, `remote.py` the
submission. `autograder/` holds the scripts that Gradescope runs.
"""

import shutil
from pathlib import Path

from tests import ROOT

HERE = Path(__file__).resolve().parent
PARTS = ("loading", "activation", "loss", "network", "training")
# What the skeleton has in common with the project.
SHARED = (
    "configs/config_softmax.yaml",
    "configs/config_twolayer.yaml",
    "configs/config_exp.yaml",
    "data/get_data.sh",
    "data/get_data.bat",
    "data/get_data.py",
    "environment.yaml",
    "collect_submission.sh",
    "collect_submission.bat",
    "report/template.typ",
    "report/style.typ",
    "tests/__init__.py",
    "tests/checks.py",
    *(f"tests/test_{part}.py" for part in PARTS),
)


def write_skeleton(folder: Path) -> None:
    """Write the students' skeleton into a new folder.

    Raises
    ------
    FileExistsError
        If there is such a folder or file; it is left as it is.
    """
    folder.mkdir(parents=True)
    _copy(HERE / "skeleton", folder)
    for name in SHARED:
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def write_solution(folder: Path) -> None:
    """Write the skeleton, completed by the plain solution, into a new folder."""
    write_skeleton(folder)
    _copy(HERE / "plain", folder)


def _copy(source: Path, folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source, folder, ignore=ignored, dirs_exist_ok=True)
