"""The command line's grammar: the commands and their flags.

Owns every flag's name, form and help text. Knows nothing of what a command does.
"""

import argparse
from pathlib import Path
from typing import NoReturn

from collm_nas_evaluator import __version__
from collm_nas_evaluator.errors import UsageError


def read(arguments: list[str] | None) -> argparse.Namespace:
    """Reads `arguments` (None: those of the process) into `command`, `config`, for serving `listen` (host and port)
    and `exit_with_stdin`, for caching `space`, and for retraining the fields of its settings.

    Raises UsageError for a mistake, SystemExit after printing help or the version.
    """
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
    cache_help = "decode every image once, for all evaluations to come"
    cache = commands.add_parser("cache-images", help=cache_help, allow_abbrev=False)
    cache.add_argument("--config", type=Path, required=True, metavar="FILE", help="YAML with checkpoints and imagenet")
    space_help = "only for this space; may be given several times (default: every space that looks at images)"
    cache.add_argument("--space", action="append", metavar="ID", help=space_help)
    return parser.parse_args(arguments)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; {self.prog} --help lists what there is")


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT with a port from 0 to 65535")
    return host, int(port)
