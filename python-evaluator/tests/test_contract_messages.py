"""The generated messages: current, and all that is committed."""

from generate_contract import CONTRACT, generate


def test_the_committed_messages_are_those_of_the_proto() -> None:
    committed = {path.name: path.read_text() for path in CONTRACT.glob("*_pb2*.py*")}
    assert generate() == committed, "run python-evaluator/generate_contract.py"
