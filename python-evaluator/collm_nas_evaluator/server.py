"""Serves backends over gRPC: translates between them and the messages of the contract. It makes no decision.

Owns the statuses of proto/README.md, the heartbeat, the cancelling of calls, and the answer when a backend raises.
Knows no space and no table; no other module knows grpc.
"""

import dataclasses
import difflib
import logging
import math
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from collm_nas_evaluator import __version__
from collm_nas_evaluator.addresses import Address
from collm_nas_evaluator.backends.base import (
    Backend,
    Failure,
    FailureKind,
    Measurement,
    Outcome,
    Progress,
    Unavailable,
)
from collm_nas_evaluator.contract import evaluator_pb2 as pb
from collm_nas_evaluator.errors import DeviceLost, UsageError
from collm_nas_evaluator.space import Architecture, Space
from collm_nas_evaluator.streams import IN_ALL, Admission, Answers, Ended

SERVICE = "collm_nas.v1.EvaluatorService"
LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024
HEARTBEAT_SECONDS = 10.0
SHORT_CALLS = 32
"""The number of threads that are kept for calls without architectures, however many other calls run."""
CALLS_OF_ONE_CONNECTION = 256
"""The most calls of one connection; further calls wait at the client."""
STOP_SECONDS = 0.3
LONGEST_STATUS_TEXT = 1000
OUT_OF_MEMORY = {"MemoryError", "OutOfMemoryError"}
"""Names of classes, so that no library has to be imported to recognise them."""

_logger = logging.getLogger(__name__)

NOT_ABOUT_THE_ARCHITECTURE = (UsageError, OSError, DeviceLost)
"""What a backend raises when no architecture can be evaluated now: an image is damaged, a disk or a device is gone."""

Entry = Backend | Unavailable


class EvaluatorService:
    """The four calls over a list of spaces. Each aborts with a status of proto/README.md or answers."""

    def __init__(
        self,
        entries: Sequence[Entry],
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        admission: Admission | None = None,
    ) -> None:
        self._entries = {_id(entry): entry for entry in entries}
        self._heartbeat_seconds = heartbeat_seconds
        self._admission = admission or Admission()

    def list_spaces(self, request: pb.ListSpacesRequest, context: grpc.ServicerContext) -> pb.ListSpacesResponse:
        del request, context
        return pb.ListSpacesResponse(
            spaces=[_summary(entry) for entry in self._entries.values()],
            server_version=f"collm-nas-evaluator {__version__}",
        )

    def describe_space(
        self, request: pb.DescribeSpaceRequest, context: grpc.ServicerContext
    ) -> pb.DescribeSpaceResponse:
        return pb.DescribeSpaceResponse(space=_description(self._backend(request.space_id, context).describe()))

    def measure_cost(self, request: pb.MeasureCostRequest, context: grpc.ServicerContext) -> pb.MeasureCostResponse:
        backend = self._backend(request.space_id, context)
        self._enter(request, context)
        architectures = _architectures(backend.describe(), request, context)
        return pb.MeasureCostResponse(costs=[_cost(backend, architecture, context) for architecture in architectures])

    def evaluate(self, request: pb.EvaluateRequest, context: grpc.ServicerContext) -> Iterator[pb.EvaluateResponse]:
        backend = self._backend(request.space_id, context)
        space = backend.describe()
        splits = [split.name for split in space.splits]
        if request.split not in splits:
            text = f"split {_quoted(request.split)} is not one of {', '.join(splits)}"
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, text)
        self._enter(request, context)
        architectures = _architectures(space, request, context)

        # The backend runs in a thread of its own, so that heartbeats go out while it is silent, and it can be stopped.
        answers = Answers()
        stop = threading.Event()

        def run() -> None:
            reason = ""
            try:
                for answer in answers_of(backend, architectures, request.split, stop):
                    answers.give(answer)
                    if stop.is_set():
                        return
            except NOT_ABOUT_THE_ARCHITECTURE as error:
                _logger.error("evaluations are not possible: %s", error)
                reason = str(error)
            finally:
                answers.end(reason)

        def halt() -> None:
            stop.set()
            answers.end(at_once=True)

        if not context.add_callback(halt):
            return
        threading.Thread(target=run, name=f"evaluate {space.id}", daemon=True).start()
        yield from self._responses(answers, architectures, context)

    def _responses(
        self, answers: Answers, architectures: Sequence[Architecture], context: grpc.ServicerContext
    ) -> Iterator[pb.EvaluateResponse]:
        unanswered = dict.fromkeys(range(len(architectures)))
        latest = Progress(0)
        while unanswered:
            answer = answers.take(self._heartbeat_seconds)
            if answer is None:
                answer = latest if latest.index in unanswered else Progress(next(iter(unanswered)))
            if isinstance(answer, Ended):
                if context.is_active():
                    text = f"the evaluation broke off with {len(unanswered)} left to answer; the server's log says why"
                    if answer.reason:
                        text = " ".join(answer.reason.split())
                    _abort(context, grpc.StatusCode.INTERNAL, text)
                return
            if isinstance(answer, Progress):
                latest = answer
                yield pb.EvaluateResponse(
                    progress=pb.Progress(index=answer.index, fraction=answer.fraction, note=answer.note)
                )
            else:
                del unanswered[answer.index]
                yield pb.EvaluateResponse(outcome=_outcome(answer, architectures[answer.index].text))

    def _enter(self, request: pb.MeasureCostRequest | pb.EvaluateRequest, context: grpc.ServicerContext) -> None:
        """Counts the call as long as it lasts; aborts when it is one too many."""
        entered = self._admission.enter(machine_of(context.peer()), len(request.architectures))
        if isinstance(entered, str):
            _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, entered)
        if not context.add_callback(entered):
            entered()

    def _backend(self, space_id: str, context: grpc.ServicerContext) -> Backend:
        entry = self._entries.get(space_id)
        if entry is None:
            near = difflib.get_close_matches(space_id[:80], self._entries, n=1, cutoff=0)
            advice = f"; the nearest is {near[0]}" if near else "; this server serves none"
            _abort(context, grpc.StatusCode.NOT_FOUND, f"no space {_quoted(space_id)}{advice}")
        if isinstance(entry, Unavailable):
            _abort(context, grpc.StatusCode.FAILED_PRECONDITION, f"space {entry.id} is unavailable: {entry.reason}")
        return entry


class RunningServer:
    """A server that answers; `address` is HOST:PORT with the port it is bound to."""

    def __init__(self, server: grpc.Server, checks: health.HealthServicer, address: str) -> None:
        self._server = server
        self._checks = checks
        self.address = address

    def stop(self) -> None:
        """Refuses new calls, gives running ones STOP_SECONDS, cancels the rest, and returns when all are over."""
        self._checks.enter_graceful_shutdown()
        self._server.stop(STOP_SECONDS).wait()


def start(
    entries: Sequence[Entry],
    address: Address,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
    admission: Admission | None = None,
) -> RunningServer:
    """Serves the entries on an address until stopped. Raises UsageError when it cannot be bound."""
    limits = [
        ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
        ("grpc.max_concurrent_streams", CALLS_OF_ONE_CONNECTION),
        ("grpc.http2.max_ping_strikes", 0),  # else a client that pings through a long evaluation loses its connection
    ]
    server = grpc.server(
        ThreadPoolExecutor(IN_ALL.calls + SHORT_CALLS, thread_name_prefix="call"),
        options=[*limits, ("grpc.so_reuseport", 0)],
    )
    server.add_generic_rpc_handlers((_handlers(EvaluatorService(entries, heartbeat_seconds, admission)),))
    checks = health.HealthServicer(experimental_non_blocking=True, experimental_thread_pool=ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    checks.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
    try:
        bound = server.add_insecure_port(str(address))
    except RuntimeError as error:
        advice = "choose a free port with --listen, or port 0 for any"
        raise UsageError(f"cannot listen on {address}; {advice}") from error
    server.start()
    return RunningServer(server, checks, str(dataclasses.replace(address, port=bound)))


def answers_of(
    backend: Backend, architectures: Sequence[Architecture], split: str, stop: threading.Event
) -> Iterator[Outcome | Progress]:
    """The answers of the backend. When it raises, its current architecture has failed, and it is asked for the rest.

    An error that is not about the architecture is raised: every other architecture would fail too. Ends when every
    architecture is answered. When the backend ends early, the rest stays unanswered.
    """
    unanswered = dict.fromkeys(range(len(architectures)))
    while unanswered:
        asked = list(unanswered)
        at = asked[0]
        failure: Failure | None = None
        for answer in _until_it_raises(backend, [architectures[index] for index in asked], split, stop):
            if isinstance(answer, Failure):
                failure = answer
                continue
            at = asked[answer.index]
            if isinstance(answer, Progress):
                yield dataclasses.replace(answer, index=at)
                continue
            if at not in unanswered:
                _logger.error("%s was answered twice: the backend has to be repaired", architectures[at].text)
                return
            del unanswered[at]
            yield Outcome(at, _checked(answer.result, backend.describe(), architectures[at].text))
        if failure is None or not unanswered:
            return
        failed = at if at in unanswered else next(iter(unanswered))
        _logger.error("%s has failed: %s", architectures[failed].text, failure.message)
        del unanswered[failed]
        yield Outcome(failed, failure)


def _checked(result: Measurement | Failure, space: Space, text: str) -> Measurement | Failure:
    """The result, or a failure in its place when a standard error in it breaks the contract."""
    if isinstance(result, Failure):
        return result
    known = [each.name for each in space.metrics]
    for name, value in result.standard_errors.items():
        if name in known and 0 <= value < math.inf:
            continue
        if name in known:
            message = f"the standard error of {name} is {value:g}; it must be finite and not negative"
        else:
            message = f"a standard error is for {_quoted(name)}, which is not a metric ({', '.join(known)})"
        _logger.error("%s has failed: %s: the backend has to be repaired", text, message)
        return Failure(FailureKind.CRASHED, message)
    return result


def _until_it_raises(
    backend: Backend, architectures: Sequence[Architecture], split: str, stop: threading.Event
) -> Iterator[Outcome | Progress | Failure]:
    """The answers of the backend. When it raises, the last one is the failure of its current architecture."""
    failure: Failure | None = None
    try:
        yield from backend.evaluate(architectures, split, stop)
    except NOT_ABOUT_THE_ARCHITECTURE:
        raise
    except Exception as error:
        if stop.is_set():
            return
        _logger.exception("an evaluation raised")
        failure = _failure(error)
    # Here the exception is released, and the memory that its frames hold.
    if failure is not None:
        yield failure


def _failure(error: Exception) -> Failure:
    is_memory = any(each.__name__ in OUT_OF_MEMORY for each in type(error).__mro__)
    message = " ".join(f"{type(error).__name__}: {error}".split())
    return Failure(FailureKind.OUT_OF_MEMORY if is_memory else FailureKind.CRASHED, message[:LONGEST_STATUS_TEXT])


def _cost(backend: Backend, architecture: Architecture, context: grpc.ServicerContext) -> pb.ArchitectureCost:
    """The costs of one architecture; aborts with the reason when the backend raises."""
    try:
        cost = backend.cost(architecture)
        return pb.ArchitectureCost(
            architecture=architecture.text, costs=cost.costs, equivalence_key=cost.equivalence_key
        )
    except Exception as error:
        _logger.exception("the costs of %s raised", architecture.text)
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        text = f"the costs of {_quoted(architecture.text)} cannot be measured: {reason}"
        _abort(context, grpc.StatusCode.INTERNAL, text)


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


def _handlers(service: EvaluatorService) -> grpc.GenericRpcHandler:
    unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "ListSpaces": unary(service.list_spaces, pb.ListSpacesRequest.FromString, _serialize),
            "DescribeSpace": unary(service.describe_space, pb.DescribeSpaceRequest.FromString, _serialize),
            "MeasureCost": unary(service.measure_cost, pb.MeasureCostRequest.FromString, _serialize),
            "Evaluate": stream(service.evaluate, pb.EvaluateRequest.FromString, _serialize),
        },
    )


def _architectures(
    space: Space, request: pb.MeasureCostRequest | pb.EvaluateRequest, context: grpc.ServicerContext
) -> list[Architecture]:
    """The batch of a request, re-spelt; aborts unless every text is its own canonical text."""
    if request.space_digest != space.digest:
        text = (
            f"space {space.id} is not described by digest {_quoted(request.space_digest)} any more; describe it again"
        )
        _abort(context, grpc.StatusCode.FAILED_PRECONDITION, text)
    count = len(request.architectures)
    if not 1 <= count <= space.max_batch:
        _abort(
            context,
            grpc.StatusCode.INVALID_ARGUMENT,
            f"{count} architectures in one request; send 1 to {space.max_batch}",
        )
    architectures = []
    for place, text in enumerate(request.architectures):
        parsed = space.parse(text)
        if not isinstance(parsed, Architecture):
            reasons = "; ".join(reason.sentence for reason in parsed[:3])
            _abort(
                context,
                grpc.StatusCode.INVALID_ARGUMENT,
                f"architectures[{place}], {_quoted(text)}, is illegal: {reasons}",
            )
        if parsed.text != text:
            _abort(
                context,
                grpc.StatusCode.INVALID_ARGUMENT,
                f"architectures[{place}], {_quoted(text)}, is not canonical: write {parsed.text}",
            )
        architectures.append(parsed)
    return architectures


def _abort(context: grpc.ServicerContext, status: grpc.StatusCode, text: str) -> NoReturn:
    """Ends the call. The text travels in a header, whose size clients limit."""
    context.abort(status, text if len(text) <= LONGEST_STATUS_TEXT else f"{text[:LONGEST_STATUS_TEXT]}...")


def machine_of(peer: str) -> str:
    """The address of a peer of gRPC, such as "ipv4:192.0.2.7:40000": a connection has a port of its own."""
    return peer.rpartition(":")[0].partition(":")[2] or peer


def _quoted(text: str) -> str:
    return ascii(text if len(text) <= 120 else f"{text[:117]}...")


def _id(entry: Entry) -> str:
    return entry.id if isinstance(entry, Unavailable) else entry.describe().id


def _summary(entry: Entry) -> pb.SpaceSummary:
    if isinstance(entry, Unavailable):
        return pb.SpaceSummary(id=entry.id, summary=entry.title, available=False, unavailable_reason=entry.reason)
    space = entry.describe()
    return pb.SpaceSummary(id=space.id, summary=space.title, available=True)


def _description(space: Space) -> pb.SpaceDescription:
    return pb.SpaceDescription(
        id=space.id,
        summary=space.summary,
        digest=space.digest,
        dimensions=[
            pb.Dimension(
                name=each.name,
                meaning=each.meaning,
                choices=each.choices,
                numeric=each.numeric,
                groups=[pb.Group(name=group.name, size=group.size) for group in each.groups],
                active_count=each.active_count,
                slot_names=each.slot_names,
            )
            for each in space.dimensions
        ],
        template=space.template,
        metrics=[
            pb.Metric(name=each.name, unit=each.unit, meaning=each.meaning, higher_is_better=each.higher_is_better)
            for each in space.metrics
        ],
        costs=[pb.Cost(name=each.name, unit=each.unit, meaning=each.meaning) for each in space.costs],
        splits=[pb.Split(name=each.name, meaning=each.meaning, data=each.data) for each in space.splits],
        parallelism=space.parallelism,
        max_batch=space.max_batch,
        provenance=space.provenance,
    )


def _outcome(outcome: Outcome, text: str) -> pb.Outcome:
    result = outcome.result
    if isinstance(result, Measurement):
        measurement = pb.Measurement(
            metrics=result.metrics,
            seconds=result.seconds,
            standard_errors=result.standard_errors,
            stored=result.stored,
        )
        return pb.Outcome(index=outcome.index, architecture=text, measurement=measurement)
    failure = pb.Failure(kind=result.kind.value, message=result.message)
    return pb.Outcome(index=outcome.index, architecture=text, failure=failure)
