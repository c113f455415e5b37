"""A whole evaluator in one file: networks of three layers, each with a kernel of 1, 3 or 5.

It needs grpcio, grpcio-tools and the .proto file, and shows what a search asks of any evaluator.
Run it with: python minimal_evaluator.py --listen 127.0.0.1:50051
"""

import argparse
import itertools
import json
import os
import sys
from concurrent import futures
from pathlib import Path

import grpc

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "proto"))
pb, services = grpc.protos_and_services("collm_nas/v1/evaluator.proto")

# Every architecture by its canonical text: without a template that is compact JSON.
KERNELS = {
    json.dumps({"kernel": kernels}, separators=(",", ":")): kernels
    for kernels in itertools.product((1, 3, 5), repeat=3)
}
SPACE = pb.SpaceDescription(
    id="three-kernels",
    summary="Three convolution layers in a row, each with a kernel of its own.",
    digest="three-kernels-1",  # to be changed with whatever a text or a number means
    dimensions=[
        pb.Dimension(
            name="kernel",
            meaning="Width of each layer's square kernel. Cost grows with its square.",
            choices=["1", "3", "5"],
            numeric=True,
            groups=[pb.Group(name="layers", size=3)],
        )
    ],
    metrics=[
        pb.Metric(
            name="accuracy",
            unit="percent",
            meaning="Share of correct answers.",
            higher_is_better=True,
        )
    ],
    costs=[
        pb.Cost(name="flops_m", unit="million multiply-adds", meaning="All layers.")
    ],
    splits=[pb.Split(name="search", meaning="The only data there is.")],
    parallelism=1,
    max_batch=100,
    provenance="computed by a formula",
)


class Evaluator(services.EvaluatorServiceServicer):
    def ListSpaces(self, request, context):
        entry = pb.SpaceSummary(id=SPACE.id, summary=SPACE.summary, available=True)
        return pb.ListSpacesResponse(spaces=[entry], server_version="minimal 1")

    def DescribeSpace(self, request, context):
        self.check_space(request, context)
        return pb.DescribeSpaceResponse(space=SPACE)

    def MeasureCost(self, request, context):
        self.check_batch(request, context)
        return pb.MeasureCostResponse(
            costs=[
                pb.ArchitectureCost(
                    architecture=text,
                    costs={"flops_m": sum(kernel**2 for kernel in KERNELS[text])},
                )
                for text in request.architectures
            ]
        )

    def Evaluate(self, request, context):
        self.check_batch(request, context)
        if request.split != "search":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the only split is search")
        for index, text in enumerate(request.architectures):
            first, second, third = KERNELS[text]
            accuracy = 60 + 5 * first + 4 * second + 3 * third - 0.8 * first * second
            result = pb.Measurement(metrics={"accuracy": accuracy}, seconds=0)
            outcome = pb.Outcome(index=index, architecture=text, measurement=result)
            yield pb.EvaluateResponse(outcome=outcome)

    def check_space(self, request, context):
        if request.space_id != SPACE.id:
            context.abort(grpc.StatusCode.NOT_FOUND, f"the only space is {SPACE.id}")

    def check_batch(self, request, context):
        self.check_space(request, context)
        if request.space_digest != SPACE.digest:
            code = grpc.StatusCode.FAILED_PRECONDITION
            context.abort(code, "the description has changed; describe the space again")
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        if not 1 <= len(request.architectures) <= SPACE.max_batch:
            context.abort(invalid, f"send 1 to {SPACE.max_batch} architectures")
        for place, text in enumerate(request.architectures):
            if text not in KERNELS:
                reason = f"architectures[{place}] is no canonical text of {SPACE.id}"
                context.abort(invalid, reason)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    host = parser.parse_args().listen.rpartition(":")[0]
    server = grpc.server(futures.ThreadPoolExecutor(4))
    services.add_EvaluatorServiceServicer_to_server(Evaluator(), server)
    port = server.add_insecure_port(parser.parse_args().listen)
    server.start()
    ready = {"listening": f"{host}:{port}", "pid": os.getpid(), "spaces": 1}
    print(json.dumps(ready), flush=True)
    server.wait_for_termination()
