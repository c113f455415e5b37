"""The commands and their flags: serving the configured spaces, and listing them.

Owns what is printed on standard output. Knows no table and no message.
"""

import argparse
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

from collm_nas_evaluator import __version__, catalogue, config, server
from collm_nas_evaluator.backends.base import Unavailable
from collm_nas_evaluator.errors import UsageError


def run(arguments: list[str] | None) -> int:
    """Runs the command in `arguments` (None: those of the process) and returns 0.

    Serving ends only by the SystemExit that a signal raises. Raises UsageError for whatever a person has to correct.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    options = _parser().parse_args(arguments)
    if options.command == "serve" and options.exit_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    entries = catalogue.load(config.read(options.config) if options.config else config.default())
    if options.command == "spaces":
        _list(entries)
    else:
        _serve(entries, *options.listen)
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; {self.prog} --help lists what there is")


def _parser() -> _Parser:
    about = "Measures neural architectures over gRPC."
    parser = _Parser(prog="collm-nas-evaluator", description=about, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the configured spaces", allow_abbrev=False)
    address_help = "where to listen; port 0 is any free one (default 127.0.0.1:0)"
    serve.add_argument("--listen", type=_address, default=("127.0.0.1", 0), metavar="HOST:PORT", help=address_help)
    serve.add_argument("--exit-with-stdin", action="store_true", help="end at once when standard input ends")
    spaces = commands.add_parser("spaces", help="list what would be served", allow_abbrev=False)
    for command in (serve, spaces):
        config_help = "YAML; without one the installed table is served"
        command.add_argument("--config", type=Path, metavar="FILE", help=config_help)
    return parser


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT with a port from 0 to 65535")
    return host, int(port)


def _end_with_stdin() -> None:
    """Reads standard input to its end, then ends the process with whatever it is doing."""
    try:
        while os.read(0, 65536):
            pass
    finally:
        os._exit(0)


def _serve(entries: list[server.Entry], host: str, port: int) -> NoReturn:
    running = server.start(entries, host, port)
    try:
        available = sum(not isinstance(entry, Unavailable) for entry in entries)
        sys.stdout.write(json.dumps({"listening": running.address, "pid": os.getpid(), "spaces": available}) + "\n")
        sys.stdout.flush()
        while True:
            signal.pause()
    finally:
        running.stop()


def _list(entries: list[server.Entry]) -> None:
    for entry in entries:
        if isinstance(entry, Unavailable):
            sys.stdout.write(f"{entry.id}  unavailable: {entry.reason}\n")
        else:
            space = entry.describe()
            splits = ", ".join(split.name for split in space.splits)
            sys.stdout.write(f"{space.id}  {space.size} architectures; splits: {splits}; {space.provenance}\n")
    sys.stdout.flush()
