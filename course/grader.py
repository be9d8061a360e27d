"""Grade a submission by `rubric.yaml`.

For each check the submission runs in one process and the tests in another, which never imports it:
they exchange plain data only (`remote.py`), and values are compared where the submission cannot
reach. Whatever it does to its own process (an endless loop, `os._exit`, a crash, other functions in
the place of those of `unittest` or NumPy) can lose the check, not win it. Its process works on
copies, has limits of time, memory and output, and can start no other. Points are added up here.

As root, as on Gradescope, the submission runs as the user nobody, who reaches neither the tests nor
the results. NOT defended against:

- Attacks on files and processes of the user it runs as. Unless that is nobody, these include the
  grader's own: grade as root in a container, or grade only what you would run yourself.
  As root with a Python that nobody cannot read, there are no limits on processes either.
- Right values that are copied rather than computed: the code of a solution, trained weights, known test
  data. Choose a `private_seed`, keep solutions out of reach, read the code.
- Imports by `exec` or `__import__`, which the rule on imports does not see.
- Use of the network and of world-writable folders; on macOS, unlimited memory.
"""

import dataclasses
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path

import yaml

from course import HERE, SHARED, without_solutions
from tests import ROOT

LARGEST = 2**20  # bytes of a file of a submission


@dataclasses.dataclass
class RubricItem:
    """Tests that must all pass to earn points, and the result.

    A rule earns no points; breaking it costs `cost` points, or "all". The rule without tests is
    broken by any check that prints something.
    """

    part: str
    name: str
    tests: list[str]
    points: float = 0
    cost: float | str = 0
    visibility: str = "visible"
    seed: int = 0
    seconds: int = 20
    megabytes: int = 2000
    mnist: bool = False
    passed: bool = False
    message: str = "not run"

    def title(self) -> str:
        return f"{self.part} {self.name}{' (private)' if self.visibility == 'hidden' else ''}"

    def result(self) -> dict:
        """Return the result in Gradescope's form."""
        return {
            "number": self.part,
            "name": f"{self.name} (-{self.cost})" if self.cost else self.name,
            "score": self.points if self.passed else 0,
            "max_score": self.points,
            "status": "passed" if self.passed else "failed",
            "output": "" if self.passed else printable(self.message),
            "visibility": self.visibility,
        }


def printable(text: str) -> str:
    """Replace what can upset a terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)


def read_rubric(path: Path) -> tuple[list[RubricItem], list[RubricItem]]:
    """Read the rules that are not switched off, and the checks, from a rubric."""
    try:
        rubric = yaml.safe_load(path.read_text(encoding="utf-8"))
        rules = [RubricItem("rule", **rule) for rule in rubric["rules"] if rule["cost"]]
        checks = []
        for entry in rubric["checks"]:
            points = {kind: entry.pop(kind, 0) for kind in ("public", "private")}
            for kind in (kind for kind in points if points[kind]):
                own = {"points": points[kind], "seed": rubric[f"{kind}_seed"]}
                visibility = "visible" if kind == "public" else "hidden"
                checks.append(RubricItem(**entry, **own, visibility=visibility))
        return rules, checks
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error}") from None


# The submission


def read_submission(path: Path) -> dict[str, bytes]:
    """Read the Python files of a zip or a folder, with or without a folder around them.

    Raises a ValueError that says why they cannot be read.
    """
    try:
        if path.is_dir():
            return python_files(path)
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/"):
                    raise ValueError(f"the zip holds a path that leads out of it: {name}")
            return python_files(zipfile.Path(archive))
    except (OSError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"the submission cannot be read: {error}") from None


def python_files(top: Path | zipfile.Path) -> dict[str, bytes]:
    """Return the Python files of a submission by name."""
    inside = [folder for folder in top.iterdir() if (folder / "utils.py").is_file()]
    if len(inside) == 1 and not (top / "utils.py").is_file():
        top = inside[0]
    files = {}
    for prefix, folder in (("", top), *((f"{n}/", top / n) for n in ("models", "optimizer"))):
        for file in folder.iterdir() if folder.is_dir() else ():
            is_link = isinstance(file, Path) and file.is_symlink()
            if file.name.endswith(".py") and file.is_file() and not is_link:
                with file.open("rb") as stream:
                    files[prefix + file.name] = stream.read(LARGEST + 1)
                if len(files[prefix + file.name]) > LARGEST:
                    raise ValueError(f"{file.name} is larger than 1 MB")
    return files


# A check


@functools.cache
def user() -> dict:
    """Return what Popen needs to start Python as nobody, or nothing where that is impossible."""
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    command = [sys.executable, "-c", "import numpy, matplotlib"]
    with suppress(OSError):
        done = subprocess.run(
            command, cwd=tempfile.gettempdir(), capture_output=True, check=False, **nobody
        )
        return {} if done.returncode else nobody
    return {}


def lay_out(check: RubricItem, files: dict[str, bytes], data: Path, folder: Path) -> None:
    """Put a copy of all that a submission needs into a folder."""
    import matplotlib.font_manager  # which makes its list of fonts if there is none

    for name in ("submission", "cache"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    folder.chmod(0o755 if user() else 0o700)
    for name, content in files.items():
        file = folder / "submission" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    for fonts in Path(matplotlib.get_cachedir()).glob("fontlist*"):
        shutil.copy(fonts, folder / "cache")
    shutil.copy(HERE / "remote.py", folder / "server.py")
    if check.mnist:
        (folder / "submission" / "data").mkdir()
        for name in ("mnist_train.csv", "mnist_test.csv"):
            shutil.copy(data / name, folder / "submission" / "data")


def start(check: RubricItem, data: Path, folder: Path, output) -> tuple[subprocess.Popen, ...]:
    """Start the process of the tests and that of the submission, and wire them up."""
    project = folder / "submission"
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment = {**os.environ, **threads, "TMPDIR": str(project)}
    popen = functools.partial(subprocess.Popen, stdin=subprocess.DEVNULL, start_new_session=True)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        tests = popen(
            [sys.executable, "-m", "course.run_tests", str(ours.fileno()), project] + check.tests,
            cwd=ROOT,
            env=environment | {"TEST_SEED": str(check.seed), "TEST_DATA": str(data.resolve())},
            pass_fds=[ours.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        submission = popen(
            [sys.executable, "-u", "-B", "-W", "ignore", folder / "server.py"]
            + [str(number) for number in (theirs.fileno(), check.seconds, check.megabytes)],
            cwd=project,
            env=environment | {"MPLBACKEND": "agg", "MPLCONFIGDIR": str(folder / "cache")},
            pass_fds=[theirs.fileno()],
            stdout=output,
            stderr=output,
            **user(),
        )
    return tests, submission


running: set[subprocess.Popen] = set()  # processes of tests
stopping = threading.Event()


def stop_all() -> None:
    """End the checks that are running, and those that start from now on."""
    stopping.set()
    for tests in running.copy():
        tests.kill()


def run(check: RubricItem, files: dict[str, bytes], data: Path) -> str:
    """Run a check, record its result, and return the beginning of what was printed."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as output,
    ):
        lay_out(check, files, data, Path(folder))
        tests, submission = start(check, data, Path(folder), output)
        running.add(tests)
        if stopping.is_set():
            tests.kill()
        try:
            said, errors = tests.communicate(timeout=check.seconds)
            messages = [errors.decode()] if tests.returncode else json.loads(said)
        except subprocess.TimeoutExpired:
            messages = [f"stopped: it takes more than {check.seconds} s"]
        finally:
            running.discard(tests)
            for process in (tests, submission):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        check.passed, check.message = not messages, "\n".join(messages)
        output.seek(0)
        return output.read(200).decode(errors="replace")


# The grade


def grade(
    submission: Path,
    rubric: Path,
    data: Path,
    save: Callable[[dict], None] = lambda results: None,
    log: Callable[[str], None] = lambda line: None,
) -> dict:
    """Grade a submission; return the results in Gradescope's form.

    `save` gets them before the first check and after each, so that they are complete whenever the
    grader is stopped; `log` gets the title of each check that starts.
    """
    started = time.monotonic()
    stopping.clear()
    rules, checks = read_rubric(rubric)

    def results() -> dict:
        return {
            "score": score(rules, checks),
            "output": "The score counts private checks, too; their results are not shown.",
            "visibility": "visible",
            "stdout_visibility": "hidden",
            "execution_time": round(time.monotonic() - started),
            "tests": [check.result() for check in rules + checks],
        }

    def run_one(check: RubricItem) -> None:
        log(check.title())
        printed = run(check, files, data)
        for rule in rules if printed else ():
            if not rule.tests:
                visible = check.visibility == "visible"
                if rule.passed or visible:  # a private check's output is not shown
                    shown = printed if visible else "not shown"
                    rule.passed, rule.message = False, f"printed in {check.title()}: {shown}"

    def run_all(checks: list[RubricItem]) -> None:
        """Run checks two at a time, first those that may take longest."""
        order = sorted(checks, key=lambda check: -check.seconds)
        with ThreadPoolExecutor(2) as pool:
            try:
                for future in as_completed([pool.submit(run_one, check) for check in order]):
                    future.result()
                    save(results())
            except BaseException:  # Ctrl-C, too
                pool.shutdown(wait=False, cancel_futures=True)
                stop_all()
                raise

    save(results())
    try:
        files = read_submission(submission)
    except ValueError as error:
        for check in rules + checks:
            check.message = str(error)
    else:
        for rule in rules:
            rule.passed = not rule.tests
        run_all([rule for rule in rules if rule.tests])
        if not any(rule.cost == "all" and not rule.passed for rule in rules):
            run_all(checks)
    save(results())
    return results()


def score(rules: list[RubricItem], checks: list[RubricItem]) -> float:
    """Return the points of the checks, less the cost of the rules that are broken."""
    costs = [rule.cost for rule in rules if not rule.passed]
    points = sum(check.points for check in checks if check.passed)
    return 0 if "all" in costs else max(0, points - sum(costs))


def table(results: dict) -> str:
    """Show results to a person, of what failed the first line."""
    lines = []
    for test in results["tests"]:
        points = f"{test['score']:g}/{test['max_score']:g}" if test["max_score"] else test["status"]
        who = "private" if test["visibility"] == "hidden" else ""
        lines.append(f"{test['number']:8}{test['name']:62}{who:8}{points:>6}")
        lines += [f"{'':8}{line[:120]}" for line in test["output"].splitlines()[:1]]
    most = sum(test["max_score"] for test in results["tests"])
    return "\n".join([*lines, "", f"Score: {results['score']:g} of {most:g}"])


def write_autograder(file: Path) -> None:
    """Write the archive for Gradescope, without solutions: a submission could find them there."""
    files = [ROOT / name for name in SHARED if name.startswith(("configs/", "data/", "tests/"))]
    files += [path for path in HERE.glob("*.py") if path.name != "mistakes.py"]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for script in ("setup.sh", "run_autograder"):
            archive.write(HERE / "autograder" / script, script)
        for path in [*files, HERE / "rubric.yaml"]:
            archive.write(path, path.relative_to(ROOT))
        for path in (HERE / "skeleton").rglob("*.py"):
            text = without_solutions(path.name, path.read_text())
            archive.writestr(path.relative_to(ROOT).as_posix(), text)
