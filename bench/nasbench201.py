"""`nasbench201.py [MEGABYTES] [RECORDS]` measures the import of the official files, and the use of the table.

Each row is printed as a JSON line with `what`, `measured` and `aim`; progress goes to standard error. The files are
made from the official records of three cells, repeated under the numbers of other cells. Every import runs in its own
process. It only measures: no time makes it fail. Without the three records it prints one row that says so.
"""

import bz2
import io
import json
import os
import pickle
import pickletools
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from collm_nas_evaluator.cell import CELLS

SAMPLE = Path(__file__).parents[2] / "shared/nasbench201/official-sample/NATS-tss-v1_0-3ffb9-simple"
SAMPLED = (0, 11, 284)
REAL_SIZE = 4.7e9
"""Bytes of NAS-Bench-201-v1_1-096897.pth."""
_MARKED_INDEX, _MARKED_ARCH = 65_534, "the cell's text"

Raw = Mapping[str, Any]


def main(megabytes: int = 1000, records: int = 1000) -> None:
    if not SAMPLE.is_dir():
        row("import of the official files", f"skipped: their records are not in {SAMPLE}", "")
        return
    archs = loaded("meta")["meta_archs"]
    samples = [loaded(f"{index:06d}") for index in SAMPLED]
    with tempfile.TemporaryDirectory(prefix="collm-bench-") as folder:
        single_file(Path(folder), samples, archs, megabytes * 1_000_000)
    with tempfile.TemporaryDirectory(prefix="collm-bench-") as folder:
        folder_of_records(Path(folder), samples, archs, records)
    with tempfile.TemporaryDirectory(prefix="collm-bench-") as folder:
        packed(Path(folder))


def loaded(name: str) -> Any:
    with warnings.catch_warnings(action="ignore"):  # the files name numpy's modules as they were in 2020
        return pickle.loads(bz2.decompress((SAMPLE / f"{name}.pickle.pbz2").read_bytes()))  # noqa: S301 - official


# ----- the import of a single file -----


def single_file(folder: Path, samples: Sequence[Raw], archs: Sequence[str], least: int) -> None:
    path = folder / "NAS-Bench-201-v1_1-made-up.pth"
    say(f"writing a .pth of {least / 1e6:,.0f} MB")
    cells = write_pth(path, [Template({"full": each["200"], "less": each["12"]}) for each in samples], archs, least)
    size = path.stat().st_size
    found = imported(path, cells)
    rate = size / found["seconds"]
    of = f"a .pth of {size / 1e6:,.0f} MB, {cells:,} cells"
    row(f"import of {of}", f"{found['seconds']:.1f} s ({rate / 1e6:.0f} MB/s)", "")
    row("  most memory in use, and before the import", f"{found['peak']:.0f} MB, {found['before']:.0f} MB", "flat")
    expected = f"{REAL_SIZE / rate:.0f} s, or {CELLS * found['seconds'] / cells:.0f} s by cells"
    row("  extrapolated to the 4.7 GB and 15,625 cells of v1.1", expected, "")


class Template:
    """A record as the bytes of a pickle in protocol 2. Its number, text and memo can be replaced."""

    def __init__(self, record: Mapping[str, dict[str, Any]]) -> None:
        marked = {
            name: {**each, "arch_index": _MARKED_INDEX, "arch_str": _MARKED_ARCH} for name, each in record.items()
        }
        raw = pickle.dumps(marked, 2)
        operations = [(each.name, argument, at) for each, argument, at in pickletools.genops(raw) if at is not None]
        self._parts: list[tuple[str, bytes | int]] = []
        self.memorised = 0
        plain = io.BytesIO()
        ends = [at for _, _, at in operations[1:]]
        for (name, argument, at), end in zip(operations[1:-1], ends[1:], strict=True):
            kind = {"BINPUT": "r", "LONG_BINPUT": "r", "BINGET": "j", "LONG_BINGET": "j"}.get(name, "")
            if name == "BININT2" and argument == _MARKED_INDEX:
                kind = "index"
            elif argument == _MARKED_ARCH:
                kind = "arch"
            if not kind:
                plain.write(raw[at:end])
                continue
            self._parts += [("", plain.getvalue()), (kind, argument if isinstance(argument, int) else 0)]
            self.memorised += kind == "r"
            plain = io.BytesIO()
        self._parts.append(("", plain.getvalue()))

    def filled(self, index: int, arch: str, first: int) -> bytes:
        """The record of another cell, whose memo begins at `first`."""
        texts = {"index": b"M" + index.to_bytes(2, "little"), "arch": text(arch)}
        return b"".join(
            part if isinstance(part, bytes) else texts.get(kind) or kind.encode() + (first + part).to_bytes(4, "little")
            for kind, part in self._parts
        )


def write_pth(path: Path, templates: Sequence[Template], archs: Sequence[str], least: int) -> int:
    """Writes a file as torch.save did in 2020, of at least `least` bytes. Returns how many cells it contains."""
    cells = 0
    memorised = 1
    with path.open("wb") as file:
        for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
            pickle.dump(each, file, 2)
        file.write(b"\x80\x02}(" + text("meta_archs") + b"](" + b"".join(map(text, archs)) + b"e")
        file.write(text("arch2infos") + b"}")
        while file.tell() < least and cells < CELLS:
            file.write(b"(")
            for _ in range(1000):
                if file.tell() >= least or cells == CELLS:
                    break
                template = templates[cells % len(templates)]
                file.write(b"M" + cells.to_bytes(2, "little") + template.filled(cells, archs[cells], memorised))
                memorised += template.memorised
                cells += 1
            file.write(b"u")
        file.write(text("evaluated_indexes") + b"]u.")
        pickle.dump([], file, 2)
    return cells


def text(content: str) -> bytes:
    return b"X" + len(content).to_bytes(4, "little") + content.encode()


# ----- the import of a folder -----


def folder_of_records(folder: Path, samples: Sequence[Raw], archs: Sequence[str], records: int) -> None:
    say(f"packing {records:,} records")
    (folder / "meta.pickle.pbz2").write_bytes((SAMPLE / "meta.pickle.pbz2").read_bytes())

    def pack(index: int) -> None:
        record = {
            epochs: {**each, "arch_index": index, "arch_str": archs[index]}
            for epochs, each in samples[index % len(samples)].items()
        }
        (folder / f"{index:06d}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(record, 4)))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(pack, range(records)))
    found = imported(folder, records)
    size = sum(path.stat().st_size for path in folder.iterdir())
    per_cell = found["seconds"] / records
    row(
        f"import of a folder of {records:,} records, {size / 1e6:,.0f} MB, {os.cpu_count()} processors",
        f"{found['seconds']:.1f} s ({size / found['seconds'] / 1e6:.1f} MB/s, {1 / per_cell:.0f} cells/s)",
        "",
    )
    row("  most memory in use, and before the import", f"{found['peak']:.0f} MB, {found['before']:.0f} MB", "flat")
    row("  extrapolated to 15,625 cells", f"{per_cell * CELLS:.0f} s", "")


def imported(path: Path, cells: int) -> dict[str, float]:
    """Reads a release in its own process. Returns the seconds, the most megabytes, and the megabytes before."""
    say(f"importing {path.name}")
    return in_a_process("import", str(path), str(cells))


# ----- the packed table -----


def packed(folder: Path) -> None:
    import numpy as np  # noqa: PLC0415 - the processes that are measured load it when they are ready to

    from collm_nas_evaluator.tables import packed_table  # noqa: PLC0415
    from collm_nas_evaluator.tables.csv_table import ACCURACIES  # noqa: PLC0415
    from collm_nas_evaluator.tables.table import Table  # noqa: PLC0415

    source = np.random.RandomState(0)
    columns = {"index": np.arange(CELLS) + 0.0, **{name: source.uniform(10, 95, CELLS) for name in ACCURACIES}}
    path = folder / "nasbench201.npz"
    with path.open("wb") as file:
        packed_table.write(file, Table(columns, "made up"))
    found = [in_a_process("load", str(path)) for _ in range(5)]
    read, ready, grown = (sorted(each[name] for each in found)[2] for name in ("read", "ready", "grown"))
    row(f"packed table of {path.stat().st_size / 1e6:.1f} MB, read in a new process", f"{read * 1e3:.0f} ms", "300 ms")
    row("  the six spaces ready, checked and with their digests", f"{ready * 1e3:.0f} ms", "300 ms")
    row("  growth of the process", f"{grown:.1f} MB", "100 MB")


def load_in_this_process(path: str) -> dict[str, float]:
    from collm_nas_evaluator import catalogue, config  # noqa: PLC0415
    from collm_nas_evaluator.tables import packed_table  # noqa: PLC0415

    before = resident()
    begin = time.perf_counter()
    table = packed_table.read(Path(path))
    read = time.perf_counter() - begin
    configured = config.Configuration(cache_dir=Path(path).parent, nasbench201_table=Path(path), analognas=False)
    begin = time.perf_counter()
    spaces = catalogue.load(configured)
    ready = time.perf_counter() - begin
    assert len(spaces) == 6
    assert len(table.columns) == 13
    return {"read": read, "ready": ready, "grown": resident() - before}


def import_in_this_process(path: str, cells: str) -> dict[str, float]:
    from collm_nas_evaluator.tables import official  # noqa: PLC0415

    before = resident()
    begin = time.perf_counter()
    release = official.read(Path(path), lambda _: None, range(int(cells)))
    seconds = time.perf_counter() - begin
    assert sum(release.trained.values()) == int(cells)
    return {"seconds": seconds, "before": before, "peak": resident("VmHWM")}


def in_a_process(*arguments: str) -> dict[str, float]:
    ran = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def resident(line: str = "VmRSS") -> float:
    """Megabytes of memory of the process: now, or at most so far (VmHWM)."""
    status = Path("/proc/self/status")
    if not status.exists():  # macOS reports only the most, in bytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return next(int(each.split()[1]) for each in status.read_text().splitlines() if each.startswith(line)) * 1024 / 1e6


def row(what: str, measured: str, aim: str) -> None:
    print(json.dumps({"what": what, "measured": measured, "aim": aim}), flush=True)


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["import", path, cells]:
            print(json.dumps(import_in_this_process(path, cells)))
        case ["load", path]:
            print(json.dumps(load_in_this_process(path)))
        case sizes:
            main(*map(int, sizes))
