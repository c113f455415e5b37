"""Asks a running evaluator whether it serves: `healthcheck.py [HOST:PORT]`, by default 127.0.0.1:50051.

Ends with 0 when it does, else with 1 after one line that says why. It is the health check of the image.
"""

import sys

import grpc
from grpc_health.v1 import health_pb2

ADDRESS = "127.0.0.1:50051"
SERVICE = "collm_nas.v1.EvaluatorService"
SECONDS = 5.0


def problem(address: str) -> str | None:
    """Why the evaluator at HOST:PORT does not serve; None when it does."""
    # A proxy of the container is for the internet, not for this machine.
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        check: grpc.UnaryUnaryMultiCallable[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=SECONDS)
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"
    if answer.status == health_pb2.HealthCheckResponse.SERVING:
        return None
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def shown(text: str) -> str:
    """The text with letters, digits and signs only. The words of a server may contain anything."""
    return "".join(each if each.isascii() and each.isprintable() else ascii(each)[1:-1] for each in text)


def main() -> int:
    """Asks, prints the problem if there is one, and returns the exit code."""
    address = sys.argv[1] if len(sys.argv) > 1 else ADDRESS
    found = problem(address)
    if found is not None:
        print(f"the evaluator at {address} does not serve: {shown(' '.join(found.split()))}")
    return int(found is not None)


if __name__ == "__main__":
    sys.exit(main())
