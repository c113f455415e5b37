"""The process: what it prints, how it ends, and that no mistake of a person shows a traceback."""

import dataclasses
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client import PACKAGE_ROOT, PATIENCE_SECONDS, Client, process
from PIL import Image

from collm_nas_evaluator import errors, flags, retrain_spos

COMMAND = [sys.executable, "-m", "collm_nas_evaluator"]


def run(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=PATIENCE_SECONDS, cwd=PACKAGE_ROOT, check=False
    )


def ended(started: Any) -> tuple[int, str]:
    """The exit code of a process that is ending, and what was left on standard error."""
    code = started.wait(timeout=PATIENCE_SECONDS)
    return code, started.stderr.read()


def test_it_says_in_one_line_where_it_listens() -> None:
    with process("--listen", "127.0.0.1:0") as (started, ready):
        assert ready["pid"] == started.pid
        assert ready["spaces"] == 5
        client = Client(ready["listening"])
        assert [space.id for space in client.list_spaces().spaces] == [
            "analognas-baseline", "analognas-ptq", "analognas-qat", "analognas-noisy", "analognas-analog",
        ]  # fmt: skip
        client.close()
        started.terminate()
        assert started.stdout.read() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_without_a_word(number: signal.Signals) -> None:
    with process() as (started, _):
        started.send_signal(number)
        assert ended(started) == (0, "")


def test_a_signal_while_it_starts_shows_no_traceback() -> None:
    pipe = subprocess.PIPE
    for delay in (0.1, 0.2, 0.4):
        with subprocess.Popen([*COMMAND, "serve"], stdout=pipe, stderr=pipe, text=True, cwd=PACKAGE_ROOT) as started:
            time.sleep(delay)
            started.terminate()
            _, said = started.communicate(timeout=PATIENCE_SECONDS)
            assert "Traceback" not in said


def test_it_ends_with_its_standard_input_on_request() -> None:
    with process("--exit-with-stdin") as (started, _):
        started.stdin.write("ignored\n")
        started.stdin.flush()
        time.sleep(0.2)
        assert started.poll() is None
        started.stdin.close()
        assert ended(started) == (0, "")


def test_it_outlives_its_standard_input_otherwise() -> None:
    with process() as (started, _):
        started.stdin.close()
        time.sleep(0.3)
        assert started.poll() is None


def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent_code = (
        "import subprocess, time\n"
        f"command, pipe = [*{COMMAND!r}, 'serve', '--exit-with-stdin'], subprocess.PIPE\n"
        "child = subprocess.Popen(command, stdin=pipe, stdout=pipe)\n"
        "child.stdout.readline(); print(child.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent_code], stdout=subprocess.PIPE, text=True, cwd=PACKAGE_ROOT
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (
        Path(f"/proc/{child}/stat").exists()
        and Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["train"], "invalid choice: 'train'"),
        (["serve", "--port", "1"], "unrecognized arguments: --port 1"),
        (["serve", "--exit"], "unrecognized arguments: --exit"),
        (["serve", "--listen", "50051"], "is not HOST:PORT"),
        (["serve", "--listen", "localhost:70000"], "is not HOST:PORT"),
        (["serve", "--listen", "no host:0"], "cannot listen on no host:0"),
        (["serve", "--listen", "0.0.0.0:0"], "--listen 0.0.0.0:0 can be reached by other machines"),
        (["serve", "--config", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["spaces", "--config", "."], "cannot be read: Is a directory"),
        (["cache-images"], "the following arguments are required: --config"),
        (["import-nasbench201"], "the following arguments are required: PATH"),
        (["retrain", "{}", "--train", "a", "--val", "b"], "the following arguments are required: --folder"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: list[str], what: str) -> None:
    ran = run(*arguments)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.startswith("collm-nas-evaluator: ")
    assert what in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_taken_port_is_one_line_and_exit_code_2() -> None:
    with process() as (_, ready):
        ran = run("serve", "--listen", ready["listening"])
    assert ran.returncode == 2
    assert ran.stderr == (
        f"collm-nas-evaluator: cannot listen on {ready['listening']}; "
        "choose a free port with --listen, or port 0 for any\n"
    )


def test_a_damaged_table_is_refused_before_serving(
    table_rows: list[list[str]], write: Callable[[str, list[list[str]]], Path], tmp_path: Path
) -> None:
    table_rows[9][4] = "105"
    path = write("table.csv", table_rows)
    (tmp_path / "evaluator.yaml").write_text("nasbench201:\n  csv: table.csv\ncache_dir: cache\n")
    ran = run("serve", "--config", str(tmp_path / "evaluator.yaml"))
    assert ran.returncode == 2
    what = "line 10, column c100_valid_200: 105 is not an accuracy from 0 to 100 (percent)"
    assert ran.stderr == f"collm-nas-evaluator: {path}, {what}\n"


def test_spaces_lists_what_would_be_served(tmp_path: Path) -> None:
    (tmp_path / "evaluator.yaml").write_text("nasbench201: {csv: nowhere.csv}\n")
    ran = run("spaces", "--config", str(tmp_path / "evaluator.yaml"))
    assert ran.returncode == 0
    lines = ran.stdout.splitlines()
    assert len(lines) == 11
    assert f"nasbench201-cifar100-e12  unavailable: there is no file {tmp_path / 'nowhere.csv'}" in lines[4]
    assert lines[6].startswith("analognas-baseline  15625 architectures; splits: search; analog-nasbench 0.1.3")


@pytest.mark.parametrize("left", [0, 1, 2])
def test_too_many_open_files_are_one_line_and_no_traceback(left: int) -> None:
    code = (
        "import os, resource, sys\n"
        "from collm_nas_evaluator.__main__ import main\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        f"held = [os.dup(0) for _ in range(64 - 3 - {left})]\n"
        "sys.exit(main(['spaces']))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        cwd=PACKAGE_ROOT,
        check=False,
    )
    if result.returncode == 0:
        assert left > 0
        return
    assert result.returncode == 2
    assert re.fullmatch(
        r"collm-nas-evaluator: cannot open \S+: too many files are open \(EMFILE\); .*ulimit -n 4096.*\n", result.stderr
    )


def test_the_machine_may_have_too_many_open_files_too() -> None:
    full = OSError(errno.ENFILE, "Too many open files in system")
    assert errors.is_out_of_files(full)
    assert errors.out_of_files(full) == (
        "cannot continue: too many files are open on this machine (ENFILE); close other programs, then start again"
    )
    assert not errors.is_out_of_files(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    assert not errors.is_out_of_files(ValueError("24"))


def test_a_reader_that_leaves_is_no_error() -> None:
    with subprocess.Popen(
        [*COMMAND, "spaces"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PACKAGE_ROOT
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()
        assert started.stderr.read() == ""
        assert started.wait(timeout=PATIENCE_SECONDS) == 0


def test_version_and_help_are_answered() -> None:
    assert run("--version").stdout == "0.1.0\n"
    assert "--exit-with-stdin" in run("serve", "--help").stdout
    assert os.linesep in run("--help").stdout


def pictures(folder: Path, classes: int, each: int) -> Path:
    """An image folder of plain colours."""
    for label in range(classes):
        (folder / f"{label}").mkdir(parents=True)
        for number in range(each):
            Image.new("RGB", (40, 40), (20 * label, 10 * number, 99)).save(folder / f"{label}" / f"{number}.png")
    return folder


def test_images_are_cached_once(tmp_path: Path) -> None:
    pictures(tmp_path / "images", classes=10, each=3)
    scenes = PACKAGE_ROOT.parent / "examples" / "scenes" / "ofa_scenes.pth"
    (tmp_path / "evaluator.yaml").write_text(
        f"checkpoints: {{ofa-scenes: {scenes}, spos: nothing}}\nimagenet: {{val: images, train: images}}\n"
        "analognas: false\ncache_dir: cache\n"
    )
    command = ["cache-images", "--config", str(tmp_path / "evaluator.yaml")]
    first = run(*command)
    assert first.returncode == 0, first.stderr
    assert first.stdout.count(": cached\n") == 10  # validation and calibration at five resolutions
    # One process for the others: each has to load PyTorch first.
    others = [[*command, "--space", space_id] for space_id in ("ofa-scenes", "spos", "ofa")]
    program = (
        "import sys; from collm_nas_evaluator.__main__ import main; print([main(each) for each in eval(sys.argv[1])])"
    )
    second = subprocess.run(
        [sys.executable, "-c", program, repr(others)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        cwd=PACKAGE_ROOT,
        check=False,
    )
    *said, codes = second.stdout.splitlines()
    assert codes == "[0, 2, 2]", second.stderr
    assert len(said) == 10
    assert all("already in" in each for each in said)
    unavailable, unknown = second.stderr.splitlines()
    assert "spos is unavailable: " in unavailable
    assert "--space ofa is not one of ofa-scenes, spos" in unknown


def test_a_stopped_retraining_says_so_and_how_to_continue(tmp_path: Path) -> None:
    images = str(pictures(tmp_path / "images", classes=2, each=8))
    folders = ["--train", images, "--val", images, "--folder", str(tmp_path / "out")]
    small = ["--classes", "2", "--batch", "4", "--pixels", "32", "--workers", "0", "--device", "cpu"]
    often = ["--checkpoint-every", "1", "--iterations", "9999"]
    command = [sys.executable, "-m", "collm_nas_evaluator", "retrain", json.dumps({"op": [0] * 20})]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, *folders, *small, *often], stdout=pipe, stderr=pipe, text=True, cwd=PACKAGE_ROOT
    ) as training:
        checkpoint = tmp_path / "out" / "checkpoint.pth.tar"
        until = time.monotonic() + PATIENCE_SECONDS
        while not checkpoint.exists() and training.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        training.send_signal(signal.SIGINT)
        _, said = training.communicate(timeout=PATIENCE_SECONDS)
    assert checkpoint.exists(), said
    assert training.returncode == 130
    assert said == "collm-nas-evaluator: stopped; the same command continues from here\n"


def test_the_help_of_retrain_shows_the_defaults() -> None:
    settings = {each.name: each.default for each in dataclasses.fields(retrain_spos.Settings)}
    for name, (kind, text) in flags.RETRAINING.items():
        assert text.endswith(f"(default {settings[name]})")
        assert isinstance(settings[name], kind)
