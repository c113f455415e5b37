"""Writes collm_nas_evaluator/contract/ again from proto/collm_nas/v1/evaluator.proto.

Owns where the generated messages live and how they are made. Run it after every change of the .proto; a test fails
until its output is committed.
"""

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
PROTO_ROOT = HERE.parent / "proto"
CONTRACT = HERE / "collm_nas_evaluator" / "contract"
PROTO = "collm_nas/v1/evaluator.proto"


def generate() -> dict[str, str]:
    """The generated files, as text by file name. Raises RuntimeError when the .proto does not compile."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["protoc", f"-I{PROTO_ROOT}", f"--python_out={folder}", f"--pyi_out={folder}", PROTO]
        if protoc.main(arguments) != 0:
            raise RuntimeError(f"{PROTO} does not compile; the lines above say why")
        return {path.name: path.read_text() for path in sorted(Path(folder).rglob("*_pb2.py*"))}


if __name__ == "__main__":
    for name, text in generate().items():
        (CONTRACT / name).write_text(text)
        sys.stdout.write(f"wrote {CONTRACT / name}\n")
