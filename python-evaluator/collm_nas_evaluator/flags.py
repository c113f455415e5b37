"""Reads the command line: the commands and their flags.

Owns the name, form and help text of every flag. Knows nothing of what a command does.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from collm_nas_evaluator import __version__, addresses
from collm_nas_evaluator.class_names import ORDERS
from collm_nas_evaluator.errors import UsageError
from collm_nas_evaluator.keys import path_of

SAMPLES, BUDGET = 40, 100
"""What `check` takes by default: how many architectures it scores, and the budget of the searches to tell apart."""
_OF_A_FOLDER = ("val", "calibrate", "test", "calibration_images", "momentum")


def read(arguments: list[str] | None) -> argparse.Namespace:
    """Reads `arguments` (None: those of the process).

    The result has `command` and `config`. `serve` adds `listen` (an Address), `allow_remote`, `exit_with_stdin` and
    `supernet`; `check` has `supernet` or `space`, `samples`, `seed`, `budget` and `json`; both have the fields of an
    OwnSupernet that were given; `cache-images` adds `space`; `import-nasbench201` adds `path`, `out` and `force`;
    `measure-bank` adds `definition`, `out`, `force`, `processes` and `only`; `retrain` adds the fields of its settings.
    Raises UsageError for a mistake, SystemExit after printing help or the version.
    """
    about = "Measures neural architectures over gRPC."
    parser = _Parser(prog="collm-nas-evaluator", description=about, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the configured spaces", allow_abbrev=False)
    address_help = "where to listen; port 0 is any free one (default 127.0.0.1:0)"
    here = addresses.Address("127.0.0.1", 0)
    serve.add_argument("--listen", type=_address, default=here, metavar="HOST:PORT", help=address_help)
    serve.add_argument(
        "--allow-remote", action="store_true", help="with --listen: an address that other machines reach"
    )
    serve.add_argument("--exit-with-stdin", action="store_true", help="end at once when standard input ends")
    spaces = commands.add_parser("spaces", help="list what would be served", allow_abbrev=False)
    for command in (serve, spaces):
        config_help = "YAML; without one the installed table is served"
        command.add_argument("--config", type=_path, metavar="FILE", help=config_help)
    serve.add_argument(
        "--supernet", metavar="MODULE:NAME", help="serve a supernet of your own; modules are found in this folder"
    )
    _own_supernet(serve)
    _check(commands.add_parser("check", help="say whether a space can tell searchers apart", allow_abbrev=False))
    cache_help = "decode every image once and keep the result for all evaluations"
    cache = commands.add_parser("cache-images", help=cache_help, allow_abbrev=False)
    cache.add_argument("--config", type=_path, required=True, metavar="FILE", help="YAML with checkpoints and imagenet")
    space_help = "only for this space; may be given several times (default: every space that looks at images)"
    cache.add_argument("--space", action="append", metavar="ID", help=space_help)
    _import(commands.add_parser("import-nasbench201", help="make a table of official files", allow_abbrev=False))
    _measure_bank(
        commands.add_parser("measure-bank", help="measure every member of a small part of a space", allow_abbrev=False)
    )
    commands.add_parser(
        "reference", help="print the reference of the YAML file's keys, as Markdown", allow_abbrev=False
    )
    _retrain(commands.add_parser("retrain", help="train a winner of SPOS from scratch", allow_abbrev=False))
    options = parser.parse_args(arguments)
    if options.command == "check":
        _require_one(options)
    return options


def _require_one(options: argparse.Namespace) -> None:
    """Raises UsageError unless `check` has either a supernet or a space, with the flags that belong to it."""
    if (options.supernet is None) == (options.space is None):
        raise UsageError("check needs either MODULE:NAME, a supernet of your own, or --space ID")
    if options.supernet is not None and options.config is not None:
        raise UsageError("--config belongs to --space; a supernet of your own takes --val, --calibrate and --test")
    given = [f"--{name.replace('_', '-')}" for name in _OF_A_FOLDER if hasattr(options, name)]
    if options.space is not None and given:
        raise UsageError(f"{given[0]} belongs to MODULE:NAME; --space takes its images from --config")


def _check(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Scores random architectures and says how large their noise and their spread are, whether search and test "
        "agree, and what decides the score. For a supernet of your own it first says whether it can be searched. Exit "
        "code 0: the space can tell searchers apart; 1: it cannot; 5: your supernet falls short."
    )
    command.add_argument("supernet", nargs="?", metavar="MODULE:NAME", help="a supernet of your own, or use --space")
    command.add_argument("--space", metavar="ID", help="a space of the configuration")
    command.add_argument("--config", type=_path, metavar="FILE", help="with --space: the YAML that it is served from")
    samples_help = f"how many random architectures to score (default {SAMPLES})"
    command.add_argument("--samples", type=_count, default=SAMPLES, metavar="N", help=samples_help)
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the random architectures (default 0)")
    budget_help = f"the evaluations of the searches to tell apart (default {BUDGET})"
    command.add_argument("--budget", type=_count, default=BUDGET, metavar="N", help=budget_help)
    command.add_argument("--json", action="store_true", help="print one JSON object with every number")
    _own_supernet(command)


def _own_supernet(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("supernet of your own")
    folders = {
        "--val": "the images that score subnets, one folder for each class (default: its own val)",
        "--calibrate": "the images that set batch-norm statistics (default: its own calibrate)",
        "--test": "the images that test the winner (default: its own test)",
    }
    for flag, text in folders.items():
        group.add_argument(flag, type=_path, metavar="FOLDER", help=text, default=argparse.SUPPRESS)
    images_help = "how many images set the statistics of a subnet (default 2000)"
    group.add_argument("--calibration-images", type=_count, metavar="N", help=images_help, default=argparse.SUPPRESS)
    momentum_help = "of the statistics (default: averages over all batches, the rule of Once-for-All)"
    group.add_argument("--momentum", type=float, metavar="SHARE", help=momentum_help, default=argparse.SUPPRESS)
    group.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1 or auto (default auto)")
    threads_help = "how many threads compute a network on a CPU (default: one for each processor)"
    group.add_argument("--threads", type=_count, metavar="N", help=threads_help)


def _import(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Makes one small table of an official release, to serve with nasbench201.table: NATS-Bench's folder or single "
        "file for topologies, or NAS-Bench-201's .pth. Reads cell by cell, and nothing in the files is run."
    )
    command.add_argument("path", type=_path, metavar="PATH", help="the release as downloaded; a .tar unpacked")
    out_help = "where the table goes (default nasbench201.npz)"
    command.add_argument("--out", type=_path, default=Path("nasbench201.npz"), metavar="FILE", help=out_help)
    command.add_argument("--force", action="store_true", help="replace a file that is there")


def _measure_bank(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Measures every member of a tied part of a supernet on all its splits, and writes one table, to serve with "
        "banks.<space>. The same command continues where an earlier one was stopped or killed."
    )
    command.add_argument("definition", type=_path, metavar="FILE", help="YAML: the choices and slots of the part")
    command.add_argument("--config", type=_path, required=True, metavar="FILE", help="YAML that serves the supernet")
    out_help = "where the table goes (default: the id of the part, and .csv.gz)"
    command.add_argument("--out", type=_path, metavar="FILE", help=out_help)
    command.add_argument("--force", action="store_true", help="replace a file that is there")
    processes_help = "how many members at a time, each on one thread (default: one a processor)"
    command.add_argument("--processes", type=_count, metavar="N", help=processes_help)
    only_help = "measure this many members as a trial, say how long all take, and write nothing"
    command.add_argument("--only", type=_count, metavar="N", help=only_help)


def _retrain(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Trains one architecture from scratch by the official recipe, which the defaults are. The same command "
        "continues a training that was interrupted."
    )
    command.add_argument("architecture", metavar="ARCHITECTURE", help="as text: '{\"op\":[0,0,3, ... 20 numbers]}'")
    folders = {
        "--train": "the training images, a folder a class or the official archive",
        "--val": "the validation images",
        "--folder": "where the files go; an interrupted training there is continued",
    }
    for flag, text in folders.items():
        command.add_argument(flag, type=_path, required=True, metavar="FOLDER", help=text)
    order_help = "how to number class folders whose names have two orders (10 before 2, or 2 before 10)"
    command.add_argument("--class-order", choices=ORDERS, help=order_help)
    for name, (kind, text) in RETRAINING.items():
        flag = f"--{name.replace('_', '-')}"
        command.add_argument(flag, type=kind, metavar=kind.__name__.upper(), help=text, default=argparse.SUPPRESS)


RETRAINING: Mapping[str, tuple[type, str]] = {
    "classes": (int, "how many classes there are (default 1000)"),
    "iterations": (int, "batches to train on (default 300000)"),
    "batch": (int, "images a batch (default 1024)"),
    "learning_rate": (float, "at the start; it falls linearly to 0 (default 0.5)"),
    "momentum": (float, "of the gradient (default 0.9)"),
    "weight_decay": (float, "of all weights but batch norm (default 4e-05)"),
    "label_smoothing": (float, "share of the label spread over all classes (default 0.1)"),
    "dropout": (float, "before the classifier (default 0.1)"),
    "pixels": (int, "side of the input (default 224)"),
    "seed": (int, "of everything random (default 0)"),
    "device": (str, "cpu, cuda, cuda:1 or auto (default auto)"),
    "precision": (str, "fp32, or bf16 on CUDA (default fp32)"),
    "workers": (int, "processes that decode images (default 8)"),
    "checkpoint_every": (int, "batches between two checkpoints (default 1000)"),
    "validate_every": (int, "batches between two validations (default 10000)"),
}
"""The settings of a retraining that have a default: the type and the help text of each."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; {self.prog} --help lists the commands and flags")


def _path(text: str) -> Path:
    try:
        return path_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from error


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, at least 1")
    return int(text)


def _address(text: str) -> addresses.Address:
    address = addresses.read(text)
    if address is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT with a port from 0 to 65535")
    return address
