"""Processes of the program that begin within milliseconds: forks of one that has imported everything already.

Each is a process like any other, with streams of its own, to be killed at any moment; what it lacks is the second of
importing before it does anything. Run as a script, this is the process they are forked from.
"""

import asyncio
import atexit
import functools
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final

__all__ = ["Child", "fork"]

_IMPORTED: Final = ("chainpilot.cli.station.work.agent", "crash.cpms_process")
_MOST: Final = 1 << 16
"""Bytes of an order that are read at once."""


class Child:
    """What tests use of an `asyncio.subprocess.Process`; it is told nothing by standard input."""

    stdin = None

    def __init__(
        self, pid: int, stdout: asyncio.StreamReader, stderr: asyncio.StreamReader, end: Coroutine[None, None, int]
    ) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout = stdout
        self.stderr = stderr
        self._end = asyncio.ensure_future(self._until_dead(end))

    async def wait(self) -> int:
        """Its exit code once it is dead; negative for a signal."""
        return await asyncio.shield(self._end)

    def send_signal(self, number: int) -> None:
        """At once; ProcessLookupError if it is known to be dead. Until then its id is nobody else's."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    async def _until_dead(self, end: Coroutine[None, None, int]) -> int:
        self.returncode = await end
        return self.returncode


async def fork(entry: str, *words: str) -> Child:
    """A process that runs `entry`, a function as `module:name`, with these words after its own name."""
    (read_out, out), (read_err, err) = os.pipe(), os.pipe()
    line = socket.socket(socket.AF_UNIX)
    order = {"entry": entry, "words": words, "cwd": str(Path.cwd()), "environment": dict(os.environ)}
    try:
        line.connect(_address())
        socket.send_fds(line, [json.dumps(order).encode() + b"\n"], (out, err))
    finally:
        os.close(out)
        os.close(err)
    line.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=line)
    pid = int(await reader.readline())

    async def until_dead() -> int:
        code = int(await reader.readline())
        writer.close()
        return code

    return Child(pid, await _reading(read_out), await _reading(read_err), until_dead())


async def _reading(handle: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    pipe = os.fdopen(handle, "rb")
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


@functools.cache
def _address() -> str:
    """Where the nursery listens; it is started at the first call, and ends when this process does."""
    folder = tempfile.mkdtemp(prefix="nursery-")
    address = f"{folder}/socket"
    nursery = subprocess.Popen(
        [sys.executable, __file__, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    stdin, stdout = nursery.stdin, nursery.stdout
    assert stdin is not None
    assert stdout is not None
    assert stdout.read(1), "the nursery ended before it was ready"

    def end() -> None:
        stdin.close()
        stdout.close()
        nursery.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return address


class _Nursery:
    """Forks what is ordered, tells each one's end over the line that ordered it, and buries it when that is closed."""

    def __init__(self, address: str) -> None:
        self._children: dict[socket.socket, int] = {}
        self._told: set[int] = set()
        self._watch = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen()
        self._woken, self._waking = socket.socketpair()
        for end in (self._woken, self._waking):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for readable in (sys.stdin.buffer, self._listener, self._woken):
            self._watch.register(readable, selectors.EVENT_READ)

    def serve(self) -> Callable[[], object] | None:
        """In each child what it is to run; in the nursery None, once whoever started it has ended."""
        while True:
            for key, _ in self._watch.select():
                if key.fileobj is sys.stdin.buffer:
                    for line in tuple(self._children):
                        self._bury(line)
                    return None
                if key.fileobj is self._listener:
                    line, _ = self._listener.accept()
                    run = self._fork(line)
                    if run is not None:
                        return run
                elif key.fileobj is self._woken:
                    with suppress(BlockingIOError):
                        self._woken.recv(1 << 12)
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._bury(key.fileobj)
            self._tell_ends()

    def _fork(self, line: socket.socket) -> Callable[[], object] | None:
        data, handles, _, _ = socket.recv_fds(line, _MOST, 2)
        while not data.endswith(b"\n"):
            data += line.recv(_MOST)
        order = json.loads(data)
        pid = os.fork()
        if pid == 0:
            self._forget()
            line.close()
            return _become(order, handles)
        for handle in handles:
            os.close(handle)
        self._children[line] = pid
        self._watch.register(line, selectors.EVENT_READ)
        line.sendall(f"{pid}\n".encode())
        return None

    def _forget(self) -> None:
        """A child has none of this."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._watch.close()
        for one in (self._listener, self._woken, self._waking, *self._children):
            one.close()

    def _tell_ends(self) -> None:
        """The dead stay unburied meanwhile, so that a signal that comes too late meets nobody else."""
        for line, pid in self._children.items():
            end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if end is None or pid in self._told:
                continue
            self._told.add(pid)
            code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
            with suppress(BrokenPipeError):
                line.sendall(f"{code}\n".encode())

    def _bury(self, line: socket.socket) -> None:
        pid = self._children.pop(line)
        self._told.discard(pid)
        self._watch.unregister(line)
        line.close()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _become(order: dict[str, Any], handles: list[int]) -> Callable[[], object]:
    silence = os.open(os.devnull, os.O_RDONLY)
    for number, handle in enumerate((silence, *handles)):
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    module, _, name = order["entry"].partition(":")
    sys.argv = [module, *order["words"]]
    entry: Callable[[], object] = getattr(import_module(module), name)
    return entry


def _main() -> None:
    for name in _IMPORTED:
        import_module(name)
    nursery = _Nursery(sys.argv[1])
    os.write(1, b"!")
    run = nursery.serve()
    if run is not None:
        run()


if __name__ == "__main__":
    _main()
