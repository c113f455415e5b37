"""Which module may know what: the transport stays in the server, and serving tables never loads torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from client import PACKAGE_ROOT

from collm_nas_evaluator import families

PACKAGE = PACKAGE_ROOT / "collm_nas_evaluator"
WITH_TORCH = {
    *("hosting", "scoring", "batchnorm", "checkpoints", "imagenet", "imagenet_files", "crops", "retrain_spos"),
    *("network", "supernet"),
    *families.names(),
}
"""The modules that are loaded only when a supernet is served."""
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "evaluator_pb2.py"]


def imports_of(path: Path) -> set[str]:
    """The names of all modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_only_the_server_imports_grpc(path: Path) -> None:
    roots = {name.partition(".")[0] for name in imports_of(path)}
    assert not roots & {"grpc", "grpc_health"} or path.name == "server.py"
    assert not roots & {"torch", "torchvision", "cv2", "PIL"} or path.stem in WITH_TORCH


@pytest.mark.parametrize("name", ["space", "dimension"])
def test_a_space_is_pure(name: str) -> None:
    own = {each for each in imports_of(PACKAGE / f"{name}.py") if each.startswith("collm_nas_evaluator")}
    others = {each.partition(".")[0] for each in imports_of(PACKAGE / f"{name}.py") - own}
    assert others <= set(sys.stdlib_module_names)
    assert all(each.startswith("collm_nas_evaluator.dimension") for each in own)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_module_says_what_it_owns_and_does_not_know(path: Path) -> None:
    document = ast.get_docstring(ast.parse(path.read_text()))
    assert document
    if path.name != "__init__.py":
        assert "Owns" in document
        assert "nows no" in document


def test_serving_tables_loads_neither_torch_nor_the_tables_package() -> None:
    light = [path for path in MODULES if path.stem not in WITH_TORCH]
    names = [f"collm_nas_evaluator.{path.relative_to(PACKAGE).with_suffix('')}".replace("/", ".") for path in light]
    code = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name.removesuffix('.__init__'))\n"
    code += "print(*sorted({'torch', 'ray', 'pandas', 'analognasbench', 'cv2', 'PIL'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE_ROOT)
    assert ran.stdout == "\n"
