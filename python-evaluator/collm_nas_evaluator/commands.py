"""The commands: serving the configured spaces, listing them, preparing their images, importing, measuring a bank,
retraining, checking a space, reference.

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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from collm_nas_evaluator import catalogue, config, processors, reference, server, space_check, terminal
from collm_nas_evaluator.addresses import Address
from collm_nas_evaluator.backends.base import Unavailable
from collm_nas_evaluator.errors import PackageMissing, TableMissing, UsageError
from collm_nas_evaluator.findings import Findings

_logger = logging.getLogger(__name__)

SECONDS_BETWEEN = 5.0
"""How often a long command says how far it is."""


def run(options: argparse.Namespace) -> int:
    """Runs the command that `flags.read` read. Returns 0; from `check` also 1 and 5.

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
    if options.command in {*_ALONE, "cache-images"}:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
    alone = _ALONE.get(options.command)
    if alone is not None:
        return alone(options)
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
    if options.command == "check" and options.device is not None:
        return dataclasses.replace(read, device=options.device)
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


def _reference(_: argparse.Namespace) -> int:
    for line in reference.text().splitlines():
        terminal.say(sys.stdout, line)
    return 0


def _check(options: argparse.Namespace) -> int:
    """Prints what was found about a space. Returns 0 when it can tell searchers apart, 1 when it cannot, 5 when it is a
    supernet of a user that falls short.
    """
    wanted = space_check.Wanted(options.samples, options.seed, options.budget)
    if options.space is None:
        findings = _findings_of_own(options, wanted)
    else:
        entry = _wanted_of(catalogue.load(_configuration(options)), options.space)
        if isinstance(entry, Unavailable):
            raise UsageError(f"{options.space} is unavailable: {entry.reason}")
        findings = space_check.check(entry, wanted, _progress("check"))
    lines = [json.dumps(findings.to_dict())] if options.json else str(findings).splitlines()
    for line in lines:
        terminal.say(sys.stdout, line)
    sys.stdout.flush()
    if findings.tells:
        return 0
    return 1 if findings.usable or options.supernet is None else 5


def _findings_of_own(options: argparse.Namespace, wanted: space_check.Wanted) -> Findings:
    try:
        from collm_nas import supernet, supernet_check  # noqa: PLC0415 - loads PyTorch
    except ModuleNotFoundError as error:
        raise PackageMissing(error.name or "a package") from error

    own, default = _own_supernet(options), config.default()
    default = dataclasses.replace(default, device=options.device or default.device, threads=options.threads)
    made = supernet.load(own.spec, own.folder)
    checked = supernet_check.Checked(made, supernet.options_of(default, own), wanted, own.spec, own.folder)
    with supernet.usage_errors():
        return supernet_check.check(checked, _progress("check"))


def _import_nasbench201(options: argparse.Namespace) -> int:
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
    return 0


def _measure_bank(options: argparse.Namespace) -> int:
    """Makes the table of a bank, or measures some members of it as a trial."""
    from collm_nas_evaluator import bank_making, tied  # noqa: PLC0415 - serving does without
    from collm_nas_evaluator.tables import bank_table, packed_table  # noqa: PLC0415

    defined = tied.definition(options.definition)
    out = options.out or Path(f"{defined['id']}.csv.gz")
    if options.only is None:
        packed_table.check_place(out, options.definition, force=options.force)
    configuration = _configuration(options)
    backend = bank_making.opened(configuration, defined["space"])
    part = tied.part_of(backend.describe(), defined, options.definition)
    _cache_crops(backend)
    places = bank_making.order(part.space.size, options.only)
    processes = min(options.processes or processors.usable(), len(places))
    pace = _Pace(len(places))
    finished = []
    try:
        for each in bank_making.measured(configuration, part, places, processes):
            finished.append(each)
            pace.add(is_stored=each.is_stored)
    except KeyboardInterrupt:
        what = f"{len(finished):,} of {len(places):,} members are measured and stored"
        raise KeyboardInterrupt(f"{what}; the same command continues from here") from None
    if options.only is not None:
        about = "all of these were measured before; take more with --only to see how long all take"
        if pace.seconds_a_member > 0:
            whole = _duration(pace.seconds_a_member * part.space.size)
            about = f"{pace.seconds_a_member:.2f} s a member with --processes {processes}, {whole} for all"
        terminal.say(sys.stdout, f"{len(finished):,} of {part.space.size:,} members: {about}; nothing was written")
    else:
        bank = bank_making.bank_of(part, backend, finished, options.definition)
        with packed_table.made_at(out, options.definition, force=options.force) as file:
            bank_table.write(file, bank)
        terminal.say(sys.stdout, f"{out}: {part.space.size:,} members, {out.stat().st_size:,} bytes")
    sys.stdout.flush()
    return 0


class _Pace:
    """Says every few seconds on standard error how many members are measured, and how long the rest will take.

    Members of an earlier call take no time, and neither does the start of the processes.
    """

    def __init__(self, whole: int) -> None:
        self._whole = whole
        self._done = self._measured = 0
        self._first = self._said = self._latest = time.monotonic()

    @property
    def seconds_a_member(self) -> float:
        """How long one more member takes, on all processes together; 0 while that is not known."""
        return (self._latest - self._first) / (self._measured - 1) if self._measured > 1 else 0.0

    def add(self, *, is_stored: bool) -> None:
        """Counts a member."""
        self._done += 1
        self._latest = time.monotonic()
        if not is_stored:
            self._measured += 1
        if self._measured < 2:
            self._first = self._latest
        if self._latest - self._said >= SECONDS_BETWEEN:
            self._said = self._latest
            left = self.seconds_a_member * (self._whole - self._done)
            then = f", {_duration(left)} left" if self._measured > 1 else ""
            terminal.say(sys.stderr, f"measure-bank: {self._done:,} of {self._whole:,} members{then}")


def _cache_crops(backend: object) -> None:
    """Prepares the images of a supernet of a family, once for all processes."""
    from collm_nas_evaluator import crops  # noqa: PLC0415 - loads PyTorch
    from collm_nas_evaluator.backends.supernet import SupernetBackend  # noqa: PLC0415

    if isinstance(backend, SupernetBackend):
        crops.cache_all(backend.crops(), sys.stderr)


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


def _retrain(options: argparse.Namespace) -> int:
    from collm_nas_evaluator import retrain_spos  # noqa: PLC0415 - loads PyTorch

    settings = {name: value for name, value in vars(options).items() if name not in ("command", "config")}
    retrain_spos.run(retrain_spos.Settings(**settings), sys.stdout)
    return 0


_ALONE: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "retrain": _retrain,
    "import-nasbench201": _import_nasbench201,
    "measure-bank": _measure_bank,
    "reference": _reference,
    "check": _check,
}
"""The commands that do not need all spaces of a configuration."""


def _cache_images(entries: list[server.Entry], wanted: list[str] | None) -> None:
    """Prepares the images of the wanted spaces, each kind once. Raises UsageError when there is nothing to prepare."""
    from collm_nas_evaluator import crops  # noqa: PLC0415 - loads PyTorch, which serving tables does without
    from collm_nas_evaluator.backends.supernet import SupernetBackend  # noqa: PLC0415

    offered = _offered(entries)
    for space_id in wanted or ():
        _wanted_of(entries, space_id)
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


def _offered(entries: list[server.Entry]) -> dict[str, server.Entry]:
    return {entry.id if isinstance(entry, Unavailable) else entry.describe().id: entry for entry in entries}


def _wanted_of(entries: list[server.Entry], space_id: str) -> server.Entry:
    """The entry of a space. Raises UsageError when there is none."""
    offered = _offered(entries)
    if space_id not in offered:
        raise UsageError(f"--space {space_id} is not one of {', '.join(offered)}")
    return offered[space_id]


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
