"""Shows how far a search is: a bar in a notebook. In a terminal the control plane draws its own lines."""

import sys
from typing import Any, Protocol


class Bar(Protocol):
    def update(self, evaluated: int, best: float | None) -> None:
        """So many evaluations are done; the best value so far within the limits is this."""
        ...

    def close(self) -> None: ...


class NoBar:
    def update(self, evaluated: int, best: float | None) -> None:
        pass

    def close(self) -> None:
        pass


class NotebookBar:
    """A bar of tqdm: with widgets where the notebook has them, else as text."""

    def __init__(self, budget: int, objective: str) -> None:
        import importlib.util  # noqa: PLC0415

        # Without its widgets, tqdm's own choice for notebooks warns.
        has_widgets = importlib.util.find_spec("ipywidgets") is not None
        kind = importlib.import_module("tqdm.notebook" if has_widgets else "tqdm.std")
        self._objective = objective
        self._bar: Any = kind.tqdm(total=budget, unit="eval")

    def update(self, evaluated: int, best: float | None) -> None:
        self._bar.update(evaluated - self._bar.n)
        if best is not None:
            self._bar.set_postfix_str(f"best {self._objective} {best:.6g}")

    def close(self) -> None:
        self._bar.close()


def is_notebook() -> bool:
    """Whether this is the kernel of a notebook, whose output is not a terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"
