"""Puts the control plane into the wheel: scripts/bundle-control.mjs makes the folder collm_nas/_control.

Runs while a wheel is built from a checkout. An editable installation uses the checkout's own program and gets no copy.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CHECKOUT = Path(__file__).resolve().parents[1]
BUNDLER = CHECKOUT / "scripts" / "bundle-control.mjs"


class ControlPlane(BuildHookInterface[Any]):
    """The build hook; the methods are called by hatchling."""

    _folder: "tempfile.TemporaryDirectory[str] | None" = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Makes the folder. Raises RuntimeError with one line that says what to do."""
        if self.target_name != "wheel":
            raise RuntimeError("collm-nas is offered as a wheel only: build with --wheel")
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="collm-nas-control-")
        bundle(Path(self._folder.name))
        build_data["force_include"][self._folder.name] = "collm_nas/_control"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Removes the folder."""
        if self._folder is not None:
            self._folder.cleanup()


def bundle(folder: Path) -> None:
    """Has the control plane written into a folder. Raises RuntimeError when it cannot be."""
    if not BUNDLER.exists():
        raise RuntimeError(f"the wheel holds the search, which is built in a checkout, and {BUNDLER} is not there")
    node = shutil.which("node")
    if node is None:
        raise RuntimeError("the wheel is built with Node 20.19 or newer, and none is on PATH: install it")
    ran = subprocess.run([node, BUNDLER, folder], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if ran.returncode != 0:
        said = " ".join((ran.stderr or ran.stdout).split())
        raise RuntimeError(said[:500] or f"{BUNDLER} ended with exit code {ran.returncode}")
