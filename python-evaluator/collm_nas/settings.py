"""Makes a configuration of the control plane from keywords of Python.

Names are those of search.yaml in Python's spelling (give_up_after for giveUpAfter). Only names are checked here; the
control plane checks every value.
"""

import difflib
import functools
import json
import re
import subprocess
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from collm_nas import control
from collm_nas.errors import UsageError
from collm_nas.space import Space, require_space

OURS = {"space", "evaluator", "address", "config", "program", "known"}
"""Keys that a call sets itself."""
_SECTIONS = ("", "model", "evaluator")
"""Where a keyword is looked for: at the top of search.yaml, then among the settings of the model and the evaluator."""


def configuration(space: Space, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with every keyword that is not None. Raises UsageError with the nearest name."""
    require_space(space)
    made: dict[str, Any] = {"space": space.name}
    for keyword, given in keywords.items():
        if given is None:
            continue
        section, name = _place_of(keyword)
        value = plain(given, keyword)
        if keyword == "model":
            made["model"] = {**made.get("model", {}), **({"name": value} if isinstance(value, str) else _camel(value))}
        elif section:
            made[section] = {**made.get(section, {}), name: value}
        else:
            made[name] = _camel(value) if isinstance(value, dict) and _is_section(name) else value
    return made


def plain(value: Any, keyword: str) -> Any:
    """The value as JSON holds it: paths become texts, and numbers of NumPy plain ones."""
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each, keyword) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, keyword) for each in value]
    if not isinstance(value, str | int | float | bool | None) and callable(getattr(value, "item", None)):
        value = value.item()
    if not isinstance(value, str | int | float | bool | None):
        raise UsageError(
            f"{keyword}= holds {value!r}; settings are numbers, texts, truth values, lists and dictionaries"
        )
    return value


# --- internal ---


@functools.cache
def _schema() -> dict[str, Any]:
    packaged = control.packaged("search.schema.json")
    if packaged.exists():
        text = packaged.read_bytes()
    else:
        text = subprocess.run([*control.program(), "schema"], capture_output=True, check=True).stdout  # noqa: S603
    schema: dict[str, Any] = json.loads(text)
    return schema


@functools.cache
def _names() -> dict[str, tuple[str, str]]:
    """Each keyword with its section and its name there; the top of the file wins."""
    found: dict[str, tuple[str, str]] = {}
    for section in _SECTIONS:
        for name in _properties(section):
            found.setdefault(_snake(name), (section, name))
    return {keyword: place for keyword, place in found.items() if keyword not in OURS}


def _place_of(keyword: str) -> tuple[str, str]:
    if keyword in OURS:
        raise UsageError(f"{keyword}= is set by the call itself; leave it out")
    place = _names().get(keyword) or _names().get(_snake(keyword))
    if place is None:
        near = difflib.get_close_matches(keyword, _names(), n=1)
        advice = f"; did you mean {near[0]}=?" if near else f"; there are {', '.join(sorted(_names()))}"
        raise UsageError(f"there is no setting {keyword}={advice}")
    return place


def _properties(section: str) -> dict[str, Any]:
    top: dict[str, Any] = _schema()["properties"]
    if not section:
        return top
    found = top[section]
    for each in (found, *found.get("anyOf", [])):
        if "properties" in each:
            own: dict[str, Any] = each["properties"]
            return own
    return {}


def _is_section(name: str) -> bool:
    return bool(_properties(name))


def _camel(value: Mapping[str, Any]) -> dict[str, Any]:
    return {re.sub(r"_([a-z])", lambda found: found[1].upper(), str(key)): each for key, each in value.items()}


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)
