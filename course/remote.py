"""The submission in a process of its own: both ends of the wire.

`serve` runs in the submission's process, the rest in that of the tests, where stand-ins take the
place of the modules `utils`, `models` and `optimizer`: what a test calls, reads or sets in them
happens at the other end. Only plain data crosses, in lines of JSON: numbers, text, lists, tuples and
arrays. Anything else, such as a network, stays where it is; the tests hold a `Remote` for it.
"""

import base64
import json
import os
import pkgutil
import resource
import socket
import sys
import traceback
import types
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from functools import partial

import numpy as np

MODULES = ("utils", "models", "models._base_network", "optimizer", "optimizer._base_optimizer")
LONGEST = 64 * 2**20  # bytes of an answer


def encode(value, refer: Callable):
    """Turn a value into what JSON can hold; `refer` does so for all that is not plain data."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [encode(entry, refer) for entry in value]
    if type(value) is tuple:
        return {"tuple": [encode(entry, refer) for entry in value]}
    if isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
        content = base64.b64encode(value.tobytes()).decode()
        return {"array": [value.dtype.str, value.shape, content]}
    return refer(value)


def decode(value, resolve: dict[str, Callable]):
    """Turn it back; `resolve` holds functions for what `refer` has made."""
    if type(value) is list:
        return [decode(entry, resolve) for entry in value]
    if type(value) is not dict:
        return value
    [(kind, content)] = value.items()
    if kind == "tuple":
        return tuple(decode(content, resolve))
    if kind == "array":
        dtype, shape, content = content
        array = np.frombuffer(base64.b64decode(content), dtype).reshape(shape)
        return array.copy()[()]  # a NumPy scalar if the shape is ()
    return resolve[kind](content)


# The submission's end


def serve(wire: socket.socket) -> None:
    """Call what the tests ask for, until they end."""
    objects = []

    def refer(value) -> dict:
        objects.append(value)
        return {"dict" if isinstance(value, dict) else "object": len(objects) - 1}

    lines = wire.makefile("rwb")
    for line in lines:
        folder, keep, function, sent, options = json.loads(line)
        try:
            os.chdir(folder)
            resolve = {"object": objects.__getitem__, "name": pkgutil.resolve_name}
            function, arguments, options = decode([function, sent, options], resolve)
            result = function(*arguments, **dict(options))
            # A test may ask whether its lists have been changed: they go back.
            lists = [encode(now, refer) for raw, now in zip(sent, arguments) if type(raw) is list]
            reply = [refer(result) if keep else encode(result, refer), lists]
        except BaseException as error:  # noqa: BLE001 (SystemExit, too)
            reply = traceback.format_exception_only(error)[-1].strip()
        lines.write(json.dumps(reply).encode() + b"\n")
        lines.flush()


def limit(seconds: int, megabytes: int) -> None:
    """Limit this process: its time, memory and files, and no process beside it."""
    limits = {"CPU": seconds, "AS": megabytes * 2**20, "FSIZE": 10 * 2**20, "NPROC": 0, "CORE": 0}
    for name, value in limits.items():
        with suppress(ValueError):  # macOS does not limit memory
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


# The tests' end


def connect(wire: socket.socket) -> None:
    """Put stand-ins in the place of the submission's modules."""
    global lines
    lines = wire.makefile("rwb")
    for name in MODULES:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__getattr__ = partial(_attribute, name)


def _attribute(owner, name: str):
    """Return an attribute of a module, given by name, or of an object of the submission's."""
    if name.startswith("__"):  # `import`, `copy` and NumPy look for such
        raise AttributeError(name)
    if type(owner) is str:
        return ask("pkgutil:resolve_name", f"{owner}:{name}")
    return ask("builtins:getattr", owner, name)


def ask(function, *arguments, keep: bool = False, options=()):
    """Call a function at the other end, a `Remote` or a name such as "builtins:len".

    With `keep`, what it returns stays there.

    Raises
    ------
    RuntimeError
        If it raises an error or does not answer.
    """
    os.chmod(".", 0o777)  # the submission may run as another user
    target = {"name": function} if type(function) is str else function
    request = [os.getcwd(), keep, target, list(arguments), list(options)]
    line = b""
    with suppress(OSError):
        lines.write(json.dumps(encode(request, _refer)).encode() + b"\n")
        lines.flush()
        line = lines.readline(LONGEST)
    if not line.endswith(b"\n"):
        raise RuntimeError("no answer, or too long a one: the submission's process may have ended")
    reply = json.loads(line)
    if type(reply) is str:
        raise RuntimeError(reply)
    result, lists = decode(reply, {"object": Remote, "dict": RemoteDict})
    for argument, now in zip([each for each in arguments if type(each) is list], lists):
        argument[:] = now
    return result


def _refer(value) -> dict:
    return {"object": value._number} if isinstance(value, Remote) else value


class Remote:
    """Something of the submission's that is not plain data."""

    def __init__(self, number: int):
        vars(self)["_number"] = number

    __getattr__ = _attribute

    def __setattr__(self, name: str, value):
        ask("builtins:setattr", self, name, value)

    def __call__(self, *arguments, **options):
        return ask(self, *arguments, options=options.items())

    def __deepcopy__(self, memo):
        return ask("copy:deepcopy", self)


class RemoteDict(Remote, MutableMapping):
    """A dictionary of the submission's."""

    def __iter__(self):
        return iter(ask("builtins:list", self))

    def __len__(self):
        return len(ask("builtins:list", self))

    def __getitem__(self, key):
        if key not in list(self):
            raise KeyError(key)
        return ask("operator:getitem", self, key)

    def __setitem__(self, key, value):
        ask("operator:setitem", self, key, value)

    def __delitem__(self, key):
        ask("operator:delitem", self, key)


if __name__ == "__main__":
    descriptor, seconds, megabytes = map(int, sys.argv[1:])
    limit(seconds, megabytes)
    sys.path[0] = os.getcwd()
    serve(socket.socket(fileno=descriptor))
