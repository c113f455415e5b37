"""Neural architecture search from Python: describe a space, give a score, and get the best architecture.

Importing this package loads neither PyTorch nor gRPC: each name is loaded when it is first used.
"""

from typing import TYPE_CHECKING, Any

from collm_nas_evaluator import __version__

if TYPE_CHECKING:
    from collm_nas.answers import Value
    from collm_nas.benches import Bench, bench
    from collm_nas.errors import CollmError, NodeMissing, NoWinner, SearchStopped, UsageError
    from collm_nas.function import Cost, Metric
    from collm_nas.result import Candidate, Result, Winner, open_run
    from collm_nas.searching import search
    from collm_nas.serving import serve
    from collm_nas.space import Architecture, Slots, Space, choice, slots
    from collm_nas.supernet import Supernet, check_supernet, search_supernet
    from collm_nas.trials import from_optuna, suggest

_HOMES = {
    "collm_nas.answers": ("Value",),
    "collm_nas.benches": ("Bench", "bench"),
    "collm_nas.errors": ("CollmError", "NoWinner", "NodeMissing", "SearchStopped", "UsageError"),
    "collm_nas.function": ("Cost", "Metric"),
    "collm_nas.result": ("Candidate", "Result", "Winner", "open_run"),
    "collm_nas.searching": ("search",),
    "collm_nas.serving": ("serve",),
    "collm_nas.space": ("Architecture", "Slots", "Space", "choice", "slots"),
    "collm_nas.supernet": ("Supernet", "check_supernet", "search_supernet"),
    "collm_nas.trials": ("from_optuna", "suggest"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Architecture",
    "Bench",
    "Candidate",
    "CollmError",
    "Cost",
    "Metric",
    "NoWinner",
    "NodeMissing",
    "Result",
    "SearchStopped",
    "Slots",
    "Space",
    "Supernet",
    "UsageError",
    "Value",
    "Winner",
    "__version__",
    "bench",
    "check_supernet",
    "choice",
    "from_optuna",
    "open_run",
    "search",
    "search_supernet",
    "serve",
    "slots",
    "suggest",
]


def __getattr__(name: str) -> Any:
    import importlib  # noqa: PLC0415

    if name not in _HOME_OF:
        raise AttributeError(f"module 'collm_nas' has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
