"""The example of an evaluator that a stranger writes, against what the contract asks of every evaluator."""

import ast
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from client import Client, process, status_of

from collm_nas_evaluator.contract import evaluator_pb2 as pb
from collm_nas_evaluator.dimension import Dimension, Group
from collm_nas_evaluator.space import Space

EXAMPLE = Path(__file__).parents[2] / "examples" / "minimal_evaluator.py"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The example alone in a folder, started there."""
    folder = tmp_path_factory.mktemp("elsewhere")
    program = str(shutil.copy(EXAMPLE, folder))
    with process("127.0.0.1:0", program=[program], cwd=folder) as (_, ready):
        client = Client(ready["listening"])
        yield client
        client.close()


def test_it_needs_nothing_but_grpc_and_the_messages_of_the_contract() -> None:
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name) or ""
        for node in ast.walk(ast.parse(EXAMPLE.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names} == {
        "grpc",
        "collm_nas_evaluator.contract",
    }


def test_its_architectures_are_spelt_as_its_description_says(client: Client) -> None:
    (listed,) = client.list_spaces().spaces
    described = client.describe(listed.id)
    (each,) = described.dimensions
    groups = tuple(Group(group.name, group.size) for group in each.groups)
    space = Space((Dimension(each.name, tuple(each.choices), groups, numeric=each.numeric),), described.template)
    texts = sorted({space.sample(Random(seed)).text for seed in range(400)})
    assert len(texts) == space.size == 27
    outcomes = [answer.outcome for answer in client.evaluate(listed.id, described.digest, texts)]
    assert [(outcome.index, outcome.architecture) for outcome in outcomes] == list(enumerate(texts))
    assert all(0 <= outcome.measurement.metrics["accuracy"] <= 100 for outcome in outcomes)
    costs = client.cost(listed.id, described.digest, texts)
    assert [cost.architecture for cost in costs] == texts
    assert all(list(cost.costs) == ["flops_m"] for cost in costs)


def test_a_score_that_raises_is_the_failure_of_its_architecture(tmp_path: Path) -> None:
    program = tmp_path / "raising.py"
    score = "    first, second, third = kernels\n"
    source = EXAMPLE.read_text()
    assert score in source
    program.write_text(source.replace(score, f"{score}    1 / (first - 3)\n"))
    with process("127.0.0.1:0", program=[str(program)], cwd=tmp_path) as (_, ready):
        client = Client(ready["listening"])
        digest = client.describe("three-kernels").digest
        texts = ['{"kernel":[3,1,1]}', '{"kernel":[1,1,1]}']
        failed, measured = [answer.outcome for answer in client.evaluate("three-kernels", digest, texts)]
        client.close()
    assert (failed.failure.kind, failed.failure.message) == (pb.CRASHED, "ZeroDivisionError: division by zero")
    assert measured.measurement.metrics["accuracy"] == pytest.approx(71.2)


def test_every_mistake_gets_its_status(client: Client) -> None:
    digest = client.describe("three-kernels").digest
    good = '{"kernel":[1,3,5]}'
    assert status_of(lambda: client.describe("x"))[0] == "NOT_FOUND"
    assert status_of(lambda: client.cost("x", digest, [good]))[0] == "NOT_FOUND"
    assert status_of(lambda: client.cost("three-kernels", "", [good]))[0] == "FAILED_PRECONDITION"
    for texts in ([], [good] * 101, [good, '{"kernel": [1,3,5]}'], ['{"kernel":[1,3,7]}']):
        code, text = status_of(lambda texts=texts: list(client.evaluate("three-kernels", digest, texts)))  # type: ignore[misc]
        assert code == "INVALID_ARGUMENT"
        assert status_of(lambda texts=texts: client.cost("three-kernels", digest, texts)) == (code, text)  # type: ignore[misc]
    assert "architectures[0]" in text
    assert status_of(lambda: list(client.evaluate("three-kernels", digest, [good], "test")))[0] == "INVALID_ARGUMENT"
