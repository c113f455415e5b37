"""Checkpoint files: read as torch reads them, as people save them, within bounds, and refused as what they are."""

import argparse
import collections
import datetime
import io
import pathlib
import pickle
import random
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reduced
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from collm_nas_evaluator import checkpoints, saved_tensors
from collm_nas_evaluator.errors import CheckpointUnusable
from collm_nas_evaluator.families import ofa

CPU = torch.device("cpu")
Box = Mapping[str, Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint"


def read(path: Path, box: object, *, is_zip: bool = True, protocol: int = 2) -> checkpoints.Checkpoint:
    return checkpoints.read(reduced.save(path, box, is_zip=is_zip, protocol=protocol), "state_dict")


def weights(count: int = 3) -> dict[str, Tensor]:
    return {f"blocks.{place}.weight": torch.arange(6.0).reshape(2, 3) + place for place in range(count)}


def same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> bool:
    return list(found) == list(expected) and all(
        found[name].dtype == each.dtype and torch.equal(found[name], each) for name, each in expected.items()
    )


# ----- what torch.save writes -----


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """A tensor of any kind that is read: whole, a part of a larger one, turned, or without a value."""
    kind = draw(st.sampled_from([getattr(torch, name) for name in saved_tensors.ITEM_BYTES]))
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    whole = torch.from_numpy(np.random.RandomState(draw(st.integers(0, 99))).randint(0, 2, [*shape, 5])).to(kind)
    part = draw(st.sampled_from([lambda each: each, lambda each: each[..., 1], lambda each: each[..., ::2]]))
    turned: Tensor = part(whole)
    return turned.movedim(0, -1) if turned.ndim and draw(st.booleans()) else turned


@given(st.dictionaries(st.text("abc.", min_size=1, max_size=6), tensors(), min_size=1, max_size=4), st.booleans())
def test_tensors_are_read_as_torch_reads_them(
    tmp_path_factory: pytest.TempPathFactory, box: dict[str, Tensor], is_zip: bool
) -> None:
    path = reduced.save(tmp_path_factory.mktemp("saved") / "file", {"state_dict": box}, is_zip=is_zip)
    found = checkpoints.read(path, "state_dict")
    assert same(found.tensors, torch.load(path, weights_only=True)["state_dict"])


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
def test_modules_parameters_and_shared_storages_are_read(path: Path, is_zip: bool) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    assert same(read(path, module.state_dict(), is_zip=is_zip).tensors, module.state_dict())
    kept = dict(module.named_parameters())
    assert same(read(path, {"model": kept}, is_zip=is_zip).tensors, kept)
    marked = torch.nn.Parameter(torch.ones(2))
    marked.no_decay = True  # type: ignore[attr-defined]
    assert same(read(path, {"state_dict": {"x": marked}}, is_zip=is_zip).tensors, {"x": marked})
    tied = torch.arange(8.0)
    both = {"one": tied[:4], "other": tied.view(2, 4)}
    assert same(read(path, {"state_dict": both}, is_zip=is_zip).tensors, both)


def test_a_file_without_checksums_is_read(path: Path) -> None:
    torch.serialization.set_crc32_options(compute_crc32=False)
    try:
        found = read(path, {"state_dict": weights()})
    finally:
        torch.serialization.set_crc32_options(compute_crc32=True)
    assert same(found.tensors, weights())


def test_a_part_of_a_storage_as_the_first_releases_wrote_it_is_read(path: Path) -> None:
    """Those named the part in the reference; torch writes none any more, so that one is put into the stream here."""
    content = reduced.save(path, {"state_dict": {"x": torch.arange(6.0)[2:5]}}, is_zip=False).read_bytes()
    whole = b"K\x06Ntq"  # six numbers, and no part of them
    assert content.count(whole) == 1
    content = content.replace(whole, b"K\x06(X\x01\0\0\0vK\x02K\x03ttq")
    path.write_bytes(content.replace(b"QK\x02K\x03\x85", b"QK\0K\x03\x85"))
    assert checkpoints.read(path, "state_dict").tensors["x"].tolist() == [2, 3, 4]


# ----- as people save them -----

WRAPPERS = ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module.", "_orig_mod._orig_mod."]


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("wrapper", [*WRAPPERS, "_fsdp_wrapped_module.", "module._fsdp_wrapped_module._orig_mod."])
def test_what_wrappers_put_into_names_is_left_out(path: Path, wrapper: str, is_zip: bool) -> None:
    expected = weights()
    around = {f"{wrapper}{name}": each for name, each in expected.items()}
    inside = {name.replace("blocks.", f"blocks.{wrapper}"): each for name, each in expected.items()}
    for box in (around, inside, {"n_averaged": torch.tensor(5), **around}):
        found = read(path, {"state_dict": box}, is_zip=is_zip)
        assert same(found.matched(dict.fromkeys(expected, (2, 3)), "a test", CPU), expected)


def test_two_spellings_of_one_name_are_refused(path: Path) -> None:
    with pytest.raises(CheckpointUnusable, match=r'holds "blocks\.0\.weight" twice, under two spellings'):
        read(path, {"state_dict": {**weights(), "module.blocks.0.weight": torch.zeros(2, 3)}})


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "boxed",
    [
        lambda each: each,
        lambda each: {"state_dict": each},
        lambda each: {"model": each},
        lambda each: {"model": {"state_dict": OrderedDict(each)}},
        lambda each: {"model_state_dict": each, "state_dict": None},
        lambda each: {"epoch": 3, "accuracy": 71.5, "name": "supernet", "note": None, **each},
        lambda each: {"state_dict": {**each, "_extra_state": {"calls": 1}, "version": 2, "rate": 0.5}},
        lambda each: {"state_dict": {**each, "total_ops": torch.zeros(1), "blocks.0.total_params": torch.zeros(1)}},
        lambda each: {"state_dict": {**each, "blocks.0.num_batches_tracked": torch.tensor(7)}},
    ],
)
def test_weights_are_found_wherever_people_put_them(path: Path, boxed: Callable[[Box], Box], is_zip: bool) -> None:
    found = read(path, boxed(weights()), is_zip=is_zip)
    assert same(found.matched(dict.fromkeys(weights(), (2, 3)), "a test", CPU), weights())


BESIDE: Mapping[str, Any] = {
    "best": np.float64(71.5),
    "top": np.float32(3),
    "losses": np.arange(5.0),
    "many": np.arange(9000),
    "random": [random.getstate(), np.random.RandomState(1).get_state(), torch.get_rng_state()],
    "args": argparse.Namespace(rate=0.5, folder=pathlib.PurePosixPath("/data"), sizes=(1, 2), deep={"a": [1, {2}]}),
    "counts": collections.Counter("aab"),
    "state": collections.defaultdict(dict, {1: {"x": torch.ones(2)}}),
    "queue": collections.deque([1, 2], 3),
    "when": [datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), datetime.timedelta(1)],
    "device": torch.device("cuda"),
    "kind": torch.float16,
    "shape": torch.Size([1, 2]),
    "complex": 1j,
    "text": "a log\n" * 20_000,
    "bytes": b"\xff\0" * 9000,
    "large": 2**70,
    "very large": 2**3000,
    "plain": [slice(1, 2), range(5), np.uint16],
    "nothing": (None, True, frozenset([1])),
    "history": [0.5] * 5000,
    "keys": {None: 1, 0.5: 2, (1, "a"): 3, -1: 4, True: 5},
    "other keys": {torch.float16: 1, (1, 2, 3): 2, b"a": 3, pathlib.PurePosixPath("/a"): 4, torch.device("cpu"): 5},
}


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("key", list(BESIDE))
def test_harmless_values_beside_the_weights_are_read_past(path: Path, key: str, is_zip: bool, protocol: int) -> None:
    for box in ({"state_dict": weights(), key: BESIDE[key]}, {key: {"x": [BESIDE[key]]}, "state_dict": weights()}):
        assert same(read(path, box, is_zip=is_zip, protocol=protocol).tensors, weights())


def test_long_bytes_of_python_2_beside_the_weights_are_read_past(path: Path) -> None:
    content = reduced.save(path, {"state_dict": weights(), "bytes": "some text"}, is_zip=False).read_bytes()
    text = b"X\x09\0\0\0some text"
    assert content.count(text) == 1
    path.write_bytes(content.replace(text, b"T\x58\x1b\0\0" + b"\xff" * 7000))
    assert same(checkpoints.read(path, "state_dict").tensors, weights())


def test_the_state_of_an_optimizer_is_read_past_and_takes_no_memory(path: Path) -> None:
    module = torch.nn.Linear(300, 300)
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.ones(1, 300)).sum().backward()
    optimizer.step()
    saved = reduced.save(path, {"model": module.state_dict(), "optimizer": optimizer.state_dict()})
    asked: list[int] = []
    with saved.open("rb") as file:
        whole = saved_tensors.look(file)
    found = checkpoints._read(
        saved,
        checkpoints._weights(saved, whole.root, "model", str),
        saved_tensors.Saved(whole.root, lambda storage, memory: asked.append(storage.bytes)),
    )
    assert list(found) == ["weight", "bias"]
    assert sum(asked) == 4 * (300 * 300 + 300)


# ----- no finite numbers -----


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_weight_that_is_no_finite_number_is_refused_by_the_name_of_the_first(
    path: Path, kind: torch.dtype, value: float, place: int
) -> None:
    wrong = {name: each.to(kind) for name, each in weights().items()}
    for later in range(place, 3):
        wrong[f"blocks.{later}.weight"][1, 2] = value
    found = read(path, {"state_dict": wrong})
    with pytest.raises(
        CheckpointUnusable, match=rf'"blocks\.{place}\.weight" holds {value} at \[1, 2\]; .* get another'
    ):
        found.matched(dict.fromkeys(wrong, (2, 3)), "a test", CPU)


def test_a_number_that_no_float_of_32_bits_holds_is_refused(path: Path) -> None:
    found = read(path, {"x": torch.tensor([1.0, 1e300, 1e300], dtype=torch.float64)})
    with pytest.raises(CheckpointUnusable, match=r'"x" holds inf at \[1\] and 1 more values'):
        found.matched({"x": (3,)}, "a test", CPU)


# ----- what is refused -----


ONES = torch.ones(2, 3)
FOREIGN: Mapping[str, tuple[Callable[[], object], str]] = {
    "quantized": (lambda: torch.quantize_per_tensor(ONES, 0.5, 0, torch.qint8), "a quantized tensor"),
    "by channel": (
        lambda: torch.quantize_per_channel(ONES, torch.ones(2), torch.zeros(2), 0, torch.quint8),
        "a quantized tensor",
    ),
    "sparse": (ONES.to_sparse, "a sparse tensor"),
    "rows": (ONES.to_sparse_csr, "a sparse tensor"),
    "meta": (lambda: ONES.to("meta"), r"a tensor without values \(meta\)"),
    "complex": (lambda: torch.ones(2, dtype=torch.complex64), "a tensor of complex64"),
    "conjugated": (lambda: torch.ones(2, dtype=torch.complex64).conj(), "a tensor of complex64"),
    "negative": (
        lambda: torch.ones(2, dtype=torch.complex64).conj().imag,
        r"a tensor that is a view \(conjugated or negative\)",
    ),
    "eight bits": (lambda: ONES.to(torch.float8_e4m3fn), "a tensor of float8_e4m3fn"),
    "unsigned": (lambda: ONES.to(torch.uint16), "a tensor of uint16"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", list(FOREIGN))
def test_a_tensor_of_another_kind_is_named(path: Path, kind: str) -> None:
    make, what = FOREIGN[kind]
    with pytest.raises(CheckpointUnusable, match=f'"blocks.1.weight" is {what}, and weights are dense'):
        read(path, {"state_dict": {**weights(), "blocks.1.weight": make()}})
    assert same(read(path, {"state_dict": weights(), "beside": make()}).tensors, weights())


def _archive(path: Path, description: bytes, members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("archive/data.pkl", description)
        archive.writestr("archive/version", b"3\n")
        for name, content in members.items():
            archive.writestr(f"archive/{name}", content)
    return path


def _storage(count: int, key: str = "0") -> bytes:
    number = b"\x8a\x08" + struct.pack("<q", count)
    return b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" + key.encode() + b"X\x03\0\0\0cpu" + number + b"tQ"


def _tensor(count: int, shape: bytes, strides: bytes, start: bytes = b"K\0") -> bytes:
    made = b"ctorch._utils\n_rebuild_tensor_v2\n(" + _storage(count) + start + shape + strides
    return b"}X\x01\0\0\0x" + made + b"\x89ccollections\nOrderedDict\n)RtRs."


HUGE = b"\x8a\x08" + struct.pack("<q", 1 << 40)
DEEP = 20_000
HOSTILE: Mapping[str, tuple[bytes, str]] = {
    "bytearray": (b"}X\x01\0\0\0acbuiltins\nbytearray\n" + HUGE + b"\x85Rs.", "asks for builtins.bytearray"),
    "set of a tuple": (b"cbuiltins\nset\n(" + b")" + b"\x85" * DEEP + b"t\x85R.", "holds neither"),
    "deep key": (b"})" + b"\x85" * DEEP + b"K\x01s.", "holds neither a dictionary of tensors"),
    "deep lists": (b"]" * DEEP + b"a" * (DEEP - 1) + b".", "holds neither"),
    "doubled": (b"}X\x01\0\0\0aK\x01" + b"q\1h\1\x86" * (DEEP // 2) + b"s.", "holds neither"),
    "many objects": (b"(" + b"}" * 50_001 + b"l.", "more than any supernet has"),
    "huge storage": (_tensor(1 << 40, b"K\x01\x85", b"K\x01\x85"), "more bytes than the file"),
    "negative storage": (_tensor(-1, b"K\0\x85", b"K\x01\x85"), "not a storage"),
    "expanded": (_tensor(1, b"J\xff\xff\xff\x7f\x85", b"K\0\x85"), "views of few numbers"),
    "outside": (_tensor(1, b"K\x02\x85", b"K\x01\x85"), "beyond its storage"),
    "before": (_tensor(1, b"K\x01\x85", b"K\x01\x85", start=b"J\xff\xff\xff\xff"), "beyond its storage"),
    "negative shape": (_tensor(1, b"J\xff\xff\xff\xff\x85", b"K\x01\x85"), "a tensor has no possible shape"),
    "no stride": (_tensor(1, b"K\x01\x85", HUGE + b"\x85"), "a tensor has no possible shape"),
    "no stride of nothing": (
        _tensor(0, b"K\0\x85", b"\x8a\x20" + b"\x7f" * 32 + b"\x85"),
        "a tensor has no possible shape",
    ),
    "nothing far away": (_tensor(0, b"K\0\x85", b"K\x01\x85", start=HUGE), "beyond its storage"),
    "no number": (_tensor(1, b"X\x01\0\0\0a\x85", b"K\x01\x85"), "a tensor has no possible shape"),
    "many axes": (_tensor(1, b"(" + b"K\x01" * 9 + b"t", b"(" + b"K\x01" * 9 + b"t"), "a tensor has no possible shape"),
    "two lengths": (_tensor(1, b"K\x01\x85", b"K\x01K\x01\x86"), "a tensor has no possible shape"),
    "missing bytes": (_tensor(2, b"K\x02\x85", b"K\x01\x85"), "the bytes of storage 0 are missing"),
    "made of nothing": (b"ctorch._utils\n_rebuild_tensor_v2\n)R.", "makes something that is not a tensor"),
    "called": (b"cargparse\nNamespace\n)R.", "holds neither"),
    "endless text": (b"X\xff\xff\xff\x7fabc.", "is not a PyTorch checkpoint, or a cut one"),
    "a name to print": (b"c\x1b[31mred\nx\n.", r"asks for \\x1b\[31mred\.x"),
    "no name to print": (
        _tensor(1, b"K\x01\x85", b"K\x01\x85").replace(b"X\x01\0\0\0x", b"X\x02\0\0\0\x1b["),
        r"whose name is too long or does not print: '\\x1b\['",
    ),
    "whole model": (b"(X\x06\0\0\0moduleK\x01tQ.", r"a whole model; save its state_dict\(\) instead"),
}


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_a_hostile_description_is_refused_and_takes_little(
    path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_tensors, "OPERATIONS", 50_000)
    description, what = HOSTILE[kind]
    _archive(path, b"\x80\x02" + description, {"data/0": b"\0\0\x80\x3f"})
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointUnusable, match=what) as caught:
            checkpoints.read(path, "state_dict")
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert str(caught.value).isprintable()


def test_members_that_are_compressed_or_there_twice_are_refused(path: Path) -> None:
    description = b"\x80\x02" + _tensor(1 << 20, HUGE + b"\x85", b"K\x01\x85")
    _archive(path, description, {"data/0": bytes(4 << 20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointUnusable, match="members that are compressed or there twice"):
        checkpoints.read(path, "state_dict")
    content = _archive(path, description, {"data.pkL": description}).read_bytes()
    path.write_bytes(content.replace(b"data.pkL", b"data.pkl"))
    with pytest.raises(CheckpointUnusable, match="members that are compressed or there twice"):
        checkpoints.read(path, "state_dict")


def test_a_directory_of_members_without_end_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for place in range(60_000):
            archive.writestr(f"archive/a-name-that-takes-some-room-{place}", b"")
    with pytest.raises(CheckpointUnusable, match="its directory says that it has"):
        checkpoints.read(path, "state_dict")


def test_a_file_larger_than_any_is_refused_before_it_is_read(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(saved_tensors.LARGEST + 1)
    with pytest.raises(CheckpointUnusable, match=r"has 4,294,967,297 bytes, more than any supernet's"):
        checkpoints.read(path, "state_dict")


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("changes", [100, pytest.param(10_000, marks=pytest.mark.long)])
def test_a_changed_byte_is_read_or_refused(path: Path, is_zip: bool, changes: int) -> None:
    content = reduced.save(path, {"state_dict": weights(), "args": argparse.Namespace(a=1)}, is_zip=is_zip).read_bytes()
    source = random.Random(1)
    for _ in range(changes):
        changed = bytearray(content)
        changed[source.randrange(len(content))] = source.randrange(256)
        path.write_bytes(changed)
        try:
            checkpoints.read(path, "state_dict")
        except CheckpointUnusable as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017 - nothing else may be raised


# ----- downloads that are no checkpoint -----


def _zipped(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return made.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n"
DOWNLOADS: Mapping[str, tuple[bytes, str]] = {
    "nothing": (b"", "an empty file; download it again"),
    "zeros": (bytes(5000), "zeros from its beginning"),
    "page": (b"<!DOCTYPE html>\n<html>sign in</html>", "a web page; the server answered with a page"),
    "page with a mark": (b"\xef\xbb\xbf\r\n <HTML lang=en>", "a web page"),
    "error page": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "a web page"),
    "message": (b'{"error": "not found"}', r"a text \(JSON\)"),
    "text": (b"404: Not Found", "a text; download the file itself"),
    "git lfs": (POINTER, "a Git LFS pointer; `git lfs pull`"),
    "git annex": (b"/annex/objects/SHA256E-s1--2.pth\n", "a git-annex pointer"),
    "gzip": (b"\x1f\x8b\x08\0", r"a compressed file \(gzip\); unpack it"),
    "bzip2": (b"BZh91AY", r"a compressed file \(bzip2\)"),
    "xz": (b"\xfd7zXZ\0\0", r"a compressed file \(xz\)"),
    "zstd": (b"\x28\xb5\x2f\xfd\0", r"a compressed file \(zstd\)"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0", "a 7-Zip archive"),
    "zip": (_zipped("files/supernet.pth", "files/README"), r"unpack it .* \(files/supernet\.pth is the first of 2\)"),
    "zip to print": (_zipped("files/\x1b[31m"), r"\(files/\\x1b\[31m is the first"),
    "empty zip": (_zipped(), "an empty ZIP archive"),
    "numpy zip": (_zipped("a.npy", "b.npy"), "it holds arrays of NumPy"),
    "tar": (b"supernet.pth".ljust(257, b"\0") + b"ustar\0" + bytes(300), "a tar archive; unpack it"),
    "first torch": (b"storages".ljust(257, b"\0") + b"ustar\0" + bytes(300), r"PyTorch before 0\.1\.10"),
    "safetensors": (struct.pack("<Q", 70) + b'{"x":{"dtype":"F32"', "a safetensors file"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    "pickle": (pickle.dumps({"x": 1}), "a pickle, but not one of torch.save"),
    "noise": (b"\xfe\x01\x02" * 99, "not a PyTorch checkpoint, or a cut one; download it again"),
}


@pytest.mark.parametrize("kind", list(DOWNLOADS))
def test_a_download_that_is_no_checkpoint_is_named_as_what_it_is(path: Path, kind: str) -> None:
    content, what = DOWNLOADS[kind]
    path.write_bytes(content)
    with pytest.raises(CheckpointUnusable, match=f"checkpoint: (is|was) .*{what}") as caught:
        ofa.load(path)
    said = str(caught.value)
    assert said.isprintable()
    assert not any(word in said for word in ("weights_only", "safe_globals", "torch.load", "arbitrary"))


def test_a_whole_model_and_a_program_are_named(path: Path) -> None:
    torch.save(torch.nn.Linear(2, 3), path)
    with pytest.raises(CheckpointUnusable, match=r"holds more than weights, .* it asks for torch\.nn\.modules\.linear"):
        checkpoints.read(path, "state_dict")
    _archive(path, b"\x80\x02}.", {"constants.pkl": b"", "code/__torch__.py": b""})
    with pytest.raises(CheckpointUnusable, match=r"is a program \(TorchScript\); save the state_dict\(\)"):
        checkpoints.read(path, "state_dict")
