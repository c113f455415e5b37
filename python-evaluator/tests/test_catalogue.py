"""Which spaces a configuration serves, and which numbers each is served from."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from collm_nas_evaluator import catalogue, config
from collm_nas_evaluator.backends.base import Backend, Measurement, Outcome, Unavailable
from collm_nas_evaluator.errors import UsageError
from collm_nas_evaluator.space import Architecture

Rows = list[list[str]]
Write = Callable[[str, Rows], Path]

NASBENCH201 = [
    "nasbench201-cifar10",
    "nasbench201-cifar100",
    "nasbench201-imagenet16-120",
    "nasbench201-cifar10-e12",
    "nasbench201-cifar100-e12",
    "nasbench201-imagenet16-120-e12",
]


@pytest.fixture
def configuration(table_rows: Rows, latency_rows: Rows, write: Write, tmp_path: Path) -> config.Configuration:
    return config.Configuration(
        nasbench201_csv=write("table.csv", table_rows),
        nasbench201_latency_csv=write("latency.csv", latency_rows),
        analognas=False,
        cache_dir=tmp_path / "cache",
    )


def load(configuration: config.Configuration) -> dict[str, Backend]:
    backends = catalogue.load(configuration)
    return {each.describe().id: each for each in backends if not isinstance(each, Unavailable)}


def architecture(backend: Backend, text: str) -> Architecture:
    parsed = backend.describe().parse(text)
    assert isinstance(parsed, Architecture)
    return parsed


def accuracy(backend: Backend, text: str, split: str) -> float:
    (outcome,) = backend.evaluate([architecture(backend, text)], split, threading.Event())
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.result, Measurement)
    return outcome.result.metrics["accuracy"]


def test_each_space_answers_from_its_own_columns(configuration: config.Configuration, table_rows: Rows) -> None:
    backends = load(configuration)
    assert list(backends) == NASBENCH201
    row = dict(zip(table_rows[0], table_rows[12_345], strict=True))
    expected = {
        "nasbench201-cifar10": ("c10_valid_200", "c10_test_200"),
        "nasbench201-cifar100": ("c100_valid_200", "c100_test_200"),
        "nasbench201-imagenet16-120": ("in16_valid_200", "in16_test_200"),
        "nasbench201-cifar10-e12": ("c10_valid_12", "c10_test_200"),
        "nasbench201-cifar100-e12": ("c100_valid_12", "c100_test_200"),
        "nasbench201-imagenet16-120-e12": ("in16_valid_12", "in16_test_200"),
    }
    for space_id, (search, test) in expected.items():
        assert accuracy(backends[space_id], row["arch"], "search") == float(row[search])
        assert accuracy(backends[space_id], row["arch"], "test") == float(row[test])


def test_each_space_costs_what_its_own_network_costs(configuration: config.Configuration, table_rows: Rows) -> None:
    backends = load(configuration)
    row = dict(zip(table_rows[0], table_rows[999], strict=True))
    costs = {each: backends[each].cost(architecture(backends[each], row["arch"])).costs for each in NASBENCH201}
    assert costs["nasbench201-cifar10"]["flops_m"] == float(row["flops_m_32"])
    assert costs["nasbench201-cifar100"]["flops_m"] == round(float(row["flops_m_32"]) + 0.00585, 5)
    assert costs["nasbench201-imagenet16-120"]["flops_m"] == float(row["flops_m_16"])
    assert costs["nasbench201-imagenet16-120-e12"]["params_m"] == round(float(row["params_m"]) + 0.00715, 6)


def test_latencies_belong_to_the_data_set_they_were_measured_on(
    configuration: config.Configuration, table_rows: Rows
) -> None:
    backends = load(configuration)
    row = dict(zip(table_rows[0], table_rows[77], strict=True))
    for space_id, backend in backends.items():
        costs = backend.cost(architecture(backend, row["arch"])).costs
        assert list(costs) == [cost.name for cost in backend.describe().costs]
        if "cifar10-e12" in space_id or space_id.endswith("cifar10"):
            assert costs["latency_ms_edgegpu"] == int(row["index"]) + 1
            assert costs["latency_ms_1080ti_1"] == int(row["index"]) + 7
        else:
            assert list(costs) == ["flops_m", "params_m"]


def test_a_missing_table_makes_its_spaces_unavailable(configuration: config.Configuration) -> None:
    gone = configuration.cache_dir / "nowhere.csv"
    entries = catalogue.load(replace(configuration, nasbench201_csv=gone))
    assert [entry.id for entry in entries if isinstance(entry, Unavailable)] == NASBENCH201
    without_latencies = catalogue.load(replace(configuration, nasbench201_latency_csv=gone))
    missing = [entry for entry in without_latencies if isinstance(entry, Unavailable)]
    assert [entry.id for entry in missing] == ["nasbench201-cifar10", "nasbench201-cifar10-e12"]
    assert str(gone) in missing[0].reason


def test_the_digest_is_the_same_at_every_start_and_follows_the_numbers(
    configuration: config.Configuration, table_rows: Rows, write: Write
) -> None:
    first, second = load(configuration), load(configuration)
    table_rows[5][table_rows[0].index("c10_test_200")] = "12.3456"
    changed = load(replace(configuration, nasbench201_csv=write("changed.csv", table_rows)))
    bare = load(replace(configuration, nasbench201_latency_csv=None))

    def digests(backends: dict[str, Backend]) -> list[str]:
        return [backends[space_id].describe().digest for space_id in NASBENCH201]

    assert digests(first) == digests(second)
    assert len(set(digests(first))) == 6
    same = [one == other for one, other in zip(digests(first), digests(changed), strict=True)]
    assert same == [False, True, True, False, True, True]
    same = [one == other for one, other in zip(digests(first), digests(bare), strict=True)]
    assert same == [False, True, True, False, True, True]


def test_nothing_to_serve_is_an_error_of_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no space to serve"):
        catalogue.load(config.Configuration(analognas=False, cache_dir=tmp_path))


def test_the_published_tables_are_served(published: Path, tmp_path: Path) -> None:
    backends = load(
        config.Configuration(
            nasbench201_csv=published / "nasbench201.csv",
            nasbench201_latency_csv=published / "latency_ms_c10.csv",
            cache_dir=tmp_path,
        )
    )
    assert len(backends) == 11
    skips = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"
    assert accuracy(backends["nasbench201-cifar10"], skips, "search") == 39.7693
    assert accuracy(backends["nasbench201-cifar100"], skips, "test") == 15.6067
    first = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    backend = backends["nasbench201-cifar10"]
    assert backend.cost(architecture(backend, first)).costs["latency_ms_pixel3"] == 3.606
