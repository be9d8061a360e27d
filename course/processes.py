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

from course import HERE
from course.remote import NO_REPLY
from course.rubric import RubricItem
from tests import ROOT

LOCKS = Path("/var/run/course-grader")
NUMBERS = range(58000, 60000, 2)  # of users whom a grade can have for itself
OPEN_TO_ALL = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")
LONGEST = 100_000  # bytes that are kept of an output
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
        if has_name(number) or has_name(number + 1):
            continue
        with (LOCKS / str(number)).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            end_all(number + 1)  # if a grader was killed, and left something
            yield number, number + 1
            return
    raise ValueError("all user numbers from 58000 to 59999 are in use")


def has_name(user: int) -> bool:
    """Tell whether a number is somebody's already."""
    with suppress(KeyError):
        return bool(pwd.getpwuid(user))
    return False


def as_user(user: int | None) -> dict:
    """Return the arguments that make Popen start a process as another user."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def quietly(*command, user: int | None = None) -> tuple[int, str]:
    """Run a command as a user; return its status and its output."""
    options = {"cwd": "/", "capture_output": True, "timeout": 60}
    with suppress(OSError, subprocess.TimeoutExpired):  # no such command, or somebody stopped it
        done = subprocess.run([*map(str, command)], check=False, **options, **as_user(user))
        return done.returncode, done.stdout.decode(errors="replace")
    return -1, ""


def end_all(user: int) -> None:
    """End all processes of a user, and delete its shared memory and files that lie around."""
    quietly(sys.executable, "-I", "-S", "-c", "import os; os.kill(-1, 9)", user=user)
    quietly("ipcrm", "--all", user=user)
    theirs = (*OPEN_TO_ALL, "-xdev", "-user", user)
    quietly("find", *theirs, "-type", "d", "-exec", "chmod", "u+rwx", "{}", ";", user=user)
    quietly("find", *theirs, "-delete", user=user)


@contextmanager
def workplace(data: Path, isolate: bool) -> Iterator[Path]:
    """Make a folder with copies of all that runs need: the project, MNIST, a list of fonts."""
    import matplotlib.font_manager  # which makes its list of fonts if there is none

    place = Path(tempfile.mkdtemp(prefix="grade-"))
    shared, project, fonts = place / "data", place / "project", place / "fonts"
    try:
        for name in ("configs", "course", "tests"):
            caches = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, project / name, ignore=caches)
        (project / "data").symlink_to(shared)
        for folder, files in (
            (shared, [data / "mnist_train.csv", data / "mnist_test.csv"]),
            (shared, [HERE / "remote.py", ROOT / "tests/inside.py"]),
            (fonts, Path(matplotlib.get_cachedir()).glob("fontlist*")),
        ):
            folder.mkdir(exist_ok=True)
            for file in files:
                shutil.copyfile(file, folder / file.name)
        quietly("chmod", "-R", "a=rX", shared)
        quietly("chmod", "700", project, fonts)
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

    def __call__(self, items: list[RubricItem], *options: str) -> list[tuple[list[str], str]]:
        """Run items in two new processes, one after the other, until one fails.

        Return for each the messages of the tests that fail, and what the submission has printed.
        """
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self.place))
        tests, submission = folder / "tests", folder / "submission"
        started = []
        try:
            self.lay_out(tests, submission, items[0].mnist)
            folder.chmod(0o711)
            seconds = 10 + sum(item.seconds for item in items)
            megabytes = max(item.megabytes for item in items)
            ours, theirs = socket.socketpair()
            server = [self.place / "data/remote.py", theirs.fileno(), seconds, megabytes]
            with ours, theirs:
                command = ["-m", "course.run_tests", ours.fileno(), *options]
                started.append(start(command, tests, self.users[0], ours, subprocess.PIPE))
                command = ["-u", "-W", "ignore", *server]
                started.append(start(command, submission, self.users[1], theirs))
            return follow(*started, items, submission, self.users[1], self.deadline)
        finally:
            for process in started:
                with process:  # closes its outputs, and waits
                    process.kill()
            if self.users[1] is not None:  # if it has got round its limits
                end_all(self.users[1])
            remove(folder)

    def lay_out(self, tests: Path, submission: Path, mnist: bool) -> None:
        """Fill the folders of the tests and of the submission."""
        shutil.copytree(self.place / "project", tests, symlinks=True)
        shutil.copytree(self.place / "fonts", submission)
        for name, content in self.files.items():
            for file in (tests / "submission" / name, submission / name):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        if mnist:
            (submission / "data").mkdir()
            link = submission / "data/mnist_train.csv"
            link.symlink_to(self.place / "data/mnist_train.csv")


def start(
    command: list, folder: Path, user: int | None, wire: socket.socket, pipe=subprocess.DEVNULL
) -> subprocess.Popen:
    """Give a folder away and start Python in it, with one end of a wire and a new environment."""
    if user is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, user, follow_symlinks=False)
    environment = {
        **dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(folder)),
        "OMP_NUM_THREADS": "1",
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
        stdin=pipe,
        stdout=subprocess.PIPE,
        stderr=pipe,
        start_new_session=True,
        umask=0o077,
        **as_user(user),
    )


def follow(tests, submission, items: list[RubricItem], folder: Path, user, deadline: float):
    """Collect the results of items; end the run if it takes too much time or space."""
    heard = {stream: b"" for stream in (tests.stdout, tests.stderr, submission.stdout)}
    for stream in heard:
        os.set_blocking(stream.fileno(), False)
    looked = 0.0  # at the files

    def listen(seconds: float) -> None:
        select.select([tests.stdout], [], [], seconds)
        for stream in heard:
            heard[stream] = (heard[stream] + (stream.read(LONGEST) or b""))[:LONGEST]

    def result(item: RubricItem) -> list[str]:
        nonlocal looked
        # Of the clock it may take a minute more, and five times as long: neighbours fail nobody.
        end_of_item = min(deadline, time.monotonic() + 60 + 5 * item.seconds)
        with suppress(BrokenPipeError):
            request = json.dumps([item.tests, item.seed, item.seconds])
            os.write(tests.stdin.fileno(), request.encode() + b"\n")
        while b"\n" not in heard[tests.stdout]:
            if stopping.is_set():
                raise KeyboardInterrupt
            if time.monotonic() > end_of_item:
                return ["stopped: it does not come to an end"]
            if len(heard[submission.stdout]) == LONGEST:
                return ["stopped: it prints without end"]
            if time.monotonic() > looked + 0.2:
                if uses_too_much(folder, user):
                    return [f"stopped: more than {MOST_FILES} files, or 200 MB of them"]
                looked = time.monotonic()
            ended = tests.poll() is not None
            listen(0.2)
            if ended and b"\n" not in heard[tests.stdout]:
                errors = heard[tests.stderr].decode(errors="replace").strip()
                return [f"the tests ended without a result: {errors[-300:]}"]
        line, _, heard[tests.stdout] = heard[tests.stdout].partition(b"\n")
        with suppress(ValueError):
            return json.loads(line)
        return ["the tests gave no result that can be read"]

    results = []
    for item in items:
        messages = result(item)
        listen(0)  # to what was printed before
        if any(NO_REPLY in message for message in messages):
            with suppress(subprocess.TimeoutExpired):
                if submission.wait(1) in (-signal.SIGXCPU, -signal.SIGKILL):
                    messages = [f"stopped: it takes more than {item.seconds} seconds"]
        results.append((messages, heard[submission.stdout].decode(errors="replace")))
        heard[submission.stdout] = b""
        if messages:
            break
    return results


def uses_too_much(folder: Path, user: int | None) -> bool:
    """Tell whether a submission's files are too many or too large.

    Root only lists their sizes: the submission could stop a process of its own user, and can hide
    files from it.
    """
    places = [folder] if user is None else [folder, *OPEN_TO_ALL, "-xdev", "-user", user]
    status, sizes = quietly("find", *places, "-printf", "%k\n")
    kilobytes = [int(size) for size in sizes.split() if size.isdigit()]
    # A negative status: without root, the submission has killed or stopped `find`.
    return status < 0 or len(kilobytes) > MOST_FILES or sum(kilobytes) > MOST_KILOBYTES
