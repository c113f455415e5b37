"""Measuring a bank with real processes: killed and continued, then equal to what the supernet itself answers."""

import gzip
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import reduced
import yaml
from client import PATIENCE_SECONDS, Client
from PIL import Image
from waiting import wait_until

from collm_nas_evaluator import bank_making, catalogue, config, tied
from collm_nas_evaluator.backends.base import Unavailable
from collm_nas_evaluator.families import ofa
from collm_nas_evaluator.tables import bank_table

EARLY, LATE = {"early": ["stage 1", "stage 2"]}, {"late": ["stage 3", "stage 4", "stage 5"]}
PART = {
    "space": "ofa-scenes",
    "id": "scenes-bank",
    "dimensions": {
        "r": {"choices": [40]},
        "d": {"choices": [2], "slots": {"all": [*EARLY["early"], *LATE["late"]]}},
        "ks": {"choices": [3, 7], "slots": EARLY | LATE},
        "e": {"choices": [3, 6], "slots": EARLY | LATE},
    },
}
MEMBERS = 16
PROGRAM = (
    "import sys; from collm_nas_evaluator import __main__, commands; commands.SECONDS_BETWEEN = 0.0; "
    "sys.exit(__main__.main(sys.argv[1:]))"
)


@dataclass(frozen=True)
class Made:
    """A folder with images, a configuration and a bank, and what its making said."""

    folder: Path
    killed_after: int
    ran: "subprocess.CompletedProcess[str]"

    @property
    def bank(self) -> Path:
        return self.folder / "scenes-bank.csv.gz"


def command(folder: Path, *more: object) -> list[str]:
    arguments = ["measure-bank", folder / "part.yaml", "--config", folder / "evaluator.yaml", *more]
    return [sys.executable, "-c", PROGRAM, *map(str, arguments)]


def run(folder: Path, *more: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(folder, *more), capture_output=True, text=True, timeout=PATIENCE_SECONDS, cwd=folder, check=False
    )


def stored(folder: Path) -> int:
    with sqlite3.connect(folder / "cache" / "evaluations.sqlite") as store:
        found: int = store.execute("SELECT COUNT(*) FROM evaluations").fetchone()[0]
    return found


def children(process: int) -> list[str]:
    """The numbers of the processes that a process started."""
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def write_images(folder: Path) -> None:
    """Ten classes that differ in brightness, in noise: the answers differ from image to image."""
    source = np.random.RandomState(0)
    for split, each_class in (("train", 30), ("search", 8), ("test", 6)):
        for label in range(10):
            (folder / split / str(label)).mkdir(parents=True)
            for number in range(each_class):
                pixels = source.normal(25 * label, 60, (37, 37)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / str(label) / f"{number}.png")


def write_configuration(folder: Path, **more: object) -> None:
    images = {name: name for name in ("search", "train")} | {"val": "test"}
    keys = {"checkpoints": {"ofa-scenes": "random.pth"}, "imagenet": images, "device": "cpu", "analognas": False}
    (folder / "evaluator.yaml").write_text(yaml.safe_dump(keys | {"cache_dir": "cache"} | more))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A bank whose making was killed on its way, and then continued."""
    folder = tmp_path_factory.mktemp("bank")
    write_images(folder)
    size = ofa.MEMBERS["ofa-scenes"].size
    layout = ofa.layout(size["width"], int(size["classes"]))
    reduced.save(folder / "random.pth", {"state_dict": reduced.random_weights(layout)})
    write_configuration(folder)
    (folder / "part.yaml").write_text(yaml.safe_dump(PART))
    with subprocess.Popen(command(folder, "--processes", 2), stderr=subprocess.PIPE, text=True, cwd=folder) as killed:
        assert killed.stderr is not None
        for line in killed.stderr:
            if line.startswith("measure-bank: 3 of 16 members"):
                break
        processes = children(killed.pid)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert len(processes) >= 2
        wait_until(lambda: not any(Path(f"/proc/{each}").exists() for each in processes))
    assert not (folder / "scenes-bank.csv.gz").exists()
    return Made(folder, stored(folder) // 2, run(folder, "--processes", 1))


def test_a_killed_measuring_is_continued(made: Made) -> None:
    assert made.ran.returncode == 0, made.ran.stderr
    assert 3 <= made.killed_after < MEMBERS
    said = [line for line in made.ran.stderr.splitlines() if line.startswith("measure-bank: ")]
    assert said[0] == f"measure-bank: 1 of {MEMBERS} members"
    assert said[made.killed_after - 1] == f"measure-bank: {made.killed_after} of {MEMBERS} members"
    assert said[-1] == f"measure-bank: {MEMBERS} of {MEMBERS} members, 0 s left"
    assert made.ran.stdout == f"scenes-bank.csv.gz: 16 members, {made.bank.stat().st_size:,} bytes\n"
    assert stored(made.folder) == 2 * MEMBERS
    assert sorted(each.name for each in made.folder.glob("scenes-bank*")) == ["scenes-bank.csv.gz"]
    bank = bank_table.read(made.bank)
    assert (bank.seconds > 0).all()
    assert (bank.splits["test"].standard_errors["accuracy"] > 0).all()


def test_a_bank_answers_as_its_supernet(made: Made, serve: Callable[..., Client]) -> None:
    write_configuration(made.folder, banks={"scenes-bank": made.bank.name})
    entries = catalogue.load(config.read(made.folder / "evaluator.yaml"))
    assert not any(isinstance(each, Unavailable) for each in entries)
    bank = bank_table.read(made.bank)
    supernet, client = entries[0], serve(entries)
    supernet._store = None  # type: ignore[union-attr]
    whole, part = client.describe("ofa-scenes"), client.describe("scenes-bank")
    assert bank.supernet.digest == whole.digest
    assert [each.name for each in part.metrics] == [each.name for each in whole.metrics]
    assert list(part.costs) == list(whole.costs)
    assert list(part.splits) == list(whole.splits)
    texts = [f'{{"r":[40],"d":[2],"ks":[{early},{late}],"e":[3,6]}}' for early, late in ((3, 7), (7, 3))]
    places = [each.text for each in tied.members(bank.space)]
    full = [bank.architectures[places.index(text)] for text in texts]
    assert full[0].startswith('{"r":[40],"d":[2,2,2,2,2],"ks":[3,3,null,null,3,3,null,null,7,7,null,null,')
    for split in ("search", "test"):
        own = [each for each in client.evaluate("ofa-scenes", whole.digest, full, split) if each.HasField("outcome")]
        table = list(client.evaluate("scenes-bank", part.digest, texts, split))
        for one, other in zip(own, table, strict=True):
            assert one.outcome.measurement.seconds > 0
            assert dict(one.outcome.measurement.metrics) == dict(other.outcome.measurement.metrics)
            assert dict(one.outcome.measurement.standard_errors) == dict(other.outcome.measurement.standard_errors)
    own_costs = client.cost("ofa-scenes", whole.digest, full)
    assert [dict(each.costs) for each in own_costs] == [
        dict(each.costs) for each in client.cost("scenes-bank", part.digest, texts)
    ]


def test_members_differ_and_the_splits_too(made: Made) -> None:
    bank = bank_table.read(made.bank)
    accuracies = [bank.splits[split].metrics["accuracy"] for split in ("search", "test")]
    assert len(set(accuracies[0])) > 4
    assert accuracies[0].tolist() != accuracies[1].tolist()
    assert bank.splits["test"].metrics["images"].tolist() == [60.0] * MEMBERS
    assert "\r" not in gzip.decompress(made.bank.read_bytes()).decode()


def test_a_trial_writes_nothing(made: Made, tmp_path: Path) -> None:
    ran = run(made.folder, "--only", 4, "--processes", 1, "--out", tmp_path / "bank.csv.gz")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == (
        "4 of 16 members: all of these were measured before; take more with --only to see how long all take; "
        "nothing was written\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ([], "--out scenes-bank.csv.gz exists; name another file, or say --force to replace it"),
        (["--out", "part.yaml", "--force"], "--out part.yaml is what is to be read; name another file"),
        (["--processes", "0"], "'0' is not a whole number, at least 1"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_loaded(made: Made, more: list[str], what: str) -> None:
    ran = run(made.folder, *more)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert what in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_space_that_is_no_supernet_is_refused(made: Made, tmp_path: Path) -> None:
    (tmp_path / "part.yaml").write_text(yaml.safe_dump(PART | {"space": "scenes-bank"}))
    (tmp_path / "evaluator.yaml").write_text(f"banks: {{scenes-bank: {made.bank}}}\n")
    ran = run(tmp_path)
    assert ran.returncode == 2
    assert ran.stderr == (
        "collm-nas-evaluator: the configuration serves no supernet scenes-bank; set checkpoints.scenes-bank\n"
    )


def test_the_order_is_a_fixed_draw() -> None:
    assert sorted(bank_making.order(100)) == list(range(100))
    assert bank_making.order(100)[:10] == bank_making.order(100, 10) != list(range(10))
