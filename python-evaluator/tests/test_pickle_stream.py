"""Pickles as data: what the standard library would load is read the same, and nothing a stream says is run."""

import builtins
import codecs
import io
import os
import pickle
import random
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_analognas import Calls, global_named

from collm_nas_evaluator.tables import pickle_stream
from collm_nas_evaluator.tables.pickle_stream import Reader, Record, StreamRefused


def same(read: Any, value: Any) -> bool:
    """Whether a value was read as it is, every entry of a mapping being asked for by its key."""
    if isinstance(value, dict):
        return isinstance(read, Record) and all(same(read.at(key), each) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return type(read) is type(value) and len(read) == len(value) and all(map(same, read, value))
    return type(read) is type(value) and bool(read == value)


def load(content: bytes) -> Any:
    return Reader(io.BytesIO(content).read).load()


keys = st.one_of(st.text("abc@-0123456789é", max_size=20), st.integers(0, 70_000), st.integers(-(10**12), 10**12))
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text())
numbers = st.dictionaries(keys, st.floats(allow_nan=False), max_size=30)
values = st.recursive(
    st.one_of(scalars, numbers),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(keys, st.tuples(st.text(max_size=5), st.integers())), inner, max_size=5),
    ),
    max_leaves=20,
)


@given(values, st.sampled_from([2, 3, 4, 5]))
def test_records_are_read_as_the_standard_library_loads_them(value: Any, protocol: int) -> None:
    assert same(load(pickle.dumps(value, protocol)), value)


@pytest.mark.parametrize("protocol", [2, 4])
def test_numbers_outside_of_mappings_are_read_too(protocol: int) -> None:
    value = [[0, 0.5, 1, 1.5], [(1, 0.5), (300, 1.5)], (1, 0.5, "text", 2.5), [["text", 0.5], "text", 1.5], {1: {}}]
    assert same(load(pickle.dumps(value, protocol)), value)


@pytest.mark.parametrize("protocol", [2, 4])
def test_what_numpy_and_ordered_mappings_are_is_read(protocol: int) -> None:
    value = OrderedDict(params=np.float64(0.8), small=np.float32(0.5), count=np.int64(7), latency=[np.float64(1.5)])
    plain = {"params": 0.8, "small": 0.5, "count": 7, "latency": [1.5]}
    assert same(load(pickle.dumps(value, protocol)), plain)
    assert sorted(load(pickle.dumps({3, 1, 2}, protocol))) == [1, 2, 3]


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_key_is_found_though_it_is_only_referred_to(protocol: int) -> None:
    texts = [f"x-valid@{epoch}" for epoch in range(300)]
    first = {text: float(place) for place, text in enumerate(texts)}
    second = {text: value + 0.5 for text, value in first.items()}
    late = "a text after both"
    read = load(pickle.dumps([first, second, {"a": texts[7], "b": late, "c": late}], protocol))
    assert read[0].at("x-valid@199") == 199
    assert read[1].at("x-valid@199") == 199.5
    assert read[1].at("x-valid@300") is None
    assert read[2] == {"a": "x-valid@7", "b": late, "c": late}


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_window_may_end_anywhere(protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    source = random.Random(1)
    value = [{f"x-test@{epoch}": source.random() for epoch in range(600)} | {"name": "a" * 50} for _ in range(40)]
    content = pickle.dumps(value, protocol)
    monkeypatch.setattr(pickle_stream, "WINDOW", 9000)
    monkeypatch.setattr(pickle_stream, "LONGEST", 200)
    for most in (1 << 20, 8999, 977):
        stream = io.BytesIO(content)
        reader = Reader(lambda size, most=most, stream=stream: stream.read(min(size, most)))  # type: ignore[misc]
        assert same(reader.load(), value)
        assert reader.at_end()


def test_a_finished_record_is_forgotten_but_texts_are_kept() -> None:
    name, shared = "a name of its own", [1, 2]
    whole = [{"done": 1, "name": name}, {"done": 2, "name": name}]
    reader = Reader(io.BytesIO(pickle.dumps(whole, 4)).read, lambda record: record.get("name"))
    assert [each.outcome for each in reader.load()] == [name, name]  # type: ignore[attr-defined]
    across = [{"done": 1, "list": shared}, {"done": 2, "list": shared}]
    reader = Reader(io.BytesIO(pickle.dumps(across, 4)).read, lambda record: record.get("done"))
    with pytest.raises(StreamRefused, match="belongs to another record"):
        reader.load()


@pytest.mark.parametrize("endless", [b"}" * 200_000, b"}(" + b"K\0G12345678" * 20_000])
def test_a_record_without_end_is_refused_before_it_fills_the_memory(
    endless: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickle_stream, "WINDOW", 9000)
    monkeypatch.setattr(pickle_stream, "PLAIN_BYTES", 100_000)
    monkeypatch.setattr(pickle_stream, "NUMBER_BYTES", 100_000)
    with pytest.raises(StreamRefused, match="one record is larger than any cell's"):
        load(b"\x80\x02" + endless)


@pytest.mark.parametrize("objects", [b"}" * 300_000, b"}\x94" * 150_000, b"]" + b"\x94" * 300_000])
def test_many_small_objects_are_refused_though_their_bytes_are_few(objects: bytes) -> None:
    with pytest.raises(StreamRefused, match="one record is larger than any cell's"):
        load(b"\x80\x04" + objects + b".")


def test_any_number_of_finished_records_and_pickles_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_stream, "OPERATIONS", 60)
    content = pickle.dumps([{"done": place, "other": None} for place in range(50)], 4)
    reader = Reader(io.BytesIO(content * 2).read, lambda record: record.get("done", -1) + 1)
    assert [len(reader.load()), len(reader.load())] == [50, 50]  # type: ignore[arg-type]


def test_a_mapping_in_very_many_stretches_is_refused() -> None:
    entries = b"".join(b"(M%bG12345678u" % place.to_bytes(2, "little") for place in range(101))
    with pytest.raises(StreamRefused, match="one record is larger than any cell's"):
        load(b"\x80\x04}" + entries + b".")


HOSTILE: list[Callable[[Path], bytes]] = [
    lambda mark: pickle.dumps(Calls(os.system, f"touch {mark}")),
    lambda mark: pickle.dumps(Calls(builtins.eval, f"open({str(mark)!r}, 'w')")),
    lambda mark: pickle.dumps(Calls(exec, f"open({str(mark)!r}, 'w')"), protocol=2),
    lambda mark: pickle.dumps(Calls(exec, f"open({str(mark)!r}, 'w')"), protocol=0),
    lambda mark: pickle.dumps({"meta_archs": [Calls(Path.touch, Calls(Path, str(mark)))]}),
    lambda mark: pickle.dumps(Calls(getattr, Calls(__import__, "os"), "system")),
    lambda mark: pickle.dumps(Calls(codecs.lookup, str(mark))),
    lambda mark: pickle.dumps(Calls(codecs.encode, "touch", "rot13")),
    lambda mark: f"\x80\x02cos\nsystem\n(X{chr(5)}\0\0\0touchtR.".encode("latin1"),
    lambda mark: b"\x80\x02(X\x05\0\0\0touchios\nsystem\n.",
    lambda mark: b"\x80\x02(cos\nsystem\nX\x05\0\0\0toucho.",
    lambda mark: global_named("collections", "OrderedDict.__init__.__globals__") + b".",
    lambda mark: global_named("collections", "OrderedDict") + b"K\x01\x85R.",
    lambda mark: global_named("collections", "OrderedDict") + b")\x81.",
    lambda mark: global_named("collections", "OrderedDict") + b"}X\x01\0\0\0ax\x86b.",
    lambda mark: global_named("numpy", "dtype") + b"\x8c\x01O\x85R.",
    lambda mark: global_named("numpy", "dtype") + b"\x8c\x02f8\x85R(K\x03\x8c\x01>tb.",
    lambda mark: global_named("numpy.core.multiarray", "_reconstruct") + b".",
    lambda mark: b"\x80\x04\x8c\x03pidQ.",
    lambda mark: b"\x80\x02P0\n.",
    lambda mark: b"\x80\x04\x82\x01.",
    lambda mark: b"\x80\x04h\x05.",
    lambda mark: b"\x80\x04" + b"(" * 1000,
    lambda mark: b"\x80\x04" + b"]" * 1000 + b"a" * 999,
    lambda mark: b"\x80\x04]]a",
    lambda mark: b"\x80\x04.",
    lambda mark: b"\x80\x04Ne.",
    lambda mark: b"\x80\x04(K\x01G\0\0\0\0\0\0\0\0\x94t.",
    lambda mark: b"\x80\x04}(K\x01u.",
    lambda mark: b"\x80\x04}(]K\x01u.",
    lambda mark: b"\x80\x04}(K\x01NK\x01Nu.",
    lambda mark: b"\x80\x02X\xff\xff\xff\xffabc.",
    lambda mark: b"\x80\x02X\x01\0\0\0\xff.",
    lambda mark: b"\x80\x02X\x01\0\0\0aq\x05X\x01\0\0\0aq\x05.",
    lambda mark: b"\x80\x06N.",
    lambda mark: b"\x80",
    lambda mark: b"",
    lambda mark: b"PK\x03\x04",
]


@pytest.mark.parametrize("make", HOSTILE)
def test_a_hostile_stream_is_refused_and_nothing_of_it_runs(make: Callable[[Path], bytes], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(StreamRefused) as caught:
        load(make(mark))
    assert not mark.exists()
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=60), st.sampled_from([2, 4]))
def test_any_bytes_are_read_or_refused(content: bytes, protocol: int) -> None:
    with suppress(StreamRefused):
        load(bytes([0x80, protocol]) + content + b".")


@given(st.integers(0, 10**6), st.integers(0, 255), st.sampled_from([2, 4]))
def test_a_changed_byte_is_read_or_refused(place: int, byte: int, protocol: int) -> None:
    record = {
        "a": {f"x-valid@{epoch}": 0.5 for epoch in range(12)},
        "b": [np.float64(1), ("c", 1)],
        "d": OrderedDict(e=1),
    }
    content = bytearray(pickle.dumps(record, protocol))
    content[place % len(content)] = byte
    with suppress(StreamRefused):
        load(bytes(content))


def test_the_refusal_says_what_was_asked_for() -> None:
    with pytest.raises(
        StreamRefused, match=r"it asks for posix\.system, which no record of numbers needs \(byte \d+\)"
    ):
        load(pickle.dumps(Calls(os.system, "true")))
    with pytest.raises(StreamRefused, match="persistent id"):
        load(b"\x80\x02X\x01\0\0\0aQ.")
    with pytest.raises(StreamRefused, match="it ends in the middle"):
        load(pickle.dumps(["text"] * 5, 4)[:-3])
