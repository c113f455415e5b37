"""A client of the contract, as thin as it can be. Knows no backend."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from collm_nas_evaluator.contract import evaluator_pb2 as pb

SERVICE = "collm_nas.v1.EvaluatorService"
LIMITS = [("grpc.max_receive_message_length", 64 * 1024 * 1024), ("grpc.max_send_message_length", 64 * 1024 * 1024)]
PACKAGE_ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 180.0
"""After so long a test takes a process or a thread for stuck. Long enough for a machine with much else to do."""


class Client:
    """Asks the server at HOST:PORT; every call raises grpc.RpcError with the status it got."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address, options=LIMITS)

    def close(self) -> None:
        self.channel.close()

    def list_spaces(self) -> pb.ListSpacesResponse:
        response: pb.ListSpacesResponse = self._ask("ListSpaces", pb.ListSpacesRequest(), pb.ListSpacesResponse)
        return response

    def describe(self, space_id: str) -> pb.SpaceDescription:
        request = pb.DescribeSpaceRequest(space_id=space_id)
        response: pb.DescribeSpaceResponse = self._ask("DescribeSpace", request, pb.DescribeSpaceResponse)
        return response.space

    def cost(self, space_id: str, digest: str, architectures: Sequence[str]) -> list[pb.ArchitectureCost]:
        request = pb.MeasureCostRequest(space_id=space_id, space_digest=digest, architectures=architectures)
        response: pb.MeasureCostResponse = self._ask("MeasureCost", request, pb.MeasureCostResponse)
        return list(response.costs)

    def evaluate(self, space_id: str, digest: str, architectures: Sequence[str], split: str = "search") -> Any:
        """The running call: an iterator of EvaluateResponse that can be cancelled."""
        request = pb.EvaluateRequest(space_id=space_id, space_digest=digest, split=split, architectures=architectures)
        call: grpc.UnaryStreamMultiCallable[pb.EvaluateRequest, pb.EvaluateResponse] = self.channel.unary_stream(
            f"/{SERVICE}/Evaluate",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=pb.EvaluateResponse.FromString,
        )
        return call(request, timeout=PATIENCE_SECONDS)

    def _ask(self, method: str, request: Message, response: Any) -> Any:
        call: grpc.UnaryUnaryMultiCallable[Message, Any] = self.channel.unary_unary(
            f"/{SERVICE}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )
        return call(request, timeout=PATIENCE_SECONDS)


def status_of(call: Callable[[], object]) -> tuple[str, str]:
    """The name of the status that a call fails with, and its text."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error = caught.value
    assert isinstance(error, grpc.Call)
    return error.code().name, error.details() or ""


@contextmanager
def process(
    *arguments: str,
    program: Sequence[str] = ("-m", "collm_nas_evaluator", "serve"),
    cwd: Path = PACKAGE_ROOT,
) -> Iterator[Any]:
    """A server process with its pipes open, and `ready`, the line it printed; ended with the block."""
    command = [sys.executable, *program, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=cwd) as started:
        try:
            assert started.stdout is not None
            yield started, json.loads(started.stdout.readline())
        finally:
            started.kill()
