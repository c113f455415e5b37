"""Serves a function to searches that run elsewhere: `collm-nas run --evaluator HOST:PORT`."""

import sys
from collections.abc import Callable, Sequence

from collm_nas import function, listening
from collm_nas.errors import UsageError
from collm_nas.function import Costs, Metric, Score
from collm_nas.space import Architecture, Space, require_space
from collm_nas_evaluator import addresses


def serve(
    space: Space,
    score: Score,
    *,
    listen: str = "127.0.0.1:0",
    allow_remote: bool = False,
    costs: Costs | None = None,
    objective: str | Metric = "accuracy",
    direction: str = "maximize",
    metrics: Sequence[str | Metric] = (),
    test: Score | None = None,
    key: Callable[[Architecture], str] | None = None,
    version: str = "",
    workers: int = 1,
    on_listening: Callable[[str], None] | None = None,
) -> None:
    """Serves until it is interrupted. The arguments are those of `search`.

    `listen` is HOST:PORT, where port 0 is any free one; `on_listening` gets the address with its port, which is
    printed otherwise. An address that other machines reach needs `allow_remote`: whoever reaches it may have
    architectures scored, and there is no password. Raises UsageError for what has to be corrected.
    """
    require_space(space)
    address = addresses.read(listen)
    if address is None:
        raise UsageError(f"listen is {listen!r}; it is HOST:PORT with a port from 0 to 65535")
    if address.is_remote() and not allow_remote:
        raise UsageError(f"listen={listen!r} can be reached by other machines; pass allow_remote=True if that is meant")
    backend, calls = function.scored(
        space,
        score,
        costs=costs or {},
        objective=function.objective_of(objective, direction, metrics),
        test=test,
        key=key,
        version=version,
        workers=workers,
        on_broken_cost=lambda error: _say(str(error)),
        say=_say,
    )
    try:
        running = listening.start(backend, address)
        try:
            if on_listening is None:
                command = f"collm-nas run --space {space.name} --evaluator {running.address}"
                _say(f"{space.name} is served at {running.address}; search it with: {command}")
            else:
                on_listening(running.address)
            calls.work()
        finally:
            running.stop()
    finally:
        calls.close()


# --- internal ---


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
