"""Run tests and a submission in two processes that are joined only by a socket, the wire.

Until a submission's processes have ended, root changes nothing that they can change.
"""

import fcntl
import json
import os
import shutil
import site
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from course import HERE
from tests import ROOT

LOCKS = Path("/var/run/course-grader")
NUMBERS = range(58000, 60000, 2)  # user IDs, of which each grade reserves two
OPEN_TO_ALL = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")
MOST_FILES, MOST_KILOBYTES = 200, 200_000  # of a running submission, folders included

stopping = threading.Event()  # set it to end all runs


@contextmanager
def two_users(isolate: bool) -> Iterator[tuple]:
    """Reserve user IDs for tests and submission; without root or `isolate` both are None."""
    if os.geteuid() or not isolate:
        yield None, None
        return
    LOCKS.mkdir(mode=0o700, exist_ok=True)
    for number in NUMBERS:
        if any(quietly("id", user)[0] != 1 for user in (number, number + 1)):  # it has a name
            continue
        with (LOCKS / str(number)).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            end_all(number + 1)  # what a killed grader may have left
            yield number, number + 1
            return
    raise ValueError("all user IDs from 58000 to 59999 are in use")


def as_user(user: int | None) -> dict:
    """Return the arguments that make Popen start a process as another user."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def quietly(*command, user: int | None = None) -> tuple[int, str]:
    """Run a command as a user; return its status and its output."""
    options = {"cwd": "/", "capture_output": True, "timeout": 60, **as_user(user)}
    with suppress(OSError, subprocess.TimeoutExpired):  # no such command, or too slow
        done = subprocess.run([*map(str, command)], check=False, **options)
        return done.returncode, done.stdout.decode(errors="replace")
    return -1, ""


def end_all(user: int) -> None:
    """End all processes of a user, then delete the files that it has left around."""
    quietly(sys.executable, "-I", "-S", "-c", "import os; os.kill(-1, 9)", user=user)
    quietly("find", *OPEN_TO_ALL, "-xdev", "-user", user, "-delete")  # no folder is closed to root


@contextmanager
def workplace(data: Path) -> Iterator[Path]:
    """Make a folder with copies of all that runs need: tests, grader, MNIST, a list of fonts."""
    import matplotlib.font_manager  # makes its list of fonts if there is none

    with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        shared, tests, submission = place / "data", place / "run/tests", place / "run/submission"
        for name in ("configs", "course", "tests"):
            shutil.copytree(ROOT / name, tests / name)
        shutil.copytree(matplotlib.get_cachedir(), submission)  # is its MPLCONFIGDIR
        (shared / "tests").mkdir(parents=True)
        shutil.copy(ROOT / "tests/inside.py", shared / "tests")
        for file in (data / "mnist_train.csv", data / "mnist_test.csv", HERE / "remote.py"):
            shutil.copy(file, shared)
        (tests / "data").symlink_to(shared)
        (submission / "data").mkdir(exist_ok=True)
        (submission / "data/mnist_train.csv").symlink_to(shared / "mnist_train.csv")
        quietly("chmod", "-R", "u=rwX,go=rX", shared)
        quietly("chmod", "700", place / "run", tests, submission)
        place.chmod(0o711)
        yield place


def run(items: list, files: dict, place: Path, users: tuple, deadline: float) -> tuple[list, str]:
    """Run items one after the other in two new processes, until an item fails or time is up.

    Return a list of failed tests' messages for each item run, and all that was printed.
    """
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=place))
    tests, submission = folder / "tests", folder / "submission"
    with ExitStack() as stack:  # last in, first out
        stack.callback(quietly, "rm", "-rf", folder)
        stack.callback(quietly, "chmod", "-R", "u+rwX", folder)  # or rm fails, unless as root
        if users[1] is not None:
            stack.callback(end_all, users[1])
        shutil.copytree(place / "run", folder, symlinks=True, dirs_exist_ok=True)
        for name, content in files.items():
            for file in (tests / "submission" / name, submission / name):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        requests = [[item.tests, item.seed, item.seconds] for item in items]
        (tests / "requests.json").write_text(json.dumps(requests))
        folder.chmod(0o711)
        ours, theirs = socket.socketpair()
        seconds = 10 + int(sum(item.seconds for item in items))
        runner, server = ["-m", "course.run_tests"], ["-u", place / "data/remote.py", seconds]
        with ours, theirs:
            runner = start(stack, runner, tests, users[0], ours, subprocess.PIPE)
            server = start(stack, server, submission, users[1], theirs, subprocess.DEVNULL)
        return follow(runner, server, len(items), submission, users[1], deadline)


def follow(tests, submission, count: int, folder: Path, user: int | None, deadline: float):
    """Collect messages and output; end the run if it takes too much time or space."""
    stopped = ""
    while True:
        try:
            output, errors = tests.communicate(timeout=0.5)
            break
        except subprocess.TimeoutExpired:
            if stopping.is_set():
                raise KeyboardInterrupt from None
            if time.monotonic() > deadline:
                stopped = "stopped: the time for all checks is up"
            if uses_too_much(folder, user):
                stopped = f"stopped: more than {MOST_FILES} files or 200 MB"
            if stopped:
                tests.kill()
    found = [json.loads(line) for line in output.split(b"\n")[:-1]]
    if not any(found) and len(found) < count:
        errors = errors.decode(errors="replace").strip()
        found.append([stopped or f"the tests ended without a result: {errors[-300:]}"])
    submission.kill()
    os.set_blocking(submission.stdout.fileno(), False)
    printed = submission.stdout.read() or b""
    if len(printed) > 30_000:  # what does not fit into the pipe, 64 kB on Linux, is lost
        printed += b"\nmore than 30,000 bytes"
    return found, printed.decode(errors="replace")


def start(stack: ExitStack, command: list, folder: Path, user: int | None, wire, errors):
    """Give a folder to a user; start Python in it, with an end of the wire and few variables."""
    if user is not None:
        quietly("chown", "-hR", f"{user}:{user}", folder)
    environment = dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(folder))
    environment |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    environment["PYTHONUSERBASE"] = site.getuserbase()  # where pip install --user puts packages
    process = subprocess.Popen(
        [sys.executable, "-B", *map(str, command), str(wire.fileno())],
        cwd=folder,
        env=environment,
        pass_fds=[wire.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
        **as_user(user),
    )
    stack.enter_context(process)  # closes its outputs, and waits
    stack.callback(process.kill)
    return process


def uses_too_much(folder: Path, user: int | None) -> bool:
    """Tell whether a submission's files are too many or too large; it can hide none from root."""
    which = [folder] if user is None else [folder, *OPEN_TO_ALL, "-xdev", "-user", user]
    _, sizes = quietly("find", *which, "-printf", "%k\n")
    kilobytes = [int(size) for size in sizes.split() if size.isdigit()]
    return len(kilobytes) > MOST_FILES or sum(kilobytes) > MOST_KILOBYTES
