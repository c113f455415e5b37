"""A whole evaluator in one file: networks of three layers, each with a kernel of 1, 3 or 5.

It runs from any folder, in a Python with collm-nas installed, which brings the messages of the contract and grpc.
Start it with: python minimal_evaluator.py 127.0.0.1:50051
"""

import itertools
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
from collm_nas_evaluator.contract import evaluator_pb2 as pb

# Every architecture by its canonical text: compact JSON, as the description has no template.
KERNELS = {json.dumps({"kernel": k}, separators=(",", ":")): k for k in itertools.product((1, 3, 5), repeat=3)}
MEANING = "Side of each layer's square kernel. Cost grows with its square."
SPACE = pb.SpaceDescription(
    id="three-kernels",
    summary="Three convolutions in a row, each with a kernel of its own.",
    digest="three-kernels-1",  # changes whenever a text or a number means something else
    dimensions=[
        {"name": "kernel", "meaning": MEANING, "choices": ["1", "3", "5"], "numeric": True, "groups": [{"size": 3}]}
    ],
    metrics=[{"name": "accuracy", "unit": "percent", "meaning": "Correct answers.", "higher_is_better": True}],
    costs=[{"name": "flops_m", "unit": "million multiply-adds", "meaning": "All layers."}],
    splits=[{"name": "search", "meaning": "The only data there is."}],
    parallelism=1,
    max_batch=100,
)


def cost(kernels):
    return sum(k * k for k in kernels)


def score(kernels):  # yours trains a network, or asks a supernet
    first, second, third = kernels
    return 60 + 5 * first + 4 * second + 3 * third - 0.8 * first * second


def list_spaces(request, context):
    spaces = [{"id": SPACE.id, "summary": SPACE.summary, "available": True}]
    return pb.ListSpacesResponse(spaces=spaces, server_version="three-kernels 1")


def describe_space(request, context):
    if request.space_id != SPACE.id:
        context.abort(grpc.StatusCode.NOT_FOUND, f"the only space is {SPACE.id}")
    return pb.DescribeSpaceResponse(space=SPACE)


def measure_cost(request, context):
    texts = checked(request, context)
    return pb.MeasureCostResponse(
        costs=[{"architecture": text, "costs": {"flops_m": cost(KERNELS[text])}} for text in texts]
    )


def evaluate(request, context):
    for index, text in enumerate(checked(request, context)):
        outcome = {"index": index, "architecture": text}
        began = time.monotonic()
        try:
            metrics = {"accuracy": score(KERNELS[text])}
            outcome["measurement"] = {"metrics": metrics, "seconds": time.monotonic() - began}
        except Exception as error:  # a failure of this architecture; raised here, it would end the whole search
            outcome["failure"] = {"kind": pb.CRASHED, "message": f"{type(error).__name__}: {error}"}
        yield pb.EvaluateResponse(outcome=outcome)


def checked(request, context):
    describe_space(request, context)
    if request.space_digest != SPACE.digest:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the description has changed; describe the space again")
    texts = list(request.architectures)
    unknown = [place for place, text in enumerate(texts) if text not in KERNELS]
    if unknown:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"architectures{unknown[:1]} is not in canonical form")
    if not 1 <= len(texts) <= SPACE.max_batch or getattr(request, "split", "search") != "search":
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"1 to {SPACE.max_batch} architectures, split search")
    return texts


def handler(make, answer, request, response):
    return make(answer, request.FromString, response.SerializeToString)


one, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
CALLS = {
    "ListSpaces": handler(one, list_spaces, pb.ListSpacesRequest, pb.ListSpacesResponse),
    "DescribeSpace": handler(one, describe_space, pb.DescribeSpaceRequest, pb.DescribeSpaceResponse),
    "MeasureCost": handler(one, measure_cost, pb.MeasureCostRequest, pb.MeasureCostResponse),
    "Evaluate": handler(stream, evaluate, pb.EvaluateRequest, pb.EvaluateResponse),
}
server = grpc.server(ThreadPoolExecutor(4))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("collm_nas.v1.EvaluatorService", CALLS)])
port = server.add_insecure_port(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:0")
server.start()
print(json.dumps({"listening": f"127.0.0.1:{port}"}), flush=True)
server.wait_for_termination()
