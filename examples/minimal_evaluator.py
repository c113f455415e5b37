"""A whole evaluator in one file: networks of three layers, each with a kernel of 1, 3 or 5.

Needs grpcio, grpcio-tools and the .proto file. Run it with: python minimal_evaluator.py 127.0.0.1:50051
"""

import itertools
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

sys.path.insert(0, str(Path(__file__).parents[1] / "proto"))
pb, services = grpc.protos_and_services("collm_nas/v1/evaluator.proto")

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


class Evaluator(services.EvaluatorServiceServicer):
    def ListSpaces(self, request, context):
        return pb.ListSpacesResponse(spaces=[{"id": SPACE.id, "summary": SPACE.summary, "available": True}])

    def DescribeSpace(self, request, context):
        if request.space_id != SPACE.id:
            context.abort(grpc.StatusCode.NOT_FOUND, f"the only space is {SPACE.id}")
        return pb.DescribeSpaceResponse(space=SPACE)

    def MeasureCost(self, request, context):
        texts = self.checked(request, context)
        costs = [{"architecture": text, "costs": {"flops_m": sum(k * k for k in KERNELS[text])}} for text in texts]
        return pb.MeasureCostResponse(costs=costs)

    def Evaluate(self, request, context):
        for index, text in enumerate(self.checked(request, context)):
            first, second, third = KERNELS[text]
            score = {"accuracy": 60 + 5 * first + 4 * second + 3 * third - 0.8 * first * second}
            yield pb.EvaluateResponse(outcome={"index": index, "architecture": text, "measurement": {"metrics": score}})

    def checked(self, request, context):
        self.DescribeSpace(request, context)
        if request.space_digest != SPACE.digest:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the description has changed; describe the space again")
        texts = list(request.architectures)
        unknown = [place for place, text in enumerate(texts) if text not in KERNELS]
        if unknown:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"architectures{unknown[:1]} is not in canonical form")
        if not 1 <= len(texts) <= SPACE.max_batch or getattr(request, "split", "search") != "search":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"1 to {SPACE.max_batch} architectures, split search")
        return texts


server = grpc.server(ThreadPoolExecutor(4))
services.add_EvaluatorServiceServicer_to_server(Evaluator(), server)
port = server.add_insecure_port(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:0")
server.start()
print(json.dumps({"listening": f"127.0.0.1:{port}"}), flush=True)
server.wait_for_termination()
