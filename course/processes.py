"""Run tests and a submission in two processes that share nothing but a wire.

Root makes folders and starts processes, and touches nothing that a submission can change before
all processes of the submission have ended.
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
from tests import ROOT

LOCKS = Path("/var/run/course-grader")
NUMBERS = range(58000, 60000, 2)  # of users whom a grade can have for itself
OPEN_TO_ALL = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")
LONGEST = 100_000  # bytes that are read of an output
OUT_OF_TIME = (-signal.SIGXCPU, -signal.SIGKILL)
MOST_FILES, MOST_BYTES = 200, 200 * 2**20  # of a submission, at any time

stopping = threading.Event()  # whoever runs something gives up when it is set


class Stopped(Exception):
    """The reason why a run cannot go on."""


@contextmanager
def two_users(isolate: bool) -> Iterator[tuple[int | None, int | None]]:
    """Reserve the numbers of two users, for the tests and for the submission.

    Both are None where processes keep the user's rights: without root, or without `isolate`.
    """
    if os.geteuid() or not isolate:
        yield None, None
        return
    LOCKS.mkdir(mode=0o700, exist_ok=True)
    for number in NUMBERS:
        with suppress(KeyError):
            pwd.getpwuid(number)
            continue
        with (LOCKS / str(number)).open("w") as lock, suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                yield number, number + 1
            finally:
                end_all(number + 1)
                delete = ["find", *OPEN_TO_ALL, "-xdev", "-user", str(number + 1), "-delete"]
                subprocess.run(delete, stderr=subprocess.DEVNULL, check=False)
            return
    raise ValueError("all user numbers from 58000 to 59999 are in use")


def identity(user: int | None) -> dict:
    """Return what Popen needs to start a process as another user."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def can_read(file: Path, user: int) -> bool:
    """Tell whether a user can read a file."""
    test = ["test", "-r", file]
    return not subprocess.run(test, check=False, **identity(user)).returncode


def end_all(user: int) -> None:
    """End all processes of a user, and delete the memory that they share."""
    kill = [sys.executable, "-I", "-S", "-c", "import os; os.kill(-1, 9)"]
    for command in (kill, ["ipcrm", "--all"]):
        with suppress(OSError):
            subprocess.run(command, cwd="/", capture_output=True, check=False, **identity(user))


def remove(folder: Path) -> None:
    """Remove a folder, whatever its names, modes, links and depth."""
    for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
        subprocess.run([*command, folder], stderr=subprocess.DEVNULL, check=False)


@contextmanager
def workplace(data: Path, isolate: bool = True) -> Iterator[Path]:
    """Make a folder with copies of all that runs need: the project, MNIST, a list of fonts."""
    import matplotlib.font_manager  # which makes its list of fonts if there is none

    place = Path(tempfile.mkdtemp(prefix="grade-"))
    try:
        place.chmod(0o711 if isolate else 0o700)
        (place / "data").mkdir()
        (place / "fonts").mkdir()
        for name in ("mnist_train.csv", "mnist_test.csv"):
            shutil.copy(data / name, place / "data")
        for fonts in Path(matplotlib.get_cachedir()).glob("fontlist*"):
            shutil.copy(fonts, place / "fonts")
        shutil.copy(HERE / "remote.py", place)
        for path in (place / "data", *place.glob("data/*"), place / "remote.py"):
            path.chmod(0o555)  # everyone reads them, nobody writes
        project = place / "project"
        for name in [name for name in SHARED if name.startswith(("configs/", "tests/"))]:
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, project / name)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(HERE, project / "course", ignore=ignored)
        (project / "data").symlink_to(place / "data")
        project.chmod(0o700)
        yield place
    finally:
        remove(place)


class Run(NamedTuple):
    """All that runs of one submission have in common."""

    files: dict[str, bytes]
    place: Path
    users: tuple[int | None, int | None]
    deadline: float  # of the clock

    def __call__(
        self, items: list[dict], megabytes: int = 2000, mnist: bool = False
    ) -> list[tuple[list[str], str]]:
        """Run items in two new processes, one after the other, until one fails.

        Return for each the messages of the tests that fail, and what the submission has printed.
        """
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self.place))
        started = []
        try:
            folder.chmod(0o711)
            folders = lay_out(folder, items, self.files, self.place, mnist)
            for top, user in zip(folders, self.users):
                own(top, user)
            seconds = 10 + sum(item["seconds"] for item in items)
            wires = socket.socketpair()
            with wires[0], wires[1]:
                commands = (
                    ["-m", "course.run_tests", wires[0].fileno()],
                    ["-u", "-W", "ignore", self.place / "remote.py", wires[1].fileno(), seconds, megabytes],
                )
                for command, *others in zip(commands, folders, self.users, wires):
                    started.append(start(command, self.place, *others))
            return follow(*started, items, folders[1], self.users[1], self.deadline)
        finally:
            for process in started:
                end(process)
            if self.users[1] is not None:
                end_all(self.users[1])
            remove(folder)


def start(command: list, place: Path, folder: Path, user: int | None, wire: socket.socket):
    """Start Python in a folder, as a user, with one end of a wire and an environment of its own."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
        "TEST_DATA": str(place / "data"),
        "PYTHONUSERBASE": site.getuserbase(),  # where pip install --user puts packages
    }
    return subprocess.Popen(
        [sys.executable, "-B", *map(str, command)],
        cwd=folder,
        env=environment | dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(folder)),
        pass_fds=[wire.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        umask=0o077,
        **identity(user),
    )


def lay_out(
    folder: Path, items: list[dict], files: dict[str, bytes], place: Path, mnist: bool
) -> tuple[Path, Path]:
    """Make the folder of the tests and that of the submission."""
    tests, submission = folder / "tests", folder / "submission"
    shutil.copytree(place / "project", tests, symlinks=True)
    shutil.copytree(place / "fonts", submission)
    (tests / "items.json").write_text(json.dumps(items))
    for name, content in files.items():
        for file in (tests / "submission" / name, submission / name):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    if mnist:
        (submission / "data").mkdir()
        link = submission / "data" / "mnist_train.csv"
        link.symlink_to(place / "data" / "mnist_train.csv")
    return tests, submission


def own(top: Path, user: int | None) -> None:
    """Give a folder to a user, and to nobody else."""
    top.chmod(0o700)
    for path in (top, *top.rglob("*")) if user is not None else ():
        os.chown(path, user, user, follow_symlinks=False)


def follow(
    tests: subprocess.Popen,
    submission: subprocess.Popen,
    items: list[dict],
    folder: Path,
    user: int | None,
    deadline: float,
) -> list[tuple[list[str], str]]:
    """Collect results, and end the run if it takes too much of something."""
    outputs = {stream: b"" for stream in (tests.stdout, tests.stderr, submission.stdout)}
    still_open = [*outputs, submission.stderr]  # of which nothing is kept

    def listen(seconds: float) -> bool:
        """Read what there is; tell whether there was something."""
        ready, _, _ = select.select(still_open, [], [], seconds)
        for stream in ready:
            content = os.read(stream.fileno(), 2**16)
            if not content:
                still_open.remove(stream)
            if stream in outputs:
                outputs[stream] = (outputs[stream] + content)[:LONGEST]
        return bool(ready)

    results = []
    for item in items:
        # Of the clock it may take five times as long, so that neighbours make no one fail.
        end_of_item = min(deadline, time.monotonic() + 10 + 5 * item["seconds"])
        try:
            while b"\n" not in outputs[tests.stdout]:
                if tests.stdout not in still_open:
                    errors = outputs[tests.stderr].decode(errors="replace").strip()
                    raise Stopped(f"the tests ended without a result: {errors[-300:]}")
                if stopping.is_set():
                    raise KeyboardInterrupt
                if time.monotonic() > end_of_item:
                    raise Stopped("stopped: it does not come to an end")
                if uses_too_much(folder, user):
                    raise Stopped(f"stopped: more than {MOST_FILES} files, or 200 MB of them")
                listen(0.1)
            line, _, outputs[tests.stdout] = outputs[tests.stdout].partition(b"\n")
            messages = read_messages(line)
        except Stopped as reason:
            messages = [str(reason)]
        for _ in range(100):  # unless it never stops printing
            if not listen(0):
                break
        if submission.stdout not in still_open and waited(submission) in OUT_OF_TIME:
            messages = [f"stopped: it takes more than {item['seconds']} seconds"]
        printed, outputs[submission.stdout] = outputs[submission.stdout], b""
        results.append((messages, printed.decode(errors="replace")))
        if messages:
            break
    return results


def read_messages(line: bytes) -> list[str]:
    """Read the messages of an item, from a process that a submission may have upset."""
    with suppress(ValueError, RecursionError):
        messages = json.loads(line)
        if type(messages) is list and all(type(message) is str for message in messages):
            return messages
    raise Stopped("the tests ended without a result that can be read")


def waited(process: subprocess.Popen) -> int | None:
    """Return the status of a process that may be about to end, or None if it goes on."""
    with suppress(subprocess.TimeoutExpired):
        return process.wait(0.2)
    return None


def end(process: subprocess.Popen) -> None:
    """End a process and close its outputs."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    process.stderr.close()


def uses_too_much(folder: Path, user: int | None) -> bool:
    """Tell whether a submission's files are too many or too large. Links are not followed."""
    count = size = 0
    places = [folder]
    with suppress(OSError):  # what is deleted meanwhile does not count
        for top in OPEN_TO_ALL if user is not None else ():
            if os.path.isdir(top):
                mine = [e for e in os.scandir(top) if e.stat(follow_symlinks=False).st_uid == user]
                size += sum(entry.stat(follow_symlinks=False).st_blocks * 512 for entry in mine)
                places += [entry.path for entry in mine]
    for place in places:
        with suppress(OSError):
            for _, folders, names, descriptor in os.fwalk(place):
                count += len(folders) + len(names)
                if count > MOST_FILES:
                    return True
                for name in names:
                    with suppress(OSError):
                        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                        size += status.st_blocks * 512
    return size > MOST_BYTES
