"""The bridge to Optuna: results of a study as known results, a run as a study, and a trial as an architecture.

A slot is a parameter with its own name, such as "kernel[0]" (the bare name where the dimension is a `choice`). A slot
that is inactive has no parameter. What becomes of the results is said elsewhere.
"""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from collm_nas.errors import UsageError
from collm_nas.space import Architecture, Choice, Space, columns

if TYPE_CHECKING:
    import optuna
    from optuna import Study

    from collm_nas.result import Candidate

LONGEST_NOTE = 1_000
"""Databases refuse texts that are much longer."""


def suggest(trial: "optuna.trial.BaseTrial", space: Space) -> Architecture:
    """The architecture of a trial, for an objective of Optuna: `score(nas.suggest(trial, space))`."""
    drawn: Architecture = {}
    for name, slots in sorted(space.dimensions.items(), key=lambda each: each[1].active != ""):
        choices = list(slots.choices)
        values = [
            trial.suggest_categorical(column, choices) if is_active else None
            for column, is_active in zip(slots.columns(name), _active(space, name, drawn), strict=True)
        ]
        drawn[name] = values[0] if slots.is_single else values
    return {name: drawn[name] for name in space.dimensions}


def from_optuna(
    storage: "str | optuna.storages.BaseStorage", study_name: str, space: Space, *, objective: str | None = None
) -> list[dict[str, Any]]:
    """The results of a study, for `known=` of `search`: a list of {"architecture": …, "accuracy": …}.

    Each parameter of the study is a slot of the space, as `suggest` names them. Trials that are complete and have a
    finite value count, in their order. Of an architecture that was tried several times the first result counts, as no
    search scores one twice. The value is called `objective`, by default as the study calls it, or "accuracy". User
    attributes that are numbers are further metrics.

    Raises UsageError for a study that is not there or has several objectives, and for a trial that is no architecture.
    """
    optuna = _optuna("from_optuna")
    try:
        study = optuna.load_study(study_name=study_name, storage=storage)
    except KeyError:
        there = ", ".join(optuna.get_all_study_names(storage)) or "none"
        raise UsageError(f"there is no study {study_name!r} in that storage; it has: {there}") from None
    if len(study.directions) > 1:
        raise UsageError(f"study {study_name!r} has {len(study.directions)} objectives; known results have one")
    name = objective or (study.metric_names or ["accuracy"])[0]
    rows: dict[str, dict[str, Any]] = {}
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)):
        text = _text_of(trial, space, study_name)
        if trial.value is None or not math.isfinite(trial.value):
            continue
        further = {key: value for key, value in trial.user_attrs.items() if _is_number(value)}
        rows.setdefault(text, {**further, "architecture": text, name: trial.value})
    if not rows:
        raise UsageError(f"study {study_name!r} has no complete trial with a finite value")
    return list(rows.values())


def to_optuna(
    storage: "str | optuna.storages.BaseStorage",
    study_name: str,
    candidates: Iterator["Candidate"],
    choices: Mapping[str, Sequence[Choice]],
    *,
    objective: str,
    is_higher_better: bool,
    notes: Mapping[str, Any],
) -> "Study":
    """Writes the candidates that have a result, or a failure, as the trials of a new study.

    `choices` are those of each parameter, by its name. `notes` become user attributes of the study. Raises UsageError
    for a study that is there already.
    """
    optuna = _optuna("to_optuna")
    direction = "maximize" if is_higher_better else "minimize"
    try:
        study: Study = optuna.create_study(storage=storage, study_name=study_name, direction=direction)
    except optuna.exceptions.DuplicatedStudyError:
        raise UsageError(f"there is a study {study_name!r} in that storage already; give another name=") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([objective])
    for key, note in notes.items():
        study.set_user_attr(key, note)
    distributions = {
        name: optuna.distributions.CategoricalDistribution(list(entries)) for name, entries in choices.items()
    }
    trials = []
    for each in candidates:
        if each.architecture is None or (each.value is None and each.failure is None):
            continue
        params = {name: value for name, value in columns(each.architecture) if value is not None}
        trial = optuna.create_trial(
            state=optuna.trial.TrialState.FAIL if each.value is None else optuna.trial.TrialState.COMPLETE,
            value=each.value,
            params=params,
            distributions={name: distributions[name] for name in params},
            user_attrs=_attributes(each),
            # More than zero is out of the limits; then the study's best trial is the run's winner.
            system_attrs={"constraints": [float(each.is_over_limit)]},
        )
        if each.seconds is not None and trial.datetime_complete is not None:
            trial.datetime_start = trial.datetime_complete - timedelta(seconds=each.seconds)
        trials.append(trial)
    study.add_trials(trials)
    return study


# --- internal ---


def _optuna(who: str) -> Any:
    try:
        import optuna  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(f'{who} needs Optuna: pip install "collm-nas[optuna]"') from error
    return optuna


def _active(space: Space, name: str, drawn: Architecture) -> list[bool]:
    """Whether each slot of a dimension is part of the network."""
    (described,) = (each for each in space.described.dimensions if each.name == name)
    if not described.active_count:
        return described.active(None)
    counts = drawn[described.active_count]
    return described.active([int(each) for each in (counts if isinstance(counts, list) else [counts])])


def _text_of(trial: "optuna.trial.FrozenTrial", space: Space, study_name: str) -> str:
    place = f"study {study_name!r}, trial {trial.number}"
    for name in trial.params:
        if name not in space.columns:
            raise UsageError(
                f"{place}: parameter {name!r} is no slot of the space; its slots are {', '.join(space.columns)}. "
                "The score of an architecture must not depend on anything else"
            )
    architecture = {
        name: trial.params.get(name) if slots.is_single else [trial.params.get(each) for each in slots.columns(name)]
        for name, slots in space.dimensions.items()
    }
    try:
        return space.text(architecture)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error


def _attributes(each: "Candidate") -> dict[str, Any]:
    found: dict[str, Any] = {**each.metrics, **each.costs, "round": each.round, "architecture": each.text}
    if each.standard_errors:
        found["standard_errors"] = each.standard_errors
    if each.failure is not None:
        found["failure"] = each.failure[:LONGEST_NOTE]
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
