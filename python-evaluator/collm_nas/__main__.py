"""The command `collm-nas` of a Python installation: this process becomes Node, which runs the control plane.

It reads no argument. Evaluators that the control plane starts use this Python, unless COLLM_NAS_PYTHON names another.
"""

import os
import sys
from typing import NoReturn

from collm_nas import control
from collm_nas.errors import NodeMissing


def main() -> NoReturn:
    """Never returns: it becomes another program, or ends with exit code 2 and one line that says what to install."""
    try:
        command = [*control.program(), *sys.argv[1:]]
    except NodeMissing as error:
        sys.exit(_refused(str(error)))
    environment = {**control.environment(), **_named_python()}
    sys.stdout.flush()
    os.execve(command[0], command, environment)  # noqa: S606 - our own program


# --- internal ---


def _named_python() -> dict[str, str]:
    named = os.environ.get("COLLM_NAS_PYTHON", "")
    return {"COLLM_NAS_PYTHON": named} if named else {}


def _refused(message: str) -> int:
    sys.stderr.write(f"collm-nas: {message}\n")
    return 2


if __name__ == "__main__":
    main()
