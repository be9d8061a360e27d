"""The submission in a process of its own: both ends of the wire.

In the tests' process, stand-ins take the place of `utils`, `models`, `optimizer` and
`tests.inside`: what a test calls, reads or sets in them happens at the other end. Only plain data
crosses, in lines of JSON: numbers, text, lists, tuples and arrays; a reply is a list with a result,
or the text of an error. Anything else, such as a network, stays where it is; the tests hold a
`Remote` for it.
"""

import base64
import ctypes
import itertools
import json
import math
import numbers
import os
import pkgutil
import resource
import signal
import socket
import struct
import sys
import time
import traceback
import types
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import numpy as np

MODULES = ("utils", "models", "models._base_network", "optimizer", "optimizer._base_optimizer")
LONGEST = 16 * 2**20  # bytes of a reply
# Linux system calls that no submission needs, and that reach the network, other file systems,
# uncounted memory, or what outlives a process: socket, unshare, io_uring_setup, memfd_create,
# shmget, semget, msgget, add_key, request_key, keyctl. The first number is the architecture.
FORBIDDEN = {
    "x86_64": (0xC000003E, 41, 272, 425, 319, 29, 64, 68, 248, 249, 250),
    "aarch64": (0xC00000B7, 198, 97, 425, 279, 194, 190, 186, 217, 218, 219),
}
NO_REPLY = "no reply: the submission crashed, exited, hung, or returned more than 16 MB"


def encode(value, refer: Callable):
    """Encode a value for JSON, sequences and numbers of other types as NumPy takes them.

    `refer` encodes what is not plain data.
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
    return float(value) if isinstance(value, numbers.Real) else refer(value)


def decode(value, resolve: Callable):
    """Decode a value; `resolve` decodes what `refer` has made."""
    if type(value) is list:
        return [decode(entry, resolve) for entry in value]
    if type(value) is not dict:
        return value
    [(kind, content)] = value.items()
    if kind == "object":
        return resolve(content)
    if kind == "tuple":
        return tuple(decode(content, resolve))
    dtype, shape, text = content
    array = np.frombuffer(base64.b64decode(text), dtype).reshape(shape)
    return array.copy()[()]  # a NumPy scalar if the shape is ()


# The submission's end


def serve(wire: socket.socket) -> None:
    """Call what the tests ask for, until they end; reply with a result or an error."""
    home, objects, counter = os.getcwd(), {}, itertools.count()

    def refer(value) -> dict:
        number = next(counter)
        objects[number] = value
        return {"object": number}

    lines = wire.makefile("rwb")
    for line in lines:
        forgotten, keep, *request = json.loads(line)
        for number in forgotten:
            del objects[number]
        try:
            function, arguments, options = decode(request, objects.__getitem__)
            if type(function) is str:
                function = pkgutil.resolve_name(function)
            result = function(*arguments, **dict(options))
            reply = [refer(result) if keep else encode(result, refer)]
        except BaseException as error:  # noqa: BLE001 (SystemExit, too)
            reply = explain(error, home)
        lines.write(json.dumps(reply).encode() + b"\n")
        lines.flush()


def explain(error: BaseException, home: str) -> str:
    """Describe an error, with the submission's line that it comes from."""
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    for frame, line in reversed([*traceback.walk_tb(error.__traceback__)]):
        file = frame.f_code.co_filename
        if file.startswith(f"{home}/"):
            return f"{os.path.relpath(file, home)}, line {line}: {text}"
    return text


def limit(seconds: int) -> None:
    """Limit this process's CPU time, memory and files; allow it no other process."""
    memory, file = 4 * 2**30, 30 * 2**20
    limits = {"CPU": seconds, "AS": memory, "FSIZE": file, "NOFILE": 64, "NPROC": 0, "MSGQUEUE": 0}
    for name, value in limits.items():
        with suppress(AttributeError, ValueError):  # macOS limits neither memory nor queues
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    if os.uname().machine in FORBIDDEN and sys.platform == "linux":
        forbid_calls(*FORBIDDEN[os.uname().machine])


def forbid_calls(architecture: int, *calls: int) -> None:
    """Make Linux refuse system calls of this process, by a filter: man 2 seccomp."""
    # The steps: operation, steps to skip if true, if false, operand.
    load, equal, at_least, end, count = 0x20, 0x15, 0x35, 0x06, len(calls)
    steps = [
        (load, 0, 0, 4),  # the architecture
        (equal, 0, count + 3, architecture),
        (load, 0, 0, 0),  # the number of the call
        (at_least, count + 1, 0, 2**30),  # the numbers of x32
        *((equal, count - k, 0, number) for k, number in enumerate(calls)),
        (end, 0, 0, 0x7FFF0000),  # allowed
        (end, 0, 0, 0x00050001),  # refused
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    prctl = ctypes.CDLL(None).prctl
    prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, which a filter needs
    prctl(22, 2, struct.pack("HP", len(steps), ctypes.addressof(code)))  # PR_SET_SECCOMP


def allow(seconds: int) -> None:
    """Give this process `seconds` more of CPU time, within its limit."""

    def stop(*_):
        raise TimeoutError(f"it takes more than {seconds} seconds")

    signal.signal(signal.SIGXCPU, stop)
    soft = math.ceil(time.process_time()) + seconds
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (min(soft, hard), hard))


# The tests' end


def connect(wire: socket.socket) -> None:
    """Put stand-ins in the place of the submission's modules, and of `tests.inside`."""
    import tests

    global lines
    lines = wire.makefile("rwb")
    for name in (*MODULES, "tests.inside"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__getattr__ = partial(_attribute, name)
    tests.inside = sys.modules["tests.inside"]


def _attribute(owner, name: str):
    """Return an attribute of a module, given by name, or of an object of the submission's."""
    if name.startswith("__"):  # `import`, `copy` and NumPy look for such
        raise AttributeError(name)
    if type(owner) is str:
        return ask("pkgutil:resolve_name", f"{owner}:{name}")
    return ask("builtins:getattr", owner, name)


def ask(function, *arguments, keep: bool = False, options=()):
    """Call a function at the other end, a `Remote` or a name such as "builtins:len".

    With `keep`, what it returns stays there. An error there, or no reply, raises a RuntimeError.
    """
    call = encode([function, [*arguments], [*options]], lambda value: {"object": value._number})
    request = json.dumps([forgotten, keep, *call]).encode()
    forgotten.clear()
    try:
        lines.write(request + b"\n")
        lines.flush()
        reply = json.loads(lines.readline(LONGEST))
        if type(reply) is not str:
            [result] = decode(reply, Remote)
            return result
    except Exception as error:
        raise RuntimeError(NO_REPLY) from error
    raise RuntimeError(reply)


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

    def __del__(self):
        forgotten.append(self._number)


if __name__ == "__main__":
    limit(int(sys.argv[2]))
    sys.path.insert(0, os.getcwd())
    serve(socket.socket(fileno=int(sys.argv[1])))
