"""The submission in a process of its own: both ends of the wire.

`serve` runs in the submission's process, the rest in that of the tests, where stand-ins take the
place of the modules `utils`, `models` and `optimizer`: what a test calls, reads or sets in them
happens at the other end. Only plain data crosses, in lines of JSON: numbers, text, lists, tuples and
arrays, and the files of the folder that a test works in. Anything else, such as a network, stays
where it is; the tests hold a `Remote` for it. No folder is shared.
"""

import base64
import itertools
import json
import os
import pkgutil
import re
import resource
import socket
import sys
import time
import traceback
import types
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

MODULES = ("utils", "models", "models._base_network", "optimizer", "optimizer._base_optimizer")
INSIDE = "tests.inside"  # what the tests want to run in the submission's process; there, `inside`
LONGEST = 64 * 2**20  # bytes of a reply


def encode(value, refer: Callable):
    """Turn a value into what JSON can hold, as NumPy would take it.

    `refer` does so for all that is not plain data.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":  # objects, such as arrays of different lengths
            return encode(array.tolist(), refer) if array.ndim else refer(value)
        content = base64.b64encode(array.tobytes()).decode()
        return {"array": [array.dtype.str, list(array.shape), content]}
    if isinstance(value, tuple):
        return {"tuple": [encode(entry, refer) for entry in value]}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [encode(entry, refer) for entry in value]
    return refer(value)


def decode(value, resolve: Callable):
    """Turn it back; `resolve` does so for what `refer` has made."""
    if type(value) is list:
        return [decode(entry, resolve) for entry in value]
    if type(value) is not dict:
        return value
    [(kind, content)] = value.items()
    if kind == "object":
        return resolve(content)
    if kind == "tuple":
        return tuple(decode(content, resolve))
    dtype, shape, content = content
    array = np.frombuffer(base64.b64decode(content), dtype).reshape(shape)
    return array.copy()[()]  # a NumPy scalar if the shape is ()


def read_files(folder: Path, skip=()) -> dict[str, str]:
    """Return the first 20 files in a folder, links aside, by name."""
    files = (path for path in folder.rglob("*") if not path.is_symlink() and path.is_file())
    names = (path.relative_to(folder).as_posix() for path in files)
    new = itertools.islice((name for name in names if name not in skip), 20)
    return {name: base64.b64encode((folder / name).read_bytes()).decode() for name in new}


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Write files that are not there yet, under names that lead nowhere else."""
    for name, content in files.items():
        file = folder / re.sub(r"^/|\.\.|[^\w./-]", "_", name)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(base64.b64decode(content))


# The submission's end


def serve(wire: socket.socket) -> None:
    """Call what the tests ask for, until they end."""
    home, objects, numbers = Path.cwd(), {}, itertools.count()

    def refer(value) -> dict:
        objects[number := next(numbers)] = value
        return {"object": number}

    lines = wire.makefile("rwb")
    for line in lines:
        lines.write(json.dumps(answer(json.loads(line), home, objects, refer)).encode() + b"\n")
        lines.flush()


def answer(request: list, home: Path, objects: dict, refer: Callable) -> list | str:
    """Return a function's result, its arguments that changed, and new files; or the error."""
    folder, files, forgotten, keep, function, sent, options = request
    try:
        for number in forgotten:
            del objects[number]
        (home / folder).mkdir(exist_ok=True)
        write_files(home / folder, files)
        os.chdir(home / folder)
        function, arguments, options = decode([function, sent, options], objects.__getitem__)
        if type(function) is str:
            function = pkgutil.resolve_name(function)
        result = function(*arguments, **dict(options))
        # A test may ask whether its lists and arrays have been changed: then they go back.
        plain = [type(old) is list or (type(old) is dict and "array" in old) for old in sent]
        now = [encode(each, refer) if known else None for known, each in zip(plain, arguments)]
        changed = [None if new == old else new for new, old in zip(now, sent)]
        new_files = read_files(home / folder, skip=files) if folder else {}
        return [refer(result) if keep else encode(result, refer), changed, new_files]
    except BaseException as error:  # noqa: BLE001 (SystemExit, too)
        return explain(error, home)


def explain(error: BaseException, home: Path) -> str:
    """Return an error in one line, with the line of the submission that it comes from."""
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    for frame, line in reversed([*traceback.walk_tb(error.__traceback__)]):
        file = frame.f_code.co_filename
        if file.startswith(f"{home}/"):
            return f"{os.path.relpath(file, home)}, line {line}: {text}"
    return text


def limit(seconds: int, megabytes: int) -> None:
    """Limit this process: its time, memory and files, and no process beside it."""
    limits = {"CPU": seconds, "AS": megabytes * 2**20, "FSIZE": 10 * 2**20, "NPROC": 0, "CORE": 0}
    for name, value in (limits | {"NOFILE": 64}).items():
        with suppress(ValueError):  # macOS does not limit memory
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def allow(seconds: int) -> None:
    """Give this process so many more seconds of CPU time, within its limit."""
    soft = int(time.process_time()) + seconds + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (min(soft, hard), hard))


# The tests' end


def connect(wire: socket.socket) -> None:
    """Put stand-ins in the place of the submission's modules."""
    global home, lines
    home, lines = Path.cwd(), wire.makefile("rwb")
    for name in (*MODULES, INSIDE):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__getattr__ = partial(_attribute, name.removeprefix("tests."))


def _attribute(owner, name: str):
    """Return an attribute of a module, given by name, or of an object of the submission's."""
    if name.startswith("__"):  # `import`, `copy` and NumPy look for such
        raise AttributeError(name)
    if type(owner) is str:
        return ask("pkgutil:resolve_name", f"{owner}:{name}")
    return ask("builtins:getattr", owner, name)


def ask(function, *arguments, keep: bool = False, options=()):
    """Call a function at the other end, a `Remote` or a name such as "builtins:len".

    With `keep`, what it returns stays there. Files that it leaves in the working folder come here.

    Raises
    ------
    RuntimeError
        If it raises an error or does not answer.
    """
    folder = Path.cwd()
    place = ["", {}] if folder == home else [folder.name, read_files(folder)]
    call = encode([function, [*arguments], [*options]], lambda value: {"object": value._number})
    request = json.dumps([*place, forgotten, keep, *call]).encode()
    forgotten.clear()
    try:
        lines.write(request + b"\n")
        lines.flush()
        reply = json.loads(lines.readline(LONGEST))
        if type(reply) is not str:
            result, changed, files = decode(reply[:2], Remote) + reply[2:]
            for argument, now in zip(arguments, changed):
                if now is not None:
                    argument[... if isinstance(argument, np.ndarray) else slice(None)] = now
            if folder != home:  # from where the tests import
                write_files(folder, files)
            return result
    except Exception as error:
        raise RuntimeError(NO_REPLY) from error
    raise RuntimeError(reply)


NO_REPLY = "no reply: the submission crashed, exited, or returned more than 64 MB"
forgotten: list[int] = []  # numbers of objects that the tests no longer hold


class Remote:
    """Something of the submission's that is not plain data."""

    def __init__(self, number: int):
        vars(self)["_number"] = number

    __getattr__ = _attribute

    def __setattr__(self, name: str, value):
        ask("builtins:setattr", self, name, value)

    def __getitem__(self, key):
        return ask("operator:getitem", self, key)

    def __setitem__(self, key, value):
        ask("operator:setitem", self, key, value)

    def __iter__(self):
        return iter(ask("builtins:list", self))

    def __call__(self, *arguments, **options):
        return ask(self, *arguments, options=options.items())

    def __deepcopy__(self, memo):
        return ask("copy:deepcopy", self)

    def __del__(self):
        forgotten.append(self._number)


if __name__ == "__main__":
    descriptor, seconds, megabytes = map(int, sys.argv[1:])
    limit(seconds, megabytes)
    sys.path.insert(0, os.getcwd())
    serve(socket.socket(fileno=descriptor))
