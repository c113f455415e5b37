"""Draws a run with matplotlib: each evaluation, and the best so far within the limits.

It knows no run: numbers in, axes out.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from collm_nas.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from collm_nas.result import Candidate


def trace(
    candidates: Sequence["Candidate"],
    best: Sequence[float | None],
    *,
    budget: int,
    objective: str,
    title: str,
    ax: "Axes | None" = None,
) -> "Axes":
    """The evaluations against their number. `best` has the best value after each of them, None before the first."""
    try:
        from matplotlib import pyplot  # noqa: PLC0415 - an extra
        from matplotlib.ticker import MaxNLocator  # noqa: PLC0415
    except ImportError as error:
        raise UsageError('plot needs matplotlib: pip install "collm-nas[notebook]"') from error
    if ax is None:
        _, ax = pyplot.subplots(layout="constrained")
    evaluated = [each for each in candidates if each.value is not None or each.failure is not None]
    numbered = list(enumerate(evaluated, 1))
    for is_over, colour, label in ((False, "tab:gray", "evaluation"), (True, "tab:orange", "over a limit")):
        shown = [(x, each.value) for x, each in numbered if each.value is not None and each.is_over_limit == is_over]
        if shown:
            xs, ys = zip(*shown, strict=True)
            ax.scatter(xs, ys, s=16, color=colour, alpha=0.7, label=label)
    failed = [x for x, each in numbered if each.value is None]
    if failed:
        # On the lower edge, as a failure has no value.
        ax.scatter(
            failed,
            [0] * len(failed),
            marker="x",
            color="tab:red",
            label="failed",
            transform=ax.get_xaxis_transform(),
            clip_on=False,
        )
    found = [(x, value) for x, value in enumerate(best, 1) if value is not None]
    if found:
        xs, ys = zip(*found, strict=True)
        ax.step(xs, ys, where="post", label="best so far")
    ax.axvline(budget, linestyle=":", color="tab:gray", label="budget")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="evaluations", ylabel=objective, title=title)
    ax.legend()
    return ax
