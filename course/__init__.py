"""The course around the assignment: the skeleton that students complete, and the grader.

    python -m course skeleton DIR
    python -m course grade SUBMISSION [--json FILE]
    python -m course autograder FILE.zip

`skeleton/` holds complete code; what students write stands between `# BEGIN SOLUTION` and
`# END SOLUTION`. `mistakes.py` lists typical mistakes, each a patch of that code. `rubric.yaml` says
what is graded. For each of its items `grader.py` starts two processes: `run_tests.py` runs the tests,
`remote.py` the submission. `autograder/` holds the scripts that Gradescope runs.
"""

import ast
import re
import shutil
from collections.abc import Iterator
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
    "tests/oracle.py",
    *(f"tests/test_{part}.py" for part in PARTS),
)


def write_skeleton(folder: Path) -> None:
    """Write the students' skeleton into a new folder.

    Raises
    ------
    FileExistsError
        If there is such a folder or file; it is left as it is.
    ValueError
        If the marks of a solution are not as `without_solutions` expects.
    """
    cut = {
        file: without_solutions(file.relative_to(HERE / "skeleton").as_posix(), file.read_text())
        for file in (HERE / "skeleton").rglob("*.py")
    }
    write_solution(folder)
    for file, text in cut.items():
        (folder / file.relative_to(HERE / "skeleton")).write_text(text, newline="\n")


def write_solution(folder: Path) -> None:
    """Write the skeleton with its solutions into a new folder."""
    folder.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HERE / "skeleton", folder, ignore=ignored, dirs_exist_ok=True)
    for name in SHARED:
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def without_solutions(name: str, text: str) -> str:
    """Replace each solution in a Python file by an error that says what to complete.

    Raises a ValueError unless the body of each task, and of no other function, is one solution
    between its marks.
    """
    tasks = list(_tasks(ast.parse(text)))
    kept, *parts = re.split(r"^( *)# (BEGIN|END) SOLUTION\n", text, flags=re.MULTILINE)
    if parts[1::3] != ["BEGIN", "END"] * len(tasks):
        raise ValueError(f"{name}: marks: found {parts[1::3]}; expected a pair in each task")
    for task, (function, section, last_line) in enumerate(tasks):
        indent, _, _, _, _, rest = parts[6 * task : 6 * task + 6]
        if text.splitlines()[last_line].strip() != "# BEGIN SOLUTION":
            raise ValueError(f"{name}: {function}: expected # BEGIN SOLUTION after the docstring")
        message = f'"{name}: complete {function} (handout {section})"'
        kept += f"{indent}raise NotImplementedError(\n{indent}    {message}\n{indent})\n{rest}"
    if "SOLUTION" in kept.upper() or len(list(_tasks(ast.parse(kept), bare=True))) != len(tasks):
        raise ValueError(f"{name}: a solution is left")
    return kept


def _tasks(tree: ast.Module, bare: bool = False) -> Iterator[tuple[str, str, int]]:
    """Yield the functions whose docstrings name a section: name, section, docstring's last line.

    If `bare`, only those whose body is a single statement besides.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            section = re.search(r"\(handout ([^)]+)\)", ast.get_docstring(node) or "")
            if section and (not bare or len(node.body) == 2):
                yield node.name, section[1], node.body[0].end_lineno
