"""Run the submission in a process of its own: both ends of the socket.

In the tests' process, stand-ins take the place of `utils`, `models`, `optimizer` and
`tests.inside`: calls, reads and assignments happen at the other end. Only plain data crosses, in
lines of JSON: numbers, text, lists, tuples and arrays; a reply is a list with a result, or the text
of an error. Anything else, such as a network, stays where it is; the tests hold a `Remote` for it.
"""

import ctypes
import functools
import json
import os
import pkgutil
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

MODULES = ("utils", "models", "models._base_network", "optimizer", "optimizer._base_optimizer")
LONGEST = 16 * 2**20  # bytes of a reply
# Linux system calls that no submission needs: they give it a network, namespaces, memory beyond its
# limit, or objects that outlive it.
FORBIDDEN = b"""socket socketpair unshare io_uring_setup memfd_create shmget semget msgget
add_key request_key keyctl"""


def encode(value, refer: Callable):
    """Encode a value for JSON, any sequence as a list or tuple; `refer` encodes other objects."""
    if value is None or isinstance(value, (int, float, str)):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":  # objects, such as arrays of different lengths
            return encode(array.tolist(), refer) if array.ndim else refer(value)
        return {"array": [array.dtype.str, array.shape, array.tobytes().hex()]}
    if isinstance(value, tuple):
        return {"tuple": [encode(entry, refer) for entry in value]}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [encode(entry, refer) for entry in value]
    return refer(value)


def decode(line: bytes, resolve: Callable):
    """Decode a line of JSON; `resolve` decodes what `refer` has made."""

    def decode_object(value: dict):
        [(kind, content)] = value.items()
        if kind == "object":
            return resolve(content)
        if kind == "tuple":
            return tuple(content)
        dtype, shape, text = content
        array = np.frombuffer(bytearray.fromhex(text), dtype)
        return array.reshape(shape)[()]  # a NumPy scalar if the shape is ()

    return json.loads(line, object_hook=decode_object)


# The submission's end


def serve(wire: socket.socket) -> None:
    """Call what the tests ask for, until they end; reply with a result or an error."""
    home, objects = os.getcwd(), []

    def refer(value) -> dict:
        objects.append(value)
        return {"object": len(objects) - 1}

    def resolve(key: int | str):
        return pkgutil.resolve_name(key) if type(key) is str else objects[key]

    stream = wire.makefile("rwb")
    for line in stream:
        try:
            function, arguments, options = decode(line, resolve)
            reply = [encode(function(*arguments, **dict(options)), refer)]
        except BaseException as error:  # noqa: BLE001 (SystemExit, too)
            reply = explain(error, home)
        stream.write(json.dumps(reply).encode() + b"\n")
        stream.flush()


def explain(error: BaseException, home: str) -> str:
    """Describe an error, and the submission's line that raised it."""
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(f"{home}/"):
            return f"{os.path.relpath(frame.filename, home)}, line {frame.lineno}: {text}"
    return text


def limit(seconds: int) -> None:
    """Limit this process's CPU time, memory and files; forbid it other processes."""
    memory, file = 4 * 2**30, 30 * 2**20
    limits = {"CPU": seconds, "AS": memory, "FSIZE": file, "NOFILE": 64, "NPROC": 0, "MSGQUEUE": 0}
    for name, value in limits.items():
        with suppress(AttributeError, ValueError):  # macOS limits neither memory nor queues
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    with suppress(OSError):  # no such library, as on macOS; Debian and Ubuntu have it
        seccomp = ctypes.CDLL("libseccomp.so.2")
        seccomp.seccomp_init.restype = ctypes.c_void_p
        rules = ctypes.c_void_p(seccomp.seccomp_init(0x7FFF0000))  # allow all calls but these
        for name in FORBIDDEN.split():
            number = seccomp.seccomp_syscall_resolve_name(name)
            seccomp.seccomp_rule_add(rules, 0x00050001, number, 0)  # fail with EPERM
        seccomp.seccomp_load(rules)


def allow(seconds: int) -> None:
    """Raise a TimeoutError after `seconds` of CPU time, and again after each further second."""

    def stop(*_):
        raise TimeoutError(f"the check takes more than {seconds} seconds of CPU time")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 1)


load_mnist = functools.cache(lambda: pkgutil.resolve_name("utils:load_mnist_trainval")())


def train_epoch(model, optimizer, labels: list[int], batch_size: int) -> None:
    """Train on MNIST, loaded once for both configs; whether its labels are right, others tell."""
    utils = pkgutil.resolve_name("utils")
    images, own, *_ = load_mnist()
    labels = labels[: len(images)] if isinstance(own, list) else np.array(labels[: len(images)])
    batches = utils.generate_batched_data(images[:], labels, batch_size, True, 10)  # the seed
    utils.train(1, *batches, model, optimizer, False)


# The tests' end


def _operation(name: str) -> Callable:
    return lambda self, *arguments: Remote(name)(self, *arguments)


class Remote:
    """A stand-in for an object at the other end, by its number or a name such as "builtins:len"."""

    def __init__(self, key: int | str):
        vars(self)["_key"] = key

    def __getattr__(self, name: str):
        if name.startswith("__"):  # `import`, `copy` and NumPy look for these
            raise AttributeError(name)
        return Remote("builtins:getattr")(self, name)

    __setattr__ = _operation("builtins:setattr")
    __getitem__ = _operation("operator:getitem")
    __setitem__ = _operation("operator:setitem")

    def __iter__(self):
        return iter(Remote("builtins:list")(self))

    def __call__(self, *arguments, **options):
        """Call it at the other end. An error there, or no reply, raises a RuntimeError."""
        call = [self, [*arguments], [*options.items()]]
        request = json.dumps(encode(call, lambda value: {"object": value._key}))
        try:
            self.stream.write(request.encode() + b"\n")
            self.stream.flush()
            reply = decode(self.stream.readline(LONGEST), Remote)
            if type(reply) is list:
                [result] = reply
                return result
        except Exception as error:
            text = "no reply: the submission crashed, exited, hung, or returned too much data"
            raise RuntimeError(text) from error
        raise RuntimeError(reply)


if __name__ == "__main__":
    os.set_blocking(1, False)  # a full pipe stops nothing
    limit(int(sys.argv[1]))
    sys.path.insert(0, os.getcwd())
    serve(socket.socket(fileno=int(sys.argv[2])))
