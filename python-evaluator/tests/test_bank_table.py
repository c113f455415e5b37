"""The file of a bank: read back as it was written, served without PyTorch, and refused when it is anything else."""

import dataclasses
import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from client import PACKAGE_ROOT, Client, status_of
from test_tied import PATH, TIES, WHOLE

from collm_nas_evaluator import catalogue, config, tied
from collm_nas_evaluator.backends.base import Backend, Unavailable
from collm_nas_evaluator.errors import TableDamaged, TableMissing, UsageError
from collm_nas_evaluator.space import Cost, Space, Split
from collm_nas_evaluator.tables import bank_table
from collm_nas_evaluator.tables.bank_table import Bank, Measured, Supernet

COUNT = 32
FIRST_ROW = 3
"""Where the members begin among the lines of a file."""


def bank() -> Bank:
    """Two splits, one cost, made-up numbers that all differ; standard errors of the accuracy."""
    whole = Space(
        WHOLE.dimensions,
        id="whole",
        metrics=WHOLE.metrics,
        costs=(Cost("macs_m", "million", "Multiply-adds."),),
        splits=(Split("search", "Some images.", data="abc"), Split("test", "Others.", data="def")),
    )
    part = tied.part_of(whole, {"space": "whole", "id": "part", "dimensions": TIES}, PATH)
    numbers = np.random.RandomState(0).uniform(0, 100, (4, COUNT))
    return Bank(
        part.space,
        Supernet("whole", "d" * 64, "c" * 64, "weights.pth, made up"),
        part.definition,
        {"macs_m": numbers[0]},
        {
            "search": Measured({"accuracy": numbers[1]}, {"accuracy": numbers[3] / 100}),
            "test": Measured({"accuracy": numbers[2]}, {"accuracy": numbers[3] / 200}),
        },
        np.full(COUNT, 0.5),
        [full.text for _, full in part.members()],
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "part.csv.gz"
    with path.open("wb") as file:
        bank_table.write(file, bank())
    return path


def test_it_is_read_back_as_it_was_written(path: Path, tmp_path: Path) -> None:
    made, read = bank(), bank_table.read(path)
    assert (read.supernet, read.definition, list(read.architectures)) == (
        made.supernet,
        made.definition,
        made.architectures,
    )
    assert (read.space.dimensions, read.space.metrics, read.space.costs, read.space.splits) == (
        made.space.dimensions,
        made.space.metrics,
        made.space.costs,
        made.space.splits,
    )
    assert np.array_equal(read.costs["macs_m"], made.costs["macs_m"])
    for split, measured in made.splits.items():
        assert np.array_equal(read.splits[split].metrics["accuracy"], measured.metrics["accuracy"])
        assert np.array_equal(read.splits[split].standard_errors["accuracy"], measured.standard_errors["accuracy"])
    below = gzip.decompress(path.read_bytes()).partition(b"\n")[2]
    assert read.space.data_hash == hashlib.sha256(below).hexdigest()
    assert read.space.provenance == f"part.csv.gz, SHA-256 {read.sha256}; measured on weights.pth, made up"
    again = tmp_path / "again.csv.gz"
    with again.open("wb") as file:
        bank_table.write(file, made)
    assert again.read_bytes() == path.read_bytes()
    assert path.read_bytes()[4:8] == bytes(4)  # no time in it


def test_a_notebook_reads_it_as_a_table(path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(path, comment="#")
    assert list(table.columns) == [
        *("r", "d[0]", "d[1]", "ks[0]", "ks[1]", "macs_m", "search_accuracy", "search_accuracy_se"),
        *("test_accuracy", "test_accuracy_se", "seconds", "architecture"),
    ]
    assert np.allclose(table["test_accuracy"], bank().splits["test"].metrics["accuracy"])
    assert isinstance(WHOLE.parse(table["architecture"][7]), type(WHOLE.parse(bank().architectures[7])))


def configuration(path: Path, **more: Any) -> config.Configuration:
    return config.Configuration(cache_dir=path.parent, analognas=False, banks={"part": path}, **more)


def served(path: Path) -> Backend:
    (backend,) = catalogue.load(configuration(path))
    assert not isinstance(backend, Unavailable)
    return backend


def test_every_member_is_served_with_its_numbers(path: Path, serve: Callable[..., Client]) -> None:
    client, made = serve([served(path)]), bank()
    space = client.describe("part")
    assert [split.data for split in space.splits] == ["abc", "def"]
    texts = [member.text for member in tied.members(made.space)]
    costs = client.cost("part", space.digest, texts)
    assert [dict(each.costs) for each in costs] == [{"macs_m": value} for value in made.costs["macs_m"]]
    for split, measured in made.splits.items():
        answers = list(client.evaluate("part", space.digest, texts, split))
        found = [answer.outcome.measurement for answer in answers]
        assert [each.metrics["accuracy"] for each in found] == measured.metrics["accuracy"].tolist()
        assert [each.standard_errors["accuracy"] for each in found] == measured.standard_errors["accuracy"].tolist()
        assert {each.seconds for each in found} == {0.0}
    status, text = status_of(lambda: list(client.evaluate("part", space.digest, [made.architectures[0]])))
    assert status == "INVALID_ARGUMENT"
    assert '"d" needs 2 entries' in text


def test_it_is_served_without_pytorch(path: Path) -> None:
    (path.parent / "evaluator.yaml").write_text(
        f"analognas: false\nbanks: {{part: {path.name}}}\ncheckpoints: {{ofa-scenes: none.pth}}\n"
    )
    code = (
        "import sys; sys.modules['torch'] = None; from collm_nas_evaluator import __main__; "
        f"sys.exit(__main__.main(['spaces', '--config', {str(path.parent / 'evaluator.yaml')!r}]))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE_ROOT, check=True)
    supernet, part = ran.stdout.splitlines()
    assert "torch is not installed" in supernet
    assert part.startswith("part  32 architectures; splits: search, test; part.csv.gz, SHA-256 ")


def test_a_bank_of_another_checkpoint_is_refused(path: Path) -> None:
    weights = path.parent / "weights.pth"
    weights.write_bytes(b"others")
    measured = bank_table.read(path).supernet
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "_supernets", lambda _: [])
        (refused,) = catalogue.load(configuration(path, checkpoints={"whole": weights}))
        (elsewhere,) = catalogue.load(configuration(path, checkpoints={"another": weights}))
        (missing,) = catalogue.load(configuration(path, checkpoints={"whole": path.parent / "none.pth"}))
    assert isinstance(refused, Unavailable)
    assert refused.reason == (
        f"{path} was measured on another checkpoint (SHA-256 {measured.checkpoint[:12]}…) than checkpoints.whole names "
        f"({hashlib.sha256(b'others').hexdigest()[:12]}…); take the checkpoint of the bank, or measure again with "
        "collm-nas-evaluator measure-bank"
    )
    assert not isinstance(elsewhere, Unavailable)
    assert not isinstance(missing, Unavailable)


def test_a_missing_file_and_another_name_are_said(path: Path) -> None:
    (entry,) = catalogue.load(configuration(path.parent / "none.csv.gz"))
    assert isinstance(entry, Unavailable)
    assert "none.csv.gz; make it with collm-nas-evaluator measure-bank, or correct the configuration" in entry.reason
    with pytest.raises(TableDamaged, match=r"it is the bank part; write banks\.part in its place"):
        catalogue.load(config.Configuration(cache_dir=path.parent, analognas=False, banks={"mine": path}))
    name, none = "nasbench201-cifar10", path.parent / "none"
    with pytest.raises(UsageError, match=f"banks.{name} has the id of another space; measure the bank again with"):
        catalogue.load(dataclasses.replace(configuration(path), banks={name: none}, nasbench201_table=none))
    with pytest.raises(TableMissing):
        bank_table.read(path.parent / "none.csv.gz")
    with pytest.raises(UsageError, match="Is a directory"):
        bank_table.read(path.parent)


# ----- a file that is not what it was -----

Change = Callable[[list[str]], None]


def signed(lines: list[str]) -> bytes:
    """A file of these lines, with a first line that fits them: what only a strict reading finds."""
    below = "\n".join(lines[1:]).encode()
    lines[0] = f"# collm-nas bank 1, SHA-256 of the lines below: {hashlib.sha256(below).hexdigest()}"
    return gzip.compress(f"{lines[0]}\n".encode() + below)


def field(line: int, number: int, text: str) -> Change:
    def change(lines: list[str]) -> None:
        head, quote, architecture = lines[line].partition(',"')
        fields = head.split(",")
        fields[number] = text
        lines[line] = ",".join(fields) + quote + architecture

    return change


def head(*place: str | int, value: Any) -> Change:
    def change(lines: list[str]) -> None:
        described = json.loads(lines[1][2:])
        inside = described
        for each in place[:-1]:
            inside = inside[each]
        inside[place[-1]] = value
        lines[1] = f"# {json.dumps(described)}"

    return change


def without(line: int) -> Change:
    return lambda lines: lines.__delitem__(line)


def twice(lines: list[str]) -> None:
    """Gives a member the architecture of the one before it."""
    lines[5] = lines[5].partition(',"')[0] + ',"' + lines[4].partition(',"')[2]


MACS, SEARCH, ERROR, SECONDS = 5, 6, 7, 10


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (field(FIRST_ROW, SEARCH, "100.1"), "line 4: search_accuracy is 100.1, not a percentage"),
        (field(FIRST_ROW, SEARCH, "-1"), "line 4: search_accuracy is -1, not a percentage"),
        (field(9, SEARCH, "nan"), "line 10: search_accuracy is 'nan', not a finite number"),
        (field(9, SEARCH, "1e999"), "line 10: search_accuracy is '1e999', not a finite number"),
        (field(9, MACS, ""), "line 10: macs_m is '', not a finite number"),
        (field(9, MACS, "-1"), "line 10: macs_m is -1, below 0"),
        (field(9, ERROR, "-0.1"), "line 10: search_accuracy_se is -0.1, below 0"),
        (field(9, SECONDS, "-2"), "line 10: seconds is -2, below 0"),
        (field(9, 0, "48"), "line 10: the choices are 48,1,2,7,3, and .* is next"),
        (field(2, 5, "flops_m"), "line 3, column [0-9]+: the columns are r,.* but have to be r,.*macs_m"),
        (without(9), "line 10: the choices are .* is next"),
        (lambda lines: lines.__delitem__(slice(-4, None)), "line 33: the file ends here, after 29 of 32 members"),
        (lambda lines: lines.insert(-1, lines[-2]), "line 36: more lines than the 32 members"),
        (lambda lines: lines.insert(5, ""), "line 6: a blank line, and rows below it"),
        (lambda lines: lines.__setitem__(6, lines[6] + ",1"), "line 7: 13 columns instead of 12"),
        (lambda lines: lines.__setitem__(6, '"' + lines[6]), "line .*: no CSV"),
        (twice, "line 6: its architecture is that of line 5"),
        (without(1), "line 2: not the description of a bank"),
        (lambda lines: lines.__setitem__(1, "# {"), "line 2: not the description of a bank"),
        (lambda lines: lines.__setitem__(1, "# " + "[" * 100_000), "line 2: not the description of a bank"),
        (lambda lines: lines.__setitem__(1, "# []"), r"line 2: not the description of a bank \(\[\] is not an object"),
        (head("definition", value=3), "line 2: not the description of a bank .3 is not an object"),
        (head("space", "title", value=3), "line 2: not the description of a bank .3 is not a text"),
        (head("space", "dimensions", 0, "choices", value=["32", "32"]), "line 2: not the .* a choice is listed twice"),
        (
            head("space", "dimensions", 1, "groups", 0, "size", value=10**9),
            "line 2: not the .*1000000000 is not a number",
        ),
        (head("space", "dimensions", 0, "numeric", value="yes"), 'line 2: not the .*"yes" is not true or false'),
        (head("supernet", value={}), "line 2: the description has no 'space'"),
        (head("supernet", "checkpoint", value="abc"), "line 2: .*supernet.checkpoint is no SHA-256"),
        (head("standard_errors", value=["top5"]), "line 2: .*standard_errors names what is no metric"),
        (head("members", value=31), "line 2: the space of the description has 32 members, not 31"),
    ],
)
def test_a_changed_file_is_refused_with_line_and_next_step(change: Change, what: str, path: Path) -> None:
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")
    change(lines)
    path.write_bytes(signed(lines))
    with pytest.raises(TableDamaged, match=f"{what}.*; get the file again, or make it again with .* measure-bank") as e:
        bank_table.read(path)
    assert "\n" not in str(e.value)
    assert len(str(e.value)) < 1500


def edited(content: bytes) -> bytes:
    """One digit of one number is another one, and everything is still in its place."""
    text = gzip.decompress(content)
    place = text.rindex(b"0.5,")
    return gzip.compress(text[:place] + b"0.6," + text[place + 4 :])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (edited, "line 1: the lines below are not as they were written"),
        (lambda content: content[: len(content) // 2], "line [0-9]+: the file ends here, cut off"),
        (lambda content: content[:-4], "line 36: the file ends here, cut off"),
        (lambda content: content + content, "bytes follow its end"),
        (lambda content: content[:400] + b"xx" + content[402:], "damaged|not as"),
        (gzip.decompress, "no bank but a text"),
        (lambda _: b"<html>", "no bank but a web page"),
        (lambda _: b"", "no bank but an empty file"),
        (lambda _: gzip.compress(b"a,b\n1,2\n"), "line 1: not the first line of a bank"),
        (lambda _: gzip.compress(b"\xff\n"), "line 1: byte 0xff is not UTF-8"),
        (lambda _: gzip.compress(bytes(65 << 20), 1), "has more than 67,108,864 bytes, unpacked"),
        (
            lambda content: gzip.compress(gzip.decompress(content).replace(b"bank 1", b"bank 2", 1)),
            "line 1: its form is 2, and this version reads 1",
        ),
    ],
)
def test_a_damaged_file_is_refused(change: Callable[[bytes], bytes], what: str, path: Path) -> None:
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(TableDamaged, match=f"({what}).*; get the file again, or make it again with"):
        bank_table.read(path)
