"""The wheel as a user has it: installed into an empty environment outside the checkout, where no Node is on PATH."""

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

import pytest
from client import PACKAGE_ROOT

Run = Callable[..., str]
MOST_BYTES = 6_000_000

PROGRAM = re.findall(r"^```python\n(.*?)^```$", (PACKAGE_ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)[0]
"""The example of the package's page."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as `npm run wheel` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=PACKAGE_ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment that has the wheel and what it depends on, at the versions that are tested."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    uv = str(Path(sys.executable).with_name("uv"))
    locked = PACKAGE_ROOT / "requirements"
    install = ["pip", "install", "--python", str(folder / "bin/python")]
    for command in (
        ["venv", "--python", sys.executable, str(folder)],
        [*install, "--constraint", str(locked / "test.txt"), str(wheel)],
        [*install, "--no-deps", "-r", str(locked / "tables.txt")],
    ):
        ran = subprocess.run([uv, *command], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    return folder / "bin"


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Run:
    """Runs an installed command in an empty folder; gives what it printed."""

    def ran(*command: str, code: int = 0) -> str:
        done = subprocess.run(
            [str(installed / command[0]), *command[1:]],
            cwd=tmp_path,
            env={"PATH": str(installed), "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    return ran


def test_the_wheel_is_small_and_says_what_it_is(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [about] = [name for name in names if name.endswith("/METADATA")]
        metadata = message_from_bytes(archive.read(about))
        licences = archive.read("collm_nas/_control/licences.txt").decode()
    assert {"collm_nas/py.typed", "collm_nas_evaluator/py.typed"} <= names
    assert not [name for name in names if "/tests/" in name or name.startswith("tests/") or "node_modules" in name]
    assert (metadata["Name"], metadata["License-Expression"]) == ("collm-nas", "MIT")
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)
    assert "@grpc/grpc-js" in licences
    assert "Apache License" in licences


def test_the_commands_run_on_the_node_that_the_package_brings(run: Run, installed: Path) -> None:
    version = json.loads((PACKAGE_ROOT.parent / "package.json").read_text())["version"]
    assert run("collm-nas", "--version") == f"{version}\n"
    assert run("collm-nas-evaluator", "--version") == f"{version}\n"
    files = "from collm_nas import control; print(control.node()); print(control.packaged('search.schema.json'))"
    node, schema = run("python", "-c", files).splitlines()
    assert Path(node).is_relative_to(installed.parent)
    # The schema, the presets, and by the contract the evaluator of this Python are found.
    assert json.loads(Path(schema).read_text()) == json.loads(run("collm-nas", "schema", "search"))
    said = run("collm-nas", "run", "presets/spos.yaml", "--out", "run", code=2)
    assert 'has no space "spos"' in said


def test_what_is_not_in_the_wheel_is_named_in_one_line(run: Run) -> None:
    feed = run("collm-nas", "run", "--space", "a", "--out", "run", "--feed", "tcp://127.0.0.1:*", code=2)
    assert re.fullmatch(r"collm-nas: the feed needs the package zeromq.*`npm install .* zeromq@6`.*\n", feed)
    model = run("python", "-c", "from collm_nas_evaluator.errors import PackageMissing as P; print(P('torch'))")
    assert model == 'torch is not installed: run `pip install "collm-nas[supernets]"`\n'


def test_a_search_from_python_runs_and_its_run_is_read_by_the_commands(run: Run, tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(PROGRAM.replace("budget=60", 'budget=20, out="first"'))
    assert "{'kernel': [" in run("python", "first.py")
    shown = json.loads(run("collm-nas", "show", "first", "--json"))
    assert (shown["status"], shown["spend"]["evaluations"]) == ("ended", 20)
    run("collm-nas", "report", "first", "--out", "report.html")
    assert "<svg" in (tmp_path / "report.html").read_text()


def test_a_run_on_the_installed_table_shows_its_page(run: Run) -> None:
    flags = ["--space", "analognas-baseline", "--searcher", "random", "--budget", "5", "--out", "run"]
    said = run("collm-nas", "run", *flags, "--dashboard")
    assert re.search(r"^page on http://127\.0\.0\.1:", said, re.MULTILINE), said
    assert re.search(r"accuracy \d\d\.\d\d %", said)
    # What it suggests next is the command as it is installed.
    assert re.search(r"^Next +collm-nas show ", said, re.MULTILINE)


def test_a_file_of_a_user_is_checked_by_the_types_of_the_package(installed: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(
        "import collm_nas as nas\n\n"
        "space = nas.Space(width=nas.choice([16, 24]))\n\n\n"
        "def score(arch: nas.Architecture) -> float:\n"
        '    return float(arch["width"])\n\n\n'
        "def best() -> float:\n"
        '    result = nas.search(space, score, costs={"params_m": score}, limits={"params_m": 20}, budget=2)\n'
        "    return result.best.value\n"
    )
    bad.write_text('import collm_nas as nas\n\nnas.search(nas.Space(width=nas.choice([1])), "score", budget="2")\n')
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file=", "--python-executable"]
    checked = subprocess.run(
        [*mypy, str(installed / "python"), str(good), str(bad)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line.split(":")[0] for line in checked.stdout.splitlines() if ": error:" in line]
    assert found == ["bad.py", "bad.py"], checked.stdout + checked.stderr
