"""Starts the gRPC server of a backend inside the user's process, such that it disturbs nothing there."""

import os
from typing import TYPE_CHECKING

from collm_nas_evaluator.addresses import Address
from collm_nas_evaluator.backends.base import Backend

if TYPE_CHECKING:
    from collm_nas_evaluator.server import RunningServer

SETTINGS = {
    "GRPC_ENABLE_FORK_SUPPORT": "0",  # its handlers crash children that a score forks, now and then
    "GRPC_VERBOSITY": "NONE",  # it would write into the user's notebook
}
"""Settings of gRPC's library, which reads them when it is loaded. What the user has set stays."""


def start(backend: Backend, address: Address) -> "RunningServer":
    """Serves the backend until it is stopped. Raises UsageError when the address cannot be used."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    from collm_nas_evaluator import server  # noqa: PLC0415 - loads gRPC

    return server.start([backend], address)
