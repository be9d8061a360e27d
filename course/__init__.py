"""What a course needs: the skeleton that students complete, and the grader.

`skeleton/` contains complete code; what students write is between `# BEGIN SOLUTION` and
`# END SOLUTION`. `mistakes.py` lists typical mistakes, each a patch of that code. `rubric.yaml`
says what is graded; `grader.py` grades one submission by it, `roster.py` a class. `processes.py`
starts two processes for that: `run_tests.py` runs the tests, `remote.py` the submission.
`autograder/` contains the scripts that Gradescope runs.
"""

import ast
import re
import sys
from pathlib import Path

from tests import ROOT

HERE = Path(__file__).resolve().parent
PARTS = ("loading", "activation", "loss", "network", "training")
# The files that the skeleton shares with the project.
SHARED = (
    *(f"configs/config_{name}.yaml" for name in ("softmax", "twolayer", "exp")),
    *(f"data/get_data.{kind}" for kind in ("sh", "bat", "py")),
    *(f"report/{name}" for name in ("template.typ", "template.pdf", "style.typ")),
    *(f"tests/{name}.py" for name in ("__init__", "checks", "inside", "oracle")),
    *(f"tests/test_{part}.py" for part in PARTS),
    "environment.yaml",
    "collect_submission.sh",
    "collect_submission.bat",
)


def log(line: str) -> None:
    print(f"course: {line}", file=sys.stderr)


def write_skeleton(folder: Path, solved: bool = False) -> None:
    """Write the students' skeleton into a new folder; raise a FileExistsError if it exists.

    With `solved`, the solutions stay in. Lines end in LF; those of .bat files in CRLF.
    """
    skeleton, contents = HERE / "skeleton", {}
    files = {file.relative_to(skeleton).as_posix(): file for file in skeleton.rglob("*")}
    for name, file in (files | {name: ROOT / name for name in SHARED}).items():
        if file.is_file() and "__pycache__" not in name:
            content = file.read_bytes()
            if file.suffix != ".pdf":
                content = content.replace(b"\r\n", b"\n")
            if file.suffix == ".bat":
                content = content.replace(b"\n", b"\r\n")
            if file.suffix == ".py" and name in files and not solved:
                content = without_solutions(name, content.decode()).encode()
            contents[name] = content
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def write_solution(folder: Path) -> None:
    """Write the skeleton with its solutions into a new folder."""
    write_skeleton(folder, solved=True)


def without_solutions(name: str, text: str) -> str:
    """Replace each solution in a Python file by an error that says what to complete.

    Raises a ValueError unless marks enclose the whole body of each task, and nothing else. A task
    is a function whose docstring names a section of the handout.
    """
    tasks = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            section = re.search(r"\(handout ([^)]+)\)", ast.get_docstring(node) or "")
            if section:
                tasks.append((node.body[0].end_lineno, node, section[1]))
    if text.upper().count("SOLUTION") != 2 * len(tasks):
        raise ValueError(f"{name}: expected # BEGIN SOLUTION and # END SOLUTION in each task")
    lines = text.splitlines(keepends=True)
    for start, node, section in sorted(tasks, reverse=True):
        end, indent = node.end_lineno, node.body[0].col_offset * " "
        marks = [f"{indent}# BEGIN SOLUTION\n", f"{indent}# END SOLUTION\n"]
        after = "".join(lines[end + 1 :]).lstrip("\n")
        if lines[start : start + 1] + lines[end : end + 1] != marks or after.startswith(indent):
            raise ValueError(f"{name}: {node.name}: expected its whole body between the marks")
        message = f'"{name}: complete {node.name} (handout {section})"'
        error = f"{indent}raise NotImplementedError(\n{indent}    {message}\n{indent})\n"
        lines[start : end + 1] = [error]
    return "".join(lines)
