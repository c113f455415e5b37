"""The reference of evaluator.yaml: every key with its form, its default and its meaning, as Markdown.

Owns the form of the page. What it says of a key is the key's own. Knows no key and no family by name.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from collm_nas_evaluator import config
from collm_nas_evaluator.keys import Key

COMMAND = "collm-nas-evaluator reference > docs/reference/evaluator.md"
_HEAD = f"""# Evaluator configuration

<!-- Generated: `{COMMAND}`. Do not edit. -->

`collm-nas-evaluator serve --config evaluator.yaml` reads this file. A relative path is relative to the folder of the
file, and `~` is your home folder. A key with a dot is written as a nested one: `imagenet.val` is `val` below
`imagenet:`. An unknown key, a key that is given twice and a value of the wrong form end the command with the line and
the key.
"""


def text() -> str:
    """The whole page. Raises PackageMissing when PyTorch is not installed, because families have keys too."""
    return "\n".join([_HEAD, *_sections(config.every_key())]).rstrip() + "\n"


def _sections(keys: Mapping[str, Key[Any]]) -> Iterator[str]:
    for title, some in groupby(keys.values(), lambda key: key.name.rpartition(".")[0] and key.name.partition(".")[0]):
        yield f"## {title or 'Keys at the top'}\n"
        yield "| key | value | default | meaning |\n| --- | --- | --- | --- |"
        for key in some:
            yield f"| `{key.name}` | {key.form.words} | {_default(key)} | {_cell(key.meaning)} |"
        yield ""


def _default(key: Key[Any]) -> str:
    if key.default_words or key.default is None:
        return _cell(key.default_words or "none")
    return f"`{str(key.default).lower() if isinstance(key.default, bool) else key.default}`"


def _cell(words: str) -> str:
    return words.replace("|", "\\|")
