"""What reaches a terminal: texts of others are shown and do nothing, wherever the program prints."""

import ast
import io
import logging
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import torch
from client import PACKAGE_ROOT, PATIENCE_SECONDS
from hypothesis import given
from hypothesis import strategies as st

from collm_nas_evaluator import terminal

HOSTILE = {
    "clipboard": "\x1b]52;c;aGk=\x07",
    "colour": "\x1b[31m",
    "one byte": "\x9b2J",
    "carriage return": "\r",
    "backspace": "\b",
    "right to left": "\u202e",
    "isolate": "\u2066",
    "mark": "\u200f",
    "zero width": "\u200b",
    "joiner": "\u200d",
    "byte order": "\ufeff",
    "soft hyphen": "\xad",
    "line": "\u2028",
    "paragraph": "\u2029",
    "next line": "\x85",
    "tag": "\U000e0041",
    "filler": "\u3164",
    "selector": "\ufe0f",
    "null": "\x00",
    "undecodable": "\udc9b",
}
ALL = "".join(HOSTILE.values())
PRINTING = {"terminal.py", "space.py"}  # the filter itself, and JSON in ASCII for the tests of the spelling


def does_something(text: str) -> list[str]:
    """The characters that a terminal would obey, or show nothing for."""
    kinds = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return [each for each in text if (unicodedata.category(each) in kinds and each != "\n") or each in "\u3164\ufe0f"]


@pytest.mark.parametrize("character", HOSTILE.values(), ids=HOSTILE)
def test_what_would_do_something_is_spelt_out(character: str) -> None:
    shown = terminal.visible(f"a{character}b")
    assert does_something(shown) == []
    assert shown.startswith("a\\")
    assert shown.endswith("b")


def test_what_shows_is_left_alone() -> None:
    for text in ("", "plain\n\ttext", "Größe 10 µs — “ja”…", "模型\u3000空间", "a\xa0b", "é", "e\u0301", "🙂"):
        assert terminal.visible(text) == text


@given(st.text(st.characters()))
def test_every_character_is_filtered_and_only_once(text: str) -> None:
    shown = terminal.visible(text)
    assert does_something(shown.replace("\t", "")) == []
    assert terminal.visible(shown) == shown
    assert "\n" not in terminal.line(text)


def test_a_stream_filters_every_way_of_writing() -> None:
    beneath = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", newline="")
    out = terminal.Shown(beneath)
    out.write("\x1b[0m\n")
    out.writelines(["\u202e", "é\n"])
    print("\r", "→", file=out, flush=True)
    assert beneath.buffer.getvalue() == b"\\x1b[0m\n\\u202e\xe9\n\\r \\u2192\n"
    assert not out.isatty()


def test_a_message_that_is_logged_is_one_line() -> None:
    formatter = terminal.LineFormatter("%(levelname)s %(name)s: %(message)s")
    record = logging.LogRecord("a", logging.ERROR, "", 0, "x\nERROR b: %s", ("\x1b[2J",), None)
    assert formatter.format(record) == "ERROR a: x\\nERROR b: \\x1b[2J"


@pytest.mark.parametrize(
    "path", sorted((PACKAGE_ROOT / "collm_nas_evaluator").rglob("*.py")), ids=lambda path: path.name
)
def test_everything_is_printed_through_the_filter(path: Path) -> None:
    around = {"sys.stdout", "sys.stderr", "out", "self._out"}
    for node in ast.walk(ast.parse(path.read_text())):
        if path.name in PRINTING or not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert called not in {"print", "os.write", *(f"{each}.write" for each in around)}, f"line {node.lineno}"
        assert not called.startswith(("sys.__stdout__", "sys.__stderr__", "sys.stdout.buffer", "sys.stderr.buffer"))


SWEEP = """
import logging, sys
from collm_nas_evaluator.__main__ import main

hostile, *commands = eval(sys.stdin.read())
for arguments in commands:
    try:
        print(arguments[0], main(arguments))
    except SystemExit as end:
        print(arguments[0], "left with", end.code)
print("printed", hostile)
logging.getLogger(hostile).error("logged %s", hostile)
logging.getLogger("x").error("raised", exc_info=ValueError(hostile))
sys.stdout.flush()
raise RuntimeError(hostile)
"""


def test_every_place_that_names_what_others_wrote_shows_it(tmp_path: Path) -> None:
    name = "".join(each for each in ALL if each not in "\x00/")
    folder = tmp_path / name
    folder.mkdir()
    commands = [["serve", "--listen", name], [name], ["spaces", f"--{name}"], ["spaces", "--config", str(folder)]]

    def configured(file: str, text: str, command: str = "spaces") -> None:
        path = tmp_path / f"{file}.yaml"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        commands.append([command, "--config", str(path)])

    quoted = "".join(f"\\U{ord(each):08x}" for each in name if not "\ud800" <= each <= "\udfff")
    configured("bytes", f"{name}: {{")
    configured("broken", "a: [\u202e\u200b")
    configured("key", f'"{quoted}": 1\n')
    configured("inner", f'imagenet: {{"{quoted}": 1}}\n')
    configured("value", f'device: "{quoted}"\nanalognas: false\n')
    configured("space", f'checkpoints: {{"{quoted}": a}}\n')
    configured("missing", f'nasbench201: {{csv: "{quoted}"}}\nanalognas: false\n')
    (tmp_path / "table.csv").write_text(
        f"index,arch,{''.join(each for each in name if each.isprintable())}\n1,\x1b[2J\n"
    )
    configured("table", "nasbench201: {csv: table.csv}\ncache_dir: cache\nanalognas: false\n")
    content = "".join(each for each in ALL if not "\ud800" <= each <= "\udfff")
    torch.save({content: torch.zeros(2)}, tmp_path / "names.pth")
    torch.save({"state_dict": {f"module.{content}": torch.zeros(2)}}, tmp_path / "inner.pth")
    torch.save({content: "text"}, tmp_path / "text.pth")
    (tmp_path / "global.pth").write_bytes(f"\x80\x02c{content.replace(chr(10), '')}\nsystem\n.".encode())
    for file, space in (("names", "spos"), ("inner", "ofa-w1.0"), ("text", "autoformer-tiny"), ("global", "spos")):
        configured(file, f"checkpoints: {{{space}: {file}.pth}}\nanalognas: false\n")
    for label in range(3):
        (tmp_path / "images" / f"{label}{name}").mkdir(parents=True)
    (tmp_path / "images" / f"0{name}" / f"{name}.png").write_bytes(b"no picture")
    scenes = PACKAGE_ROOT.parent / "examples" / "scenes" / "ofa_scenes.pth"
    images = f"checkpoints: {{ofa-scenes: {scenes}}}\nimagenet: {{val: images, train: images}}\nanalognas: false\n"
    configured("images", images)
    commands += [
        ["cache-images", "--config", str(tmp_path / "images.yaml"), "--space", name],
        ["import-nasbench201", str(folder)],
        ["import-nasbench201", str(tmp_path / "global.pth"), "--out", str(folder / name)],
        ["retrain", name, "--train", "a", "--val", "b", "--folder", "c"],
        ["retrain", "{}", "--train", str(folder), "--val", str(folder), "--folder", str(folder)],
    ]
    ran = subprocess.run(
        [sys.executable, "-c", SWEEP],
        input=repr([content, *commands]).encode(),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        cwd=PACKAGE_ROOT,
        check=False,
    )
    for said in (ran.stdout.decode(), ran.stderr.decode()):
        assert does_something(said) == []
        assert "\\u202e" in said
    results = [each for each in ran.stdout.decode().splitlines() if "printed" not in each]
    assert [each.endswith((" 2", " 0")) for each in results if "unavailable" not in each].count(True) >= len(commands)
    assert "RuntimeError: \\x1b]52;" in ran.stderr.decode()
