"""What the evaluator's image calls: its scripts, its health check and its sample configuration, without a container."""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import yaml
from client import PACKAGE_ROOT, PATIENCE_SECONDS, SERVICE, process
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from collm_nas_evaluator import config, flags

ROOT = PACKAGE_ROOT.parent
DOCKER = ROOT / "docker"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def run(*command: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """What a command came to, and its output; standard error comes with it."""
    return subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        env={**os.environ, **environment},
        check=False,
    )


def ask(address: str, **environment: str) -> tuple[int, str]:
    """The exit code of a health check and what it printed."""
    ended = run(sys.executable, DOCKER / "healthcheck.py", address, GRPC_VERBOSITY="NONE", **environment)
    return ended.returncode, ended.stdout


def read_requirements(name: str) -> str:
    """The text of a set of pinned requirements."""
    return (PACKAGE_ROOT / "requirements" / f"{name}.txt").read_text()


@contextmanager
def health_server(**statuses: int) -> Iterator[str]:
    """A server that says of each service the status it is given; gives its address."""
    server = grpc.server(ThreadPoolExecutor(2))
    checks = health.HealthServicer()
    for service, status in statuses.items():
        checks.set(service, health_pb2.HealthCheckResponse.ServingStatus.ValueType(status))
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@pytest.fixture
def stub(tmp_path: Path) -> tuple[Path, Path]:
    """A folder whose apt-get only writes down what it was asked, and the file it writes to."""
    folder, log = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    program = folder / "apt-get"
    lists = "${DEBIAN_FRONTEND-} $(ls -d ${2#Dir::State::Lists=} 2>/dev/null)"
    program.write_text(f'#!/bin/sh\necho "{lists} $*" >>"{log}"\ncase $* in *broken*) exit 100 ;; esac\n')
    program.chmod(0o755)
    return folder, log


# --- the environment ---


@pytest.mark.long
def test_an_environment_made_by_the_script_runs_the_evaluator(tmp_path: Path) -> None:
    venv = tmp_path / "a folder" / "venv"
    made = run(DOCKER / "install-evaluator.sh", venv, "light", "tables", COLLM_NAS_PYTHON=sys.executable)
    assert made.returncode == 0, made.stdout
    listed = run(venv / "bin" / "collm-nas-evaluator", "spaces")
    assert listed.returncode == 0, listed.stdout
    assert "analognas-baseline  15625 architectures" in listed.stdout
    # The pinned versions, from the files and from nowhere else.
    pinned = re.compile(r"^(\S+==\S+) \\$", re.M)  # without those for other systems
    wanted = {line for name in ("light", "tables") for line in pinned.findall(read_requirements(name))}
    listed = run(venv / "bin" / "python", "-I", "-m", "pip", "list", "--format=freeze")
    found = set(listed.stdout.lower().replace("_", "-").split())
    assert wanted <= found
    assert {line.partition("==")[0] for line in found - wanted} <= {"pip", "setuptools"}


def test_a_package_with_another_digest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    shutil.copy(DOCKER / "install-evaluator.sh", tmp_path / "docker")
    requirements = tmp_path / "python-evaluator" / "requirements"
    requirements.mkdir(parents=True)
    version = re.search(r"^platformdirs==\S+", read_requirements("light"), re.M)
    assert version
    wrong = hashlib.sha256(b"something else").hexdigest()
    (requirements / "wrong.txt").write_text(f"{version.group()} --hash=sha256:{wrong}\n")
    script = tmp_path / "docker" / "install-evaluator.sh"
    made = run(script, tmp_path / "venv", "wrong", COLLM_NAS_PYTHON=sys.executable)
    assert made.returncode != 0
    assert "DO NOT MATCH THE HASHES" in made.stdout
    assert not (tmp_path / "venv" / "bin" / "collm-nas-evaluator").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "usage: docker/install-evaluator.sh VENV SET"),
        (["{}/venv"], "usage: docker/install-evaluator.sh VENV SET"),
        (["{}/venv", "light", "supernet"], "no python-evaluator/requirements/supernet.txt"),
    ],
)
def test_a_wrong_call_makes_nothing(tmp_path: Path, arguments: list[str], said: str) -> None:
    made = run(DOCKER / "install-evaluator.sh", *[word.format(tmp_path) for word in arguments])
    assert (made.returncode, list(tmp_path.iterdir())) == (2, [])
    assert said in made.stdout


def test_an_old_python_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    made = run(DOCKER / "install-evaluator.sh", tmp_path / "venv", "light", COLLM_NAS_PYTHON=str(old))
    assert made.returncode == 2
    assert "needs Python 3.11 or newer" in made.stdout


def test_the_image_installs_sets_that_are_there() -> None:
    dockerfile = (DOCKER / "evaluator.Dockerfile").read_text()
    call = re.search(r"^RUN docker/install-evaluator\.sh (\S+) (.*)$", dockerfile, re.M)
    assert call
    venv, sets = call.groups()
    assert sets.split() == ["supernets", "tables"]
    assert all((PACKAGE_ROOT / "requirements" / f"{name}.txt").is_file() for name in sets.split())
    assert f'ENTRYPOINT ["{venv}/bin/collm-nas-evaluator"]' in dockerfile
    assert f'CMD ["{venv}/bin/python", "/opt/collm-nas/docker/healthcheck.py"]' in dockerfile


def test_every_command_that_serves_beyond_its_container_says_so_and_is_published_on_loopback() -> None:
    image = re.search(r"^CMD (\[\"serve\".*\])$", (DOCKER / "evaluator.Dockerfile").read_text(), re.M)
    assert image
    service = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["evaluator"]
    for words in (json.loads(image.group(1)), service["command"]):
        options = flags.read(words)
        assert (options.listen.port, options.config) == (50051, Path("/etc/collm-nas/evaluator.yaml"))
        assert options.listen.is_remote() == options.allow_remote
    assert service["ports"] == ["127.0.0.1:50051:50051"]


# --- the system ---


def test_system_packages_are_installed_without_what_they_recommend(stub: tuple[Path, Path]) -> None:
    folder, log = stub
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    made = run(DOCKER / "install-system.sh", "python3", "python3-venv", PATH=path)
    assert made.returncode == 0, made.stdout
    update, install, clean = log.read_text().splitlines()
    frontend, lists, *called = install.split()
    assert (frontend, called[:2]) == ("noninteractive", ["-o", f"Dir::State::Lists={lists}"])
    assert called[2:] == ["-qq", "install", "--yes", "--no-install-recommends", "python3", "python3-venv"]
    assert update.split()[1:] == [lists, "-o", f"Dir::State::Lists={lists}", "-qq", "update"]
    assert clean.split()[-1] == "clean"
    assert not Path(lists).exists()


def test_a_package_that_cannot_be_installed_ends_the_build(stub: tuple[Path, Path]) -> None:
    folder, log = stub
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    assert run(DOCKER / "install-system.sh", "broken", PATH=path).returncode == 100
    assert "clean" not in log.read_text()
    assert run(DOCKER / "install-system.sh", PATH=path).returncode == 2


def test_folders_are_made_for_their_owner(tmp_path: Path) -> None:
    owner = (1000, 1000) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    folders = [tmp_path / "cache", tmp_path / "work" / "runs"]
    made = run(DOCKER / "make-folders.sh", f"{owner[0]}:{owner[1]}", *folders)
    assert made.returncode == 0, made.stdout
    assert [(each.stat().st_uid, each.stat().st_gid) for each in folders] == [owner, owner]
    assert run(DOCKER / "make-folders.sh", "1000:1000").returncode == 2


# --- health ---


def test_a_running_evaluator_is_healthy() -> None:
    with process("--listen", "127.0.0.1:0") as (_, ready):
        assert ask(ready["listening"]) == (0, "")


def test_no_proxy_is_used() -> None:
    nowhere = "http://127.0.0.1:9"
    with process("--listen", "127.0.0.1:0") as (_, ready):
        assert ask(ready["listening"], http_proxy=nowhere, https_proxy=nowhere, grpc_proxy=nowhere) == (0, "")


def test_an_evaluator_that_has_ended_is_not_healthy() -> None:
    with process("--listen", "127.0.0.1:0") as (started, ready):
        started.terminate()
        started.wait(timeout=PATIENCE_SECONDS)
    code, said = ask(ready["listening"])
    assert code == 1
    assert said.startswith(f"the evaluator at {ready['listening']} does not serve: UNAVAILABLE: ")
    assert said.count("\n") == 1


def test_a_server_that_says_so_is_not_healthy() -> None:
    with health_server(**{SERVICE: NOT_SERVING}) as address:
        assert ask(address) == (1, f"the evaluator at {address} does not serve: NOT_SERVING\n")
    with health_server(**{SERVICE: SERVING}) as address:
        assert ask(address) == (0, "")


def test_another_server_is_not_healthy() -> None:
    with health_server(other=SERVING) as address:
        code, said = ask(address)
    assert code == 1
    assert "NOT_FOUND" in said


def test_a_port_that_never_answers_is_not_healthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        code, said = ask(f"127.0.0.1:{silent.getsockname()[1]}")
    assert code == 1
    assert re.search("DEADLINE_EXCEEDED|UNAVAILABLE", said)


# --- the sample configuration ---


def test_the_sample_configuration_names_every_mount() -> None:
    sample = config.read(DOCKER / "evaluator.yaml")
    spaces = ["ofa-w1.0", "ofa-w1.2", "spos", "autoformer-tiny", "autoformer-small", "autoformer-base"]
    assert list(sample.checkpoints) == spaces
    assert {path.parent for path in sample.checkpoints.values()} == {Path("/checkpoints")}
    images = config.Folders(val=Path("/data/imagenet/val"), train=Path("/data/imagenet/train"))
    assert sample == config.Configuration(cache_dir=Path("/cache"), checkpoints=sample.checkpoints, images=images)
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    targets = [each["target"] for each in compose["services"]["evaluator"]["volumes"] if isinstance(each, dict)]
    assert targets == ["/etc/collm-nas/evaluator.yaml", "/data/imagenet", "/checkpoints"]
