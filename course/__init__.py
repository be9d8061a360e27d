"""The course around the assignment: the skeleton that students complete, and the grader.

    python -m course skeleton DIR
    python -m course grade SUBMISSION... [--json FILE] [--csv FILE [--feedback DIR] [--jobs N]]
    python -m course autograder FILE.zip

`skeleton/` contains complete code; what students write is between `# BEGIN SOLUTION` and
`# END SOLUTION`. `mistakes.py` lists typical mistakes, each a patch of that code. `rubric.yaml` says
what is graded; `grader.py` grades one submission by it, `roster.py` a class. `processes.py` starts
two processes for that: `run_tests.py` runs the tests, `remote.py` the submission. `autograder/`
contains the scripts that Gradescope runs.
"""

import ast
import re
from pathlib import Path

from tests import ROOT

HERE = Path(__file__).resolve().parent
PARTS = ("loading", "activation", "loss", "network", "training")
# The files that the skeleton shares with the project.
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
    "report/template.pdf",
    "report/style.typ",
    "tests/__init__.py",
    "tests/checks.py",
    "tests/inside.py",
    "tests/oracle.py",
    *(f"tests/test_{part}.py" for part in PARTS),
)


def write_skeleton(folder: Path) -> None:
    """Write the students' skeleton into a new folder.

    Raises
    ------
    FileExistsError
        If the folder exists; it is left as it is.
    ValueError
        If the marks around a solution are not as `without_solutions` expects.
    """
    cut = {
        name: without_solutions(name, text.decode()).encode()
        for name, text in _solution().items()
        if name.endswith(".py") and (HERE / "skeleton" / name).exists()
    }
    write_solution(folder)
    for name, text in cut.items():
        (folder / name).write_bytes(text)


def write_solution(folder: Path) -> None:
    """Write the skeleton with its solutions into a new folder."""
    folder.mkdir(parents=True)
    for name, content in _solution().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _solution() -> dict[str, bytes]:
    """Return the files of the skeleton with its solutions; lines end in LF, of .bat in CRLF."""
    skeleton = HERE / "skeleton"
    files = {file.relative_to(skeleton).as_posix(): file for file in skeleton.rglob("*")}
    files |= {name: ROOT / name for name in SHARED}
    contents = {}
    for name, file in files.items():
        if file.is_file() and "__pycache__" not in name:
            contents[name] = file.read_bytes()
            if not name.endswith(".pdf"):
                text = contents[name].replace(b"\r\n", b"\n")
                contents[name] = text.replace(b"\n", b"\r\n") if name.endswith(".bat") else text
    return contents


def without_solutions(name: str, text: str) -> str:
    """Replace each solution in a Python file by an error that says what to complete.

    Raises a ValueError unless the body of each task, and of no other function, is one solution
    between its marks. A task is a function whose docstring names a section of the handout.
    """
    tasks = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            section = re.search(r"\(handout ([^)]+)\)", ast.get_docstring(node) or "")
            if section:
                tasks.append((node.body[0].end_lineno, node.name, section[1]))
    kept, *parts = re.split(r"^( *)# (BEGIN|END) SOLUTION\n", text, flags=re.MULTILINE)
    if parts[1::3] != ["BEGIN", "END"] * len(tasks):
        raise ValueError(f"{name}: marks: found {parts[1::3]}; expected a pair in each task")
    for number, (last_line, function, section) in enumerate(sorted(tasks)):
        indent, _, _, _, _, rest = parts[6 * number : 6 * number + 6]
        if text.splitlines()[last_line].strip() != "# BEGIN SOLUTION":
            raise ValueError(f"{name}: {function}: expected # BEGIN SOLUTION after the docstring")
        if rest.lstrip("\n").startswith(indent):
            raise ValueError(f"{name}: {function}: expected nothing after # END SOLUTION")
        message = f'"{name}: complete {function} (handout {section})"'
        kept += f"{indent}raise NotImplementedError(\n{indent}    {message}\n{indent})\n{rest}"
    if "SOLUTION" in kept.upper():
        raise ValueError(f"{name}: a mark is left")
    ast.parse(kept)
    return kept
