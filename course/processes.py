"""Run tests and a submission in two processes that have only a wire in common.

Root makes folders and starts processes, and touches nothing that a submission can change before
the submission's processes have ended.
"""

import fcntl
import json
import os
import pwd
import select
import shutil
import signal
import site
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from course import HERE, SHARED
from course.remote import NO_REPLY
from tests import ROOT

LOCKS = Path("/var/run/course-grader")
NUMBERS = range(58000, 60000, 2)  # of users whom a grade can have for itself
OPEN_TO_ALL = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")
LONGEST = 100_000  # bytes that are kept of an output
ERRORS = (subprocess.PIPE, subprocess.DEVNULL)  # of the tests, and of the submission
MOST_FILES, MOST_KILOBYTES = 200, 200_000  # of a submission, at any time

Users = tuple[int, int] | tuple[None, None]  # for the tests, and for the submission
stopping = threading.Event()  # set it to end all runs


@contextmanager
def two_users(isolate: bool) -> Iterator[Users]:
    """Reserve the numbers of two users; without root or `isolate` there are none."""
    if os.geteuid() or not isolate:
        yield None, None
        return
    LOCKS.mkdir(mode=0o700, exist_ok=True)
    for number in NUMBERS:
        with suppress(KeyError):
            pwd.getpwuid(number)
            continue  # somebody has it
        with (LOCKS / str(number)).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            end_all(number + 1)  # if a grader was killed, and left something
            yield number, number + 1
            return
    raise ValueError("all user numbers from 58000 to 59999 are in use")


def as_user(user: int | None) -> dict:
    """Return the arguments that make Popen start a process as another user."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def quietly(*command, user: int | None = None) -> tuple[int, str]:
    """Run a command as a user; return its status and its output."""
    with suppress(OSError):  # there is no such command
        done = subprocess.run(
            list(map(str, command)), cwd="/", capture_output=True, check=False, **as_user(user)
        )
        return done.returncode, done.stdout.decode(errors="replace")
    return 1, ""


def end_all(user: int) -> None:
    """End all processes of a user, and delete its shared memory and files that lie around."""
    quietly(sys.executable, "-I", "-S", "-c", "import os; os.kill(-1, 9)", user=user)
    quietly("ipcrm", "--all", user=user)
    quietly("find", *OPEN_TO_ALL, "-xdev", "-user", user, "-delete", user=user)


@contextmanager
def workplace(data: Path, isolate: bool) -> Iterator[Path]:
    """Make a folder with copies of all that runs need: the project, MNIST, a list of fonts."""
    import matplotlib.font_manager  # which makes its list of fonts if there is none

    place = Path(tempfile.mkdtemp(prefix="grade-"))
    try:
        shared, project = place / "data", place / "project"
        shared.mkdir()
        code = (HERE / "remote.py", *ROOT.glob("tests/inside.py"))
        for file in (data / "mnist_train.csv", data / "mnist_test.csv", *code):
            Path(shutil.copyfile(file, shared / file.name)).chmod(0o444)
        shared.chmod(0o755)
        for name in [name for name in SHARED if name.startswith(("configs/", "tests/"))]:
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, project / name)
        shutil.copytree(HERE, project / "course", ignore=shutil.ignore_patterns("__pycache__"))
        (project / "data").symlink_to(shared)
        (place / "fonts").mkdir()
        for fonts in Path(matplotlib.get_cachedir()).glob("fontlist*"):
            shutil.copyfile(fonts, place / "fonts" / fonts.name)
        for folder in (project, place / "fonts"):
            folder.chmod(0o700)
        place.chmod(0o711 if isolate else 0o700)
        yield place
    finally:
        remove(place)


def remove(folder: Path) -> None:
    """Remove a folder, whatever its names, modes, links and depth."""
    quietly("chmod", "-R", "u+rwx", folder)
    quietly("rm", "-rf", folder)


class Run(NamedTuple):
    """What all runs of one submission have in common."""

    files: dict[str, bytes]
    place: Path
    users: Users
    deadline: float  # of the clock

    def __call__(self, items: list[dict], megabytes: int = 2000, mnist: bool = False):
        """Run items in two new processes, one after the other, until one fails.

        Return for each the messages of the tests that fail, and what the submission has printed.
        """
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self.place))
        started = []
        try:
            folders = self.lay_out(folder, items, mnist)
            wires = socket.socketpair()
            seconds = 10 + sum(item["seconds"] for item in items)
            server = ["-u", "-W", "ignore", self.place / "data/remote.py", wires[1].fileno()]
            commands = (
                ["-m", "course.run_tests", wires[0].fileno()],
                server + [seconds, megabytes],
            )
            with wires[0], wires[1]:
                for command, *others in zip(commands, ERRORS, folders, self.users, wires):
                    started.append(start(command, *others))
            return follow(*started, items, folders[1], self.users[1], self.deadline)
        finally:
            for process in started:
                end(process)
            if self.users[1] is not None:  # if it has got round its limits
                end_all(self.users[1])
            remove(folder)

    def lay_out(self, folder: Path, items: list[dict], mnist: bool) -> tuple[Path, Path]:
        """Fill the folder of the tests and that of the submission, and give them away."""
        tests, submission = folder / "tests", folder / "submission"
        shutil.copytree(self.place / "project", tests, symlinks=True)
        shutil.copytree(self.place / "fonts", submission)
        (tests / "items.json").write_text(json.dumps(items))
        for name, content in self.files.items():
            for file in (tests / "submission" / name, submission / name):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        if mnist:
            (submission / "data").mkdir()
            link = submission / "data/mnist_train.csv"
            link.symlink_to(self.place / "data/mnist_train.csv")
        for top, user in zip((tests, submission), self.users):
            for path in (top, *top.rglob("*")) if user is not None else ():
                os.chown(path, user, user, follow_symlinks=False)
        folder.chmod(0o711)
        return tests, submission


def start(
    command: list, errors: int, folder: Path, user: int | None, wire: socket.socket
) -> subprocess.Popen:
    """Start Python in a folder, with one end of a wire and an environment of its own."""
    environment = {
        **dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(folder)),
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        "MPLBACKEND": "agg",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONUSERBASE": site.getuserbase(),  # where pip install --user puts packages
    }
    return subprocess.Popen(
        [sys.executable, "-B", *map(str, command)],
        cwd=folder,
        env=environment,
        pass_fds=[wire.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
        umask=0o077,
        **as_user(user),
    )


def end(process: subprocess.Popen) -> None:
    """End a process, and close its outputs."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


def follow(tests, submission, items: list[dict], folder: Path, user: int | None, deadline: float):
    """Collect the results of items; end the run if it takes too much time or space."""
    heard = {stream: b"" for stream in (tests.stdout, tests.stderr, submission.stdout)}
    still_open = [*heard]

    def listen(seconds: float) -> bool:
        ready, _, _ = select.select(still_open, [], [], seconds)
        for stream in ready:
            content = os.read(stream.fileno(), 2**16)
            if not content:
                still_open.remove(stream)
            heard[stream] = (heard[stream] + content)[:LONGEST]
        return bool(ready)

    def result(item: dict) -> list[str]:
        # Of the clock it may take a minute more, and five times as long: neighbours fail nobody.
        end_of_item = min(deadline, time.monotonic() + 60 + 5 * item["seconds"])
        while b"\n" not in heard[tests.stdout]:
            if stopping.is_set():
                raise KeyboardInterrupt
            if tests.stdout not in still_open:
                errors = heard[tests.stderr].decode(errors="replace").strip()
                return [f"the tests ended without a result: {errors[-300:]}"]
            if time.monotonic() > end_of_item:
                return ["stopped: it does not come to an end"]
            if len(heard[submission.stdout]) == LONGEST:
                return ["stopped: it prints without end"]
            if uses_too_much(folder, user):
                return [f"stopped: more than {MOST_FILES} files, or 200 MB of them"]
            listen(0.2)
        line, _, heard[tests.stdout] = heard[tests.stdout].partition(b"\n")
        with suppress(ValueError, RecursionError):
            return [str(message) for message in json.loads(line)]
        return ["the tests gave no result that can be read"]

    results = []
    for item in items:
        messages = result(item)
        for _ in range(100):  # unless it never stops printing
            if not listen(0):
                break
        if any(NO_REPLY in message for message in messages):
            with suppress(subprocess.TimeoutExpired):
                if submission.wait(1) in (-signal.SIGXCPU, -signal.SIGKILL):
                    messages = [f"stopped: it takes more than {item['seconds']} seconds"]
        results.append((messages, heard[submission.stdout].decode(errors="replace")))
        heard[submission.stdout] = b""
        if messages:
            break
    return results


def uses_too_much(folder: Path, user: int | None) -> bool:
    """Tell whether a submission's files are too many or too large. The user itself looks."""
    places = [folder] if user is None else [folder, *OPEN_TO_ALL, "-xdev", "-user", user]
    _, sizes = quietly("find", *places, "-printf", "%k\n", user=user)
    kilobytes = [int(size) for size in sizes.split() if size.isdigit()]
    return len(kilobytes) > MOST_FILES or sum(kilobytes) > MOST_KILOBYTES
