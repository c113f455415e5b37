"""Whether a supernet of a user can be searched: a good one, and one that is broken for each thing that is checked."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import slimmable
import torch
import torch.nn.functional as F  # noqa: N812
from client import PACKAGE_ROOT, Client
from slimmable import Slimmable, batches
from torch import Tensor, nn

import collm_nas as nas
from collm_nas_evaluator import catalogue, config
from collm_nas_evaluator.__main__ import main
from collm_nas_evaluator.backends.base import Unavailable
from collm_nas_evaluator.errors import UsageError as EvaluatorUsageError
from collm_nas_evaluator.findings import Findings

VAL, CALIBRATE = batches(), batches(120, 40, 1)
TESTS = Path(__file__).parent


def check(supernet: nas.Supernet, **options: Any) -> Findings:
    return nas.check_supernet(supernet, **{"samples": 10, "val": VAL, "calibrate": CALIBRATE, **options})


def test_a_good_one_can_be_searched_and_everything_is_said_in_a_line() -> None:
    findings = check(Slimmable(), costs={"macs_m": lambda arch: 0.5, "layers": lambda arch: 2})
    assert findings["costs"].verdict == "falls short"
    assert "macs_m" in findings["costs"].text
    unusable = check(Slimmable(), costs={"layers": lambda arch: None})["costs"]
    assert (unusable.verdict, unusable.text[:14]) == ("falls short", 'cost "layers" ')
    good = check(Slimmable(), test=batches(240, 40, 3), samples=36, budget=10)
    assert good.usable, good
    assert [each.name for each in good.findings] == [
        *("legal samples", "A, B, A", "shared weights", "costs", "batch norm", "supernet unchanged", "two processes"),
        *("noise", "spread", "gain", "splits", "slots", "cost flops_m", "cost params_m", "time"),
    ]
    assert "another process finds the same accuracy" in good["two processes"].text
    assert "16 bytes more memory for a subnet of" in good["shared weights"].text
    assert "% of the pairs differ" in good["spread"].text
    numbers = re.findall(r"[0-9.]+", good["batch norm"].text)
    assert float(numbers[0]) > float(numbers[1]) + 2
    assert good.closing.startswith("It can be searched. It cannot tell searchers apart with 10 evaluations: ")
    assert not good.tells
    assert all(len(line) <= 80 for line in str(good).splitlines())
    told = good.telling
    assert told is not None
    assert told.noise is not None
    assert (told.noise.is_paired, told.noise.images, told.architectures) == (True, 240, 36)
    assert told.noise.difference < 1.42 * told.noise.one
    assert told.orders is not None
    assert told.orders.in_best == 9


class Fresh(Slimmable):
    """Weights of its own."""

    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        return slimmable.Subnet(slimmable.Shared(), arch["kernel"], arch["width"])


class FreshHead(Slimmable):
    """Shares everything but the head, which is random."""

    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        network = super().subnet(arch)
        network.head = nn.Linear(arch["width"][-1], slimmable.CLASSES)
        return network


class SeededBody(Slimmable):
    """Has the head of the supernet, and a body that is always the same one of its own."""

    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            own = slimmable.Shared()
        own.head = self.net.head
        return slimmable.Subnet(own, arch["kernel"], arch["width"])


class Copying(Slimmable):
    """Gives copies of the supernet's weights."""

    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        network = super().subnet(arch)
        for parameter in network.parameters():
            parameter.data = parameter.data.clone()
        return network


class Dropping(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.3, training=True)


class Noisy(Slimmable):
    """Drops at random in evaluation, too."""

    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        return nn.Sequential(Dropping(), super().subnet(arch))


class Remembers(Slimmable):
    """Something of each subnet stays in the next one, though no weight of the supernet changes."""

    def __init__(self) -> None:
        super().__init__()
        self.before = [8, 8]

    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        network = super().subnet(arch)
        if self.before == [8, 8] and isinstance(network, slimmable.Subnet):
            network.kernels = [7, 7]
        self.before = arch["width"]
        return network


class Changes(Slimmable):
    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        with torch.no_grad():
            self.net.head.bias.mul_(1.01)
        return super().subnet(arch)


class Trains(Slimmable):
    """Its network updates the supernet's statistics in evaluation."""

    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        network = super().subnet(arch)
        for norm in network.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.eval = norm.train  # type: ignore[method-assign]
                norm.train = lambda mode=True, norm=norm: norm  # type: ignore[method-assign,misc]
        return network


class OtherClasses(Slimmable):
    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        return nn.Sequential(super().subnet(arch), nn.ConstantPad1d((0, 3), 0.0))


class SomeClasses(Slimmable):
    """Another number of classes for some architectures."""

    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        network = super().subnet(arch)
        return network if arch["kernel"] != [5, 3] else nn.Sequential(network, nn.ConstantPad1d((0, 3), 0.0))


class NoModule(Slimmable):
    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        return super().subnet(arch).state_dict()  # type: ignore[return-value]


class Pairs(Slimmable):
    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        network = super().subnet(arch)
        forward = network.forward
        network.forward = lambda images: (forward(images), None)
        return network


class NotFinite(Slimmable):
    def __init__(self) -> None:
        super().__init__()
        torch.nn.init.constant_(self.net.head.bias, float("nan"))


class Untrained(Slimmable):
    """All subnets answer the same."""

    def __init__(self) -> None:
        super().__init__()
        torch.nn.init.zeros_(self.net.head.weight)
        torch.nn.init.ones_(self.net.head.bias)
        with torch.no_grad():
            self.net.head.bias[2] = 2


class ElsewhereOther(Slimmable):
    """Another supernet each time it is unpacked or made."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        torch.nn.init.normal_(self.net.head.weight)


BROKEN = [
    (Fresh, "shared weights", "a network with weights of its own"),
    (FreshHead, "one number", "head.weight is random"),
    (SeededBody, "shared weights", "of its parameters from the supernet; the others are its own"),
    (Noisy, "one number", r"0 \(Dropping\) changes its output between two calls"),
    (Remembers, "A, B, A", "something is left from the subnet before"),
    (Changes, "supernet unchanged", "net.head.bias has other values than before"),
    (Trains, "supernet unchanged", "net.norms.0.running_mean has other values than before"),
    (OtherClasses, "classes", "subnets give 9 classes, and val has 6 classes"),
    (SomeClasses, "legal samples", "it gives 9 classes, and others give 6"),
    (NoModule, "legal samples", "subnet returned a collections.OrderedDict; it must return a torch.nn.Module"),
    (Pairs, "legal samples", "returns a tuple; it must return the logits"),
    (NotFinite, "scores", "NaN or infinite logits for 240 of 240 images"),
    (Untrained, "spread", "a search can hardly tell them apart"),
    (ElsewhereOther, "two processes", "in another process: something is random"),
]


@pytest.mark.parametrize(("broken", "name", "text"), BROKEN, ids=lambda each: getattr(each, "__name__", ""))
def test_what_is_broken_is_found_and_named(broken: type[Slimmable], name: str, text: str) -> None:
    findings = check(broken())
    assert not findings.usable, findings
    short = {each.name: each.text for each in findings.findings if each.verdict == "falls short"}
    assert name in short, findings
    assert re.search(text, short[name]), short[name]


def test_copies_are_usable_and_so_are_statistics_of_the_subnet() -> None:
    findings = check(Copying(), calibrate=False)
    assert findings.usable, findings
    notes = {each.name: each.text for each in findings.findings if each.verdict == "note"}
    assert sorted(notes) == ["batch norm", "shared weights", "splits"]
    assert "subnets are copies of the supernet's weights" in notes["shared weights"]
    assert notes["batch norm"] == "the statistics stay as the subnet has them (calibrate=False)"


def test_batch_norm_without_calibration_data_falls_short() -> None:
    missing = check(Slimmable(), calibrate=None)
    assert [(each.name, each.verdict) for each in missing.findings] == [("batch norm", "falls short")]


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(nas.UsageError, match="there is no option calibrat="):
        nas.check_supernet(Slimmable(), calibrat=CALIBRATE)


MODULE = """
from slimmable import Slimmable, batches


class Mine(Slimmable):
    def __init__(self):
        super().__init__()
        self.val, self.calibrate = batches(), batches(120, 40, 1)


def without_norm_data():
    made = Mine()
    made.calibrate = None
    return made


broken = 1 / 4


def fails():
    raise OSError("no weights here")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module of a user in it."""
    name = f"mine_{random.randrange(10**9)}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}:{PACKAGE_ROOT}")
    return tmp_path / name


def test_the_command_checks_a_supernet_of_the_current_folder(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    arguments = ["check", f"{folder.name}:Mine", "--samples", "10", "--device", "cpu", "--json"]
    assert main(arguments) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["usable"], found["tells"]) == (True, False)
    assert "a budget of 100 is for a space of 36 architectures (more than the budget needed)" in found["closing"]
    assert {"name": "two processes", "verdict": "ok", "text": "another process finds the same accuracy"} in found[
        "findings"
    ]
    assert main(["check", f"{folder.name}:without_norm_data", "--device", "cpu"]) == 5
    assert capsys.readouterr().out.splitlines()[-1] == "It cannot be searched like this."
    for spec, text in (
        (f"{folder.name}", "is not MODULE:NAME, such as my_module:Mine"),
        ("nothing_here:Mine", "there is no module nothing_here"),
        (f"{folder.name}:Min", "has no Min"),
        (f"{folder.name}:broken", "is a float; name a class"),
        (f"{folder.name}:fails", "cannot be made: OSError: no weights here (raised by fails in"),
        (f"{folder.name}:Slimmable", "val is missing"),
    ):
        assert main(["check", spec, "--device", "cpu"]) == 2
        assert text in capsys.readouterr().err


def test_the_command_serves_a_supernet_of_the_current_folder_and_a_configuration_names_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = f"{folder.name}:Mine"
    command = [sys.executable, "-m", "collm_nas_evaluator", "serve", "--supernet", spec, "--device", "cpu"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, text=True, cwd=folder.parent) as started:
        try:
            assert started.stdout is not None
            ready = json.loads(started.stdout.readline())
            assert ready["spaces"] == 1
            client = Client(ready["listening"])
            digest = client.describe("slimmable").digest
            client.close()
        finally:
            started.kill()
    yaml = folder.parent / "evaluator.yaml"
    yaml.write_text(f"supernet: {{class: '{spec}'}}\nanalognas: false\ndevice: cpu\ncache_dir: cache\n")
    (entry,) = catalogue.load(config.read(yaml))
    assert not isinstance(entry, Unavailable)
    assert entry.describe().digest == digest
    yaml.write_text("supernet: {val: images}\n")
    with pytest.raises(EvaluatorUsageError, match=r"supernet.val needs supernet.class beside it"):
        config.read(yaml)


def test_the_class_is_there_without_pytorch() -> None:
    code = "import sys, collm_nas as nas\nnas.Supernet, nas.search_supernet, nas.check_supernet\n"
    code += "print('torch' in sys.modules, 'grpc' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE_ROOT)
    assert ran.stdout == "False False\n"
