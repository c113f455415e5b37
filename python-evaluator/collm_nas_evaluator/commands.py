"""The commands: serving the configured spaces, listing them, preparing their images, importing, retraining,
checking a supernet, reference.

Owns what is printed on standard output. Knows no flag's form, no table and no message.
"""

import argparse
import dataclasses
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from collm_nas_evaluator import catalogue, config, reference, server, terminal
from collm_nas_evaluator.addresses import Address
from collm_nas_evaluator.backends.base import Unavailable
from collm_nas_evaluator.errors import PackageMissing, TableMissing, UsageError

_logger = logging.getLogger(__name__)

SECONDS_BETWEEN = 5.0
"""How often a long command says how far it is."""


def run(options: argparse.Namespace) -> int:
    """Runs the command that `flags.read` read. Returns 0, or 5 for a supernet that falls short.

    Serving ends with SystemExit at SIGINT or SIGTERM. A command that can be continued ends with KeyboardInterrupt,
    which has a text when there is more to say. Raises UsageError for everything that a person has to correct.
    """
    log = logging.StreamHandler(sys.stderr)
    log.setFormatter(terminal.LineFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log])
    if options.command == "serve":
        _require_allowed(options.listen, allow_remote=options.allow_remote)
    if options.command == "serve" and options.exit_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    if options.command in ("retrain", "cache-images", "import-nasbench201", "check"):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
    if options.command == "retrain":
        _retrain(options)
        return 0
    if options.command == "import-nasbench201":
        _import_nasbench201(options)
        return 0
    if options.command == "reference":
        for line in reference.text().splitlines():
            terminal.say(sys.stdout, line)
        return 0
    if options.command == "check":
        return _check(options)
    entries = catalogue.load(_configuration(options))
    if options.command == "spaces":
        _list(entries)
    elif options.command == "cache-images":
        _cache_images(entries, options.space)
    else:
        _serve(entries, options.listen)
    return 0


def _configuration(options: argparse.Namespace) -> config.Configuration:
    """The file's, with the supernet of the flags; without a file, only that supernet is served."""
    read = config.read(options.config) if options.config else config.default()
    if options.command != "serve" or options.supernet is None:
        return read
    return dataclasses.replace(
        read,
        own_supernet=_own_supernet(options),
        device=options.device or read.device,
        threads=options.threads or read.threads,
        analognas=read.analognas and options.config is not None,
    )


def _own_supernet(options: argparse.Namespace) -> config.OwnSupernet:
    named = {each.name for each in dataclasses.fields(config.OwnSupernet)}
    given = {name: each for name, each in vars(options).items() if name in named}
    return config.OwnSupernet(options.supernet, Path.cwd(), **given)


def _check(options: argparse.Namespace) -> int:
    """Prints what was found about a supernet of a user. Returns 0 when it can be searched, 5 when it falls short."""
    try:
        from collm_nas import supernet, supernet_check  # noqa: PLC0415 - loads PyTorch
    except ModuleNotFoundError as error:
        raise PackageMissing(error.name or "a package") from error

    own, default = _own_supernet(options), config.default()
    default = dataclasses.replace(default, device=options.device or default.device, threads=options.threads)
    made = supernet.load(own.spec, own.folder)
    checked = supernet_check.Checked(made, supernet.options_of(default, own), options.subnets, own.spec, own.folder)
    with supernet.usage_errors():
        findings = supernet_check.check(checked, _progress("check"))
    lines = [json.dumps(findings.to_dict())] if options.json else str(findings).splitlines()
    for line in lines:
        terminal.say(sys.stdout, line)
    sys.stdout.flush()
    return 0 if findings.usable else 5


def _import_nasbench201(options: argparse.Namespace) -> None:
    """Makes the packed table of an official release, or nothing at all."""
    from collm_nas_evaluator.tables import official, packed_table  # noqa: PLC0415 - serving does without

    try:
        with packed_table.made_at(options.out, options.path, force=options.force) as file:
            release = official.read(options.path, _progress("import-nasbench201"))
            packed_table.write(file, release.table)
    except TableMissing as error:
        raise UsageError(str(error)) from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt("nothing was written; the same command starts again from the beginning") from None
    often = ", ".join(f"{count:,} trained {times} x" for times, count in sorted(release.trained.items()))
    terminal.say(sys.stdout, f"{options.out}: {release.table.provenance}")
    terminal.say(sys.stdout, f"{often} for 200 epochs")
    absent = official.absent(release.table.columns)
    if absent:
        terminal.say(sys.stdout, f"not in this release: {', '.join(absent)}")
    sys.stdout.flush()


def _progress(what: str) -> Callable[[float], None]:
    """Says every few seconds on standard error how much is done, and how long the rest will take."""
    begin = time.monotonic()
    said = begin

    def say(share: float) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= SECONDS_BETWEEN and 0 < share < 1:
            said = now
            left = (now - begin) * (1 - share) / share
            terminal.say(sys.stderr, f"{what}: {share:.0%}, {_duration(left)} left")

    return say


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _retrain(options: argparse.Namespace) -> None:
    from collm_nas_evaluator import retrain_spos  # noqa: PLC0415 - loads PyTorch

    settings = {name: value for name, value in vars(options).items() if name not in ("command", "config")}
    retrain_spos.run(retrain_spos.Settings(**settings), sys.stdout)


def _cache_images(entries: list[server.Entry], wanted: list[str] | None) -> None:
    """Prepares the images of the wanted spaces, each kind once. Raises UsageError when there is nothing to prepare."""
    from collm_nas_evaluator import crops  # noqa: PLC0415 - loads PyTorch, which serving tables does without
    from collm_nas_evaluator.backends.supernet import SupernetBackend  # noqa: PLC0415

    offered = {entry.id if isinstance(entry, Unavailable) else entry.describe().id: entry for entry in entries}
    unknown = [space_id for space_id in wanted or () if space_id not in offered]
    if unknown:
        raise UsageError(f"--space {unknown[0]} is not one of {', '.join(offered)}")
    prepared: dict[str, crops.Crops] = {}
    reasons = []
    for space_id in wanted or offered:
        entry = offered[space_id]
        if isinstance(entry, SupernetBackend):
            prepared.update((str(each.folder), each) for each in entry.crops())
        elif isinstance(entry, Unavailable):
            reasons.append(f"{space_id} is unavailable: {entry.reason}")
        elif wanted:
            reasons.append(f"{space_id} looks at no images")
    if reasons and (wanted or not prepared):
        raise UsageError(reasons[0])
    if not prepared:
        raise UsageError("no space of this configuration looks at images; set checkpoints.<space> and imagenet.val")
    crops.cache_all(list(prepared.values()), sys.stdout)


def _end_with_stdin() -> None:
    """Reads standard input to its end, then ends the process at once."""
    try:
        while os.read(0, 65536):
            pass
    finally:
        os._exit(0)


def _require_allowed(listen: Address, *, allow_remote: bool) -> None:
    """Raises UsageError when other machines reach the address and nobody allowed it; says so when it is allowed."""
    if not listen.is_remote():
        return
    if not allow_remote:
        raise UsageError(
            f"--listen {listen} can be reached by other machines, and anyone who reaches the evaluator may use it "
            f"without a password; listen on 127.0.0.1:{listen.port}, or add --allow-remote if that is meant"
        )
    _logger.warning(
        "other machines can reach %s, and anyone who does may use this evaluator: there is no password", listen
    )


def _serve(entries: list[server.Entry], listen: Address) -> NoReturn:
    running = server.start(entries, listen)
    # Each signal writes a byte here. One that comes just before the wait ends it all the same.
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno())
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: sys.exit(0))
        available = sum(not isinstance(entry, Unavailable) for entry in entries)
        terminal.say(sys.stdout, json.dumps({"listening": running.address, "pid": os.getpid(), "spaces": available}))
        sys.stdout.flush()
        while True:
            reader.recv(1)
    finally:
        running.stop()


def _list(entries: list[server.Entry]) -> None:
    for entry in entries:
        if isinstance(entry, Unavailable):
            terminal.say(sys.stdout, f"{entry.id}  unavailable: {entry.reason}")
        else:
            space = entry.describe()
            splits = ", ".join(split.name for split in space.splits)
            about = f"{space.size} architectures; splits: {splits}; {space.provenance}"
            terminal.say(sys.stdout, f"{space.id}  {about}")
    sys.stdout.flush()
