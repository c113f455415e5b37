"""The bridge to Optuna: studies as known results, runs as studies, in real storages."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import collm_nas as nas
from collm_nas import trials
from collm_nas.result import Candidate

optuna = pytest.importorskip("optuna")
optuna.logging.set_verbosity(optuna.logging.WARNING)

SPACE = nas.Space(
    {"flag": nas.choice([True, False])},
    depth=nas.slots([1, 2], 2),
    kernel=nas.slots([3, 5], groups={"a": 2, "b": 2}, active="depth"),
    act=nas.choice(["relu", "gelu"]),
    rate=nas.choice([0.5, 1.0]),
    name="deep",
)


def score(arch: nas.Architecture) -> float:
    used = [side for side in arch["kernel"] if side is not None]
    return float(sum(used) + arch["rate"] + (0.25 if arch["flag"] else 0) + (arch["act"] == "gelu") / 8)


def params_m(arch: nas.Architecture) -> float:
    return float(sum(arch["depth"]))


def searched(score: Callable[[Any], Any] = score, **more: Any) -> nas.Result:
    return nas.search(SPACE, score, **{"budget": 12, "show_progress": False, "searcher": "random", **more})


def storages(folder: Path) -> list[Any]:
    journal = optuna.storages.journal
    file = journal.JournalFileBackend(str(folder / "journal.log"), lock_obj=None)
    return [f"sqlite:///{folder}/study.db", optuna.storages.JournalStorage(file), optuna.storages.InMemoryStorage()]


def test_a_trial_is_an_architecture_with_a_parameter_for_each_active_slot() -> None:
    seen: list[nas.Architecture] = []

    def objective(trial: Any) -> float:
        seen.append(nas.suggest(trial, SPACE))
        return 0.0

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=30)
    assert [SPACE.read(arch) for arch in seen] == seen
    for trial, arch in zip(study.trials, seen, strict=True):
        kernels = {f"kernel[{slot}]": side for slot, side in enumerate(arch["kernel"]) if side is not None}
        assert {name: value for name, value in trial.params.items() if name.startswith("kernel")} == kernels
        assert trial.params["flag"] is arch["flag"]
    assert len({SPACE.text(arch) for arch in seen}) > 20


def test_a_search_begins_with_the_trials_of_a_study(tmp_path: Path) -> None:
    for place, storage in enumerate(storages(tmp_path)):
        study = optuna.create_study(storage=storage, study_name="tpe", direction="maximize")
        sampler = random.Random(place)

        def objective(trial: Any, sampler: random.Random = sampler) -> float:
            arch = nas.suggest(trial, SPACE)
            trial.set_user_attr("note", "text")
            trial.set_user_attr("top5", 7)
            if sampler.random() < 0.3:
                trial.report(99.0, step=1)  # a pruned trial keeps it as its value
                raise optuna.TrialPruned
            return score(arch)

        study.optimize(objective, n_trials=20)
        first = next(each for each in study.trials if each.state.name == "COMPLETE")
        again = optuna.create_trial(value=99.0, params=first.params, distributions=first.distributions)
        study.add_trial(again)
        rows = nas.from_optuna(storage, "tpe", SPACE)
        complete = [each for each in study.trials if each.state.name == "COMPLETE"]
        texts = [SPACE.text(row["architecture"]) for row in rows]
        assert 0 < len(texts) == len(set(texts)) < len(complete) < 20
        assert [row["accuracy"] for row in rows] == [score(SPACE.read(text)) for text in texts]
        assert rows[0] == {"architecture": texts[0], "accuracy": complete[0].value, "top5": 7}
    asked: list[str] = []

    def counted(arch: nas.Architecture) -> float:
        asked.append(SPACE.text(arch))
        return score(arch)

    result = searched(counted, known=rows, out=tmp_path / "run")
    assert not set(asked) & set(texts)
    assert result.spend["evaluations"] == len(asked) == 12
    assert result.best.value == max(score(SPACE.read(text)) for text in [*texts, *asked])
    repeated = searched(counted, known=rows, out=tmp_path / "run")  # the same results, in another file
    assert (repeated.best, len(asked)) == (result.best, 12)


def test_results_of_a_run_and_rows_are_known(tmp_path: Path) -> None:
    first = searched(out=tmp_path / "first")
    warm = searched(out=tmp_path / "two", known=first, seed=1)
    ours, theirs = ({each.text for each in run.candidates() if each.value is not None} for run in (warm, first))
    assert len(ours) == len(theirs) == 12
    assert not ours & theirs
    second = searched(out=tmp_path / "three", known=[{"architecture": first.best.architecture, "accuracy": 99}])
    assert (second.best.architecture, second.best.value) == (first.best.architecture, 99)
    bad = {"architecture": {**first.best.architecture, "act": "tanh"}, "accuracy": 1}
    with pytest.raises(nas.UsageError, match=r"known, entry 2: .*act"):
        searched(out=tmp_path / "four", known=[{"architecture": first.best.text, "accuracy": 1}, bad])
    with pytest.raises(nas.UsageError, match="known, entry 1: 3 is no result"):
        searched(out=tmp_path / "four", known=[3])
    with pytest.raises(nas.UsageError, match="accuracy"):
        searched(out=tmp_path / "four", known=[{"architecture": first.best.text, "loss": 1}])


def test_a_run_is_a_study_with_the_same_values(tmp_path: Path) -> None:
    def fragile(arch: nas.Architecture) -> float:
        if arch["act"] == "gelu":
            raise RuntimeError("no gelu here")
        return score(arch)

    result = searched(fragile, out=tmp_path / "run", budget=20, limits={"params_m": 3}, costs={"params_m": params_m})
    evaluated = [each for each in result.candidates() if each.value is not None or each.failure is not None]
    for storage in storages(tmp_path):
        for source, name in ((result, "run"), (nas.open_run(tmp_path / "run"), "read")):
            source.to_optuna(storage, None if source is result else name)
            study = optuna.load_study(study_name=name, storage=storage)
            assert (study.direction.name, study.metric_names) == ("MAXIMIZE", ["accuracy"])
            assert study.user_attrs == {"searcher": "random", "seed": 0, "limits": {"params_m": 3}}
            assert [each.value for each in study.trials] == [each.value for each in evaluated]
            assert {each.state.name for each in study.trials} == {"COMPLETE", "FAIL"}
            assert study.best_trial.user_attrs["architecture"] == result.best.text
            for trial, each in zip(study.trials, evaluated, strict=True):
                assert trial.user_attrs["params_m"] == each.costs["params_m"]
                assert trial.user_attrs["architecture"] == each.text
                assert ("no gelu here" in trial.user_attrs.get("failure", "")) == (trial.state.name == "FAIL")
                assert trial.duration is not None
                assert trial.duration.total_seconds() == pytest.approx(each.seconds or 0.0, abs=1e-5)
            with pytest.raises(nas.UsageError, match=f"there is a study '{name}'"):
                source.to_optuna(storage, name)
        rows = nas.from_optuna(storage, "run", SPACE)
        measured = [(each.text, each.value) for each in evaluated if each.value is not None]
        assert [(row["architecture"], row["accuracy"]) for row in rows] == measured


def test_what_is_over_a_limit_is_not_the_best_trial() -> None:
    arch = {"flag": "True", "act": "relu", "rate": 0.5}
    within = Candidate(
        1, arch, "a", "accepted", 1.0, {"accuracy": 1.0}, {"x": 1.0}, 0.5, False, None, {"accuracy": 0.25}
    )
    found = [within, replace(within, text="b", value=2.0, is_over_limit=True), replace(within, verdict="x", value=None)]
    choices: dict[str, list[Any]] = {"flag": ["True"], "act": ["relu"], "rate": [0.5]}
    study = trials.to_optuna(
        optuna.storages.InMemoryStorage(),
        "over",
        iter(found),
        choices,
        objective="accuracy",
        is_higher_better=True,
        notes={},
    )
    assert [each.value for each in study.trials] == [1.0, 2.0]
    assert study.best_trial.user_attrs["architecture"] == "a"
    assert study.best_trial.user_attrs["standard_errors"] == {"accuracy": 0.25}


def test_less_is_better_in_the_study_too(tmp_path: Path) -> None:
    less = {"objective": "loss", "direction": "minimize", "budget": 4, "out": tmp_path / "run"}
    result = searched(lambda arch: -score(arch), **less)
    study = result.to_optuna(None)  # type: ignore[arg-type] # Optuna's way to ask for memory
    assert (study.study_name, study.best_value) == (result.folder.name, result.best.value)
    assert study.metric_names == ["loss"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"rate": 0.5}, r"trial 1: .*flag"),
        ({"lr": 0.1}, r"trial 1: parameter 'lr' is no slot of the space; its slots are flag, depth\[0\]"),
        ({"act": "tanh"}, r"trial 1: .*act"),
    ],
)
def test_trials_that_are_no_architecture_are_named(params: dict[str, Any], words: str) -> None:
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="own")
    study.optimize(lambda trial: nas.suggest(trial, SPACE) and 1.0, n_trials=1)
    choices = {name: optuna.distributions.CategoricalDistribution([value]) for name, value in params.items()}
    study.add_trial(optuna.create_trial(value=1.0, params=params, distributions=choices))
    with pytest.raises(nas.UsageError, match=words) as caught:
        nas.from_optuna(storage, "own", SPACE)
    assert json.dumps(str(caught.value)).count("\\n") == 0


def test_studies_that_cannot_be_used_are_named() -> None:
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(storage=storage, study_name="two", directions=["minimize", "maximize"])
    study = optuna.create_study(storage=storage, study_name="infinite")
    study.optimize(lambda trial: float("inf") if nas.suggest(trial, SPACE) else 0, n_trials=2)
    for name, words in {"three": r"it has: \w+, \w+$", "two": "2 objectives", "infinite": "no complete"}.items():
        with pytest.raises(nas.UsageError, match=words):
            nas.from_optuna(storage, name, SPACE)
