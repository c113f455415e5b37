"""Reads pickle streams of plain records as data. No class is made and no function is called, whatever a stream says.

Owns which opcodes a stream may hold, which names a record of numbers may ask for, and the reading of it piece by piece:
long stretches of numbers are checked against the grammar of pickles and kept as the bytes they are, and what belongs to
one finished record is forgotten, so that memory does not grow with the stream. Knows no benchmark and no file. Source
of the grammar: the Python standard library's `pickletools`.
"""

import re
import struct
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

WINDOW = 1 << 20
"""How many bytes are asked for at a time."""
LONGEST = 4096
"""Longer texts, and longer anything else in one piece, are refused."""
PLAIN_BYTES, NUMBER_BYTES = 8 << 20, 8 << 20
"""How many bytes may be between two finished records, in single entries and in stretches of numbers."""
OPERATIONS = 200_000
"""How many opcodes may be there: each makes or memorises one object at most, and one byte can cost 150 of memory.

The official records have 3,300 of them and 0.4 million bytes of numbers, the list of cells before them 35,000.
"""
_STRETCHES = 100
"""How many stretches one mapping may have, for each is asked for a key; officially 1, or 2 where a window ends."""
_KEPT, _BYTES_KEPT = 40_000_000, 64 << 20
"""How many texts and names a stream may memorise, and how large the different ones may be together."""

_NAMES = {
    ("collections", "OrderedDict"): "mapping",
    ("builtins", "set"): "set",
    ("__builtin__", "set"): "set",
    ("_codecs", "encode"): "bytes",
    ("numpy", "dtype"): "dtype",
    ("numpy.core.multiarray", "scalar"): "number",
    ("numpy._core.multiarray", "scalar"): "number",
}
_NOTHING = object()
_NUMBER_FORMS = {"f8": "<d", "f4": "<f", "i8": "<q", "i4": "<i"}


class StreamRefused(Exception):
    """The stream is cut, no pickle, or asks for more than numbers, texts and their records; the text says what."""


class NameRefused(StreamRefused):
    """The stream asks for a class or a function that it may not name."""


class Opaque:
    """Stands for an object that is read past: what the stream puts into it is forgotten at once."""

    __slots__ = ()


OPAQUE = Opaque()


@dataclass(frozen=True, slots=True)
class _Name:
    """One of the admitted names, by its meaning here."""

    meaning: str


@dataclass(frozen=True, slots=True)
class _NumberForm:
    """How the bytes of a number of numpy are laid out, for `struct`."""

    layout: str


class Record(dict[Any, Any]):
    """A mapping of the stream: entries of its own, and `stretches` of entries whose values are all numbers.

    `outcome` is what the reader's caller made of it when it was whole; None before.
    """

    __slots__ = ("outcome", "stretches")

    def __init__(self) -> None:
        super().__init__()
        self.stretches: list[_Stretch] = []
        self.outcome: object = None

    def at(self, key: object) -> object:
        """The value of a key, wherever it is; None when it is not there."""
        for stretch in self.stretches:
            found = stretch.number(key)
            if found is not None:
                return found
        return self.get(key)


@dataclass(frozen=True, slots=True)
class _Grammar:
    """How entries of a text, a whole number or a reference, and a float are written; `lead` begins a text."""

    stretch: re.Pattern[bytes]
    entry: re.Pattern[bytes]
    memorised: re.Pattern[bytes]
    lead: Callable[[int], bytes]

    def token(self, key: object) -> bytes:
        """How a key is written in a stretch; nothing for one that never is."""
        if isinstance(key, str) and len(key) < 256 and key.isascii():
            return self.lead(len(key)) + key.encode()
        if isinstance(key, int) and 0 <= key < 1 << 16:
            return b"K%c" % key if key < 1 << 8 else b"M" + key.to_bytes(2, "little")
        return b""


def _grammar(lead: Callable[[int], bytes], put: bytes) -> _Grammar:
    """The patterns of many entries, of one (key, whether it is memorised, number), and of the memorised ones.

    The texts have 3 to 16 characters, the usual ones being tried first; all are memorised, with `put`.
    """
    sizes = (10, 11, 9, 12, *range(3, 9), *range(13, 17))
    texts = b"|".join(re.escape(lead(size)) + b"[ -~]{%d}" % size for size in sizes)
    other = rb"K.|M..|h.|j.{4}"
    patterns = (
        rb"(?:(?:%s|(?:%s)(?:%s))G.{8})++" % (other, texts, put),
        rb"(%s|(?:%s))(%s)?G(.{8})" % (other, texts, put),
        rb"(?:%s)(%s)G.{8}|(?:(?:%s)G.{8})++" % (texts, put, other),
    )
    stretch, entry, memorised = (re.compile(pattern, re.DOTALL) for pattern in patterns)
    return _Grammar(stretch, entry, memorised, lead)


_OLD = _grammar(lambda size: b"X" + size.to_bytes(4, "little"), rb"q.|r.{4}")
_NEW = _grammar(lambda size: b"\x8c" + bytes([size]), rb"\x94")


class _Stretch:
    """Entries whose values are all numbers, as the bytes they are. `first` is the memo's place of its first text."""

    __slots__ = ("_entries", "_first", "_grammar", "_memory", "_raw")

    def __init__(self, raw: bytes, first: int, grammar: _Grammar, memory: "_Memory") -> None:
        self._raw = raw
        self._first = first
        self._grammar = grammar
        self._memory = memory
        self._entries: dict[bytes, bytes] | None = None

    def number(self, key: object) -> float | None:
        if self._entries is None:
            self._entries = {token: number for token, _, number in self._grammar.entry.findall(self._raw)}
        found = self._entries.get(self._grammar.token(key))
        if found is None and isinstance(key, str):
            found = self._referred(key)
        return None if found is None else float(struct.unpack(">d", found)[0])

    def _referred(self, key: str) -> bytes | None:
        for token, number in (self._entries or {}).items():
            if token[0] in b"hj" and self._memory.get(int.from_bytes(token[1:], "little")) == key:
                return number
        return None

    def texts(self) -> dict[int, str]:
        """The texts that the stretch memorises, by their place in the memo."""
        found: dict[int, str] = {}
        skipped = len(self._grammar.lead(0))
        for token, put, _ in self._grammar.entry.findall(self._raw):
            if put:
                place = int.from_bytes(put[1:], "little") if len(put) > 1 else self._first + len(found)
                found[place] = token[skipped:].decode()
        return found

    def items(self) -> list[object]:
        """The keys and numbers by turns."""
        found: list[object] = []
        for token, _, number in self._grammar.entry.findall(self._raw):
            if token[0] in b"KM":
                found.append(int.from_bytes(token[1:], "little"))
            elif token[0] in b"hj":
                found.append(self._memory.get(int.from_bytes(token[1:], "little")))
            else:
                found.append(token[len(self._grammar.lead(0)) :].decode())
            found.append(struct.unpack(">d", number)[0])
        return found

    def count(self) -> int:
        """How many texts it memorises."""
        found = self._grammar.memorised.findall(self._raw)
        return len(found) - found.count(b"")


class _Memory:
    """What the stream may refer back to: its texts and names for good, the rest until the record is finished.

    The places of those kept lie in two arrays, 8 bytes each, for a stream memorises every one of millions of equals.
    """

    def __init__(self) -> None:
        self._passing: dict[int, object] = {}
        self._stretches: list[_Stretch] = []
        self._kept: list[str | _Name | _NumberForm] = []
        self._number_of: dict[str | _Name | _NumberForm, int] = {}
        self._places = array("I")
        self._numbers = array("I")
        self._size = 0

    def put(self, place: int, value: object) -> None:
        if not isinstance(value, (str, _Name, _NumberForm)):
            self._passing[place] = value
            return
        if self._places and place <= self._places[-1]:
            raise StreamRefused("its memo is out of order")
        number = self._number_of.setdefault(value, len(self._kept))
        if number == len(self._kept):
            self._kept.append(value)
            self._size += 100 + (len(value) if isinstance(value, str) else 0)
        self._places.append(place)
        self._numbers.append(number)
        if len(self._places) > _KEPT or self._size > _BYTES_KEPT:
            raise StreamRefused("it memorises more than records of numbers do")

    def add(self, stretch: _Stretch) -> None:
        self._stretches.append(stretch)

    def get(self, place: int) -> object:
        if place in self._passing:
            return self._passing[place]
        at = bisect_left(self._places, place)
        if at < len(self._places) and self._places[at] == place:
            return self._kept[self._numbers[at]]
        for stretch in self._stretches:
            self._passing.update(stretch.texts())
        self._stretches.clear()
        if place not in self._passing:
            raise StreamRefused("it refers to something that it does not hold, or that belongs to another record")
        return self._passing[place]

    def forget(self) -> None:
        self._passing.clear()
        self._stretches.clear()


class Reader:
    """Reads the pickles of a stream one after the other. `read` returns up to so many bytes, none at the end.

    `whole` is asked about every mapping that has got entries: when it returns something, the mapping is emptied, that
    becomes its `outcome`, and what only it referred to is forgotten. It may raise what it wants.

    A kind of stream with names of its own overrides `named`, `made`, `built` and `stored`, and sets the bounds.
    """

    too_large = "one record is larger than any cell's"
    longest_text = LONGEST
    """Bytes of a text or a piece; of one longer than LONGEST nothing is kept."""
    skips_other_keys = False
    """Whether entries whose key is neither a text nor a number nor a pair of them are left out, or refused."""

    def __init__(self, read: Callable[[int], bytes], whole: Callable[[Record], object] = lambda _: None) -> None:
        self.most_operations, self.most_plain_bytes = OPERATIONS, PLAIN_BYTES
        self._read = read
        self._whole = whole
        self._window = b""
        self._at = 0
        self._full_until = -1  # as far as this in the window, the largest single piece is there for sure
        self._before = 0  # bytes of the stream before the window
        self._finished_at = 0
        self._in_stretches = 0
        self._begin()

    @property
    def position(self) -> int:
        """How many bytes of the stream have been read."""
        return self._before + self._at

    def load(self) -> object:
        """The next pickle: None, bool, int, float, str, bytes, tuple, list or Record, a set as list.

        Raises StreamRefused, whose text names what is not admitted and where.
        """
        self._begin()
        if self._byte() != 0x80 or self._byte() not in (2, 3, 4, 5):
            raise StreamRefused(f"no pickle begins here (byte {self.position:,})")
        self._grammar = _OLD if self._window[self._at - 1] < 4 else _NEW
        try:
            while (operation := self._byte()) != _STOP:
                self._operations += 1
                if self._operations > self.most_operations:
                    raise StreamRefused(self.too_large)
                action = _ACTIONS.get(operation)
                if action is None:
                    raise StreamRefused(_FOREIGN.get(operation, f"opcode {operation:#04x} is in no record of numbers"))
                action(self)
            return self._popped()
        except StreamRefused as error:
            raise type(error)(f"{error} (byte {self.position:,})") from None

    def at_end(self) -> bool:
        """Whether nothing follows."""
        self._fill()
        return self._at == len(self._window)

    def _begin(self) -> None:
        self._memory = _Memory()
        self._memorised = 0
        self._operations = 0  # since the last finished record
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._grammar = _OLD

    # ----- the window -----

    def _fill(self) -> None:
        """Makes sure that the largest single piece is in the window, unless the stream ends before."""
        if self._at <= self._full_until:
            return
        self._before += self._at
        more = [self._window[self._at :]]
        missing = WINDOW
        while missing > 0:
            chunk = self._read(missing)
            if not chunk:
                break
            more.append(chunk)
            missing -= len(chunk)
        self._window = b"".join(more)
        self._at = 0
        self._full_until = len(self._window) - (2 * LONGEST if missing <= 0 else 0)
        plain_bytes = self._before - self._finished_at - self._in_stretches
        if plain_bytes > self.most_plain_bytes or self._in_stretches > NUMBER_BYTES:
            raise StreamRefused(self.too_large)

    def _byte(self) -> int:
        if self._at > self._full_until:
            self._fill()
        if self._at >= len(self._window):
            raise StreamRefused("it ends in the middle")
        self._at += 1
        return self._window[self._at - 1]

    def _pass_over(self, size: int) -> None:
        """Skips so many bytes and keeps none of them."""
        while size > (left := len(self._window) - self._at):
            size -= left
            self._at, self._full_until = len(self._window), -1
            self._fill()
            if not self._window:
                raise StreamRefused("it ends in the middle")
        self._at += size

    def _bytes(self, size: int) -> bytes:
        if size > LONGEST:
            raise StreamRefused(f"a piece of {size:,} bytes is in no record of numbers")
        end = self._at + size
        if end > len(self._window):
            raise StreamRefused("it ends in the middle")
        piece = self._window[self._at : end]
        self._at = end
        return piece

    def _unsigned(self, size: int) -> int:
        self._at += size
        return int.from_bytes(self._window[self._at - size : self._at], "little")

    def _line(self) -> str:
        end = self._window.find(b"\n", self._at, self._at + LONGEST)
        if end < 0:
            raise StreamRefused("it ends in the middle of a name")
        piece = self._bytes(end - self._at)
        self._at += 1
        return piece.decode("ascii", "replace")

    # ----- the stack -----

    def _popped(self) -> Any:
        if not self._stack or (self._marks and len(self._stack) <= self._marks[-1]):
            raise StreamRefused("it takes what was never put")
        value = self._stack.pop()
        if isinstance(value, _Stretch):
            self._stack += value.items()
            value = self._stack.pop()
        return value

    def _top(self, kind: type) -> Any:
        if not self._stack or not isinstance(self._stack[-1], kind):
            raise StreamRefused(f"it fills something that is not a {'mapping' if kind is Record else 'list'}")
        return self._stack[-1]

    def _tops_opaque(self) -> bool:
        return bool(self._stack) and self._stack[-1] is OPAQUE

    def _since_mark(self) -> list[Any]:
        if not self._marks:
            raise StreamRefused("it takes what was never put")
        mark = self._marks.pop()
        items = self._stack[mark:]
        del self._stack[mark:]
        return items

    def _plain_since_mark(self) -> list[Any]:
        items = self._since_mark()
        if not any(isinstance(item, _Stretch) for item in items):
            return items
        return [each for item in items for each in (item.items() if isinstance(item, _Stretch) else [item])]

    def _push(self, value: object) -> None:
        self._stack.append(value)

    # ----- the opcodes -----

    def _mark(self) -> None:
        """Begins a group of items; stretches of numbers are taken whole."""
        self._marks.append(len(self._stack))
        while True:
            self._fill()
            found = self._grammar.stretch.match(self._window, self._at)
            if found is None:
                return
            stretch = _Stretch(found[0], self._memorised, self._grammar, self._memory)
            if self._grammar is _NEW:
                self._memorised += stretch.count()
            self._memory.add(stretch)
            self._in_stretches += len(found[0])
            self._at = found.end()
            self._stack.append(stretch)

    def _frame(self) -> None:
        """Skips the length of the bytes that follow."""
        self._bytes(8)

    def _text(self, size_of_size: int) -> None:
        self._piece(size_of_size)
        content = self._stack[-1]
        if isinstance(content, bytes):
            try:
                self._stack[-1] = content.decode()
            except UnicodeDecodeError:
                raise StreamRefused("a text is not UTF-8") from None

    def _old_text(self, size_of_size: int) -> None:
        """A text of Python 2, where bytes that are no text are written the same way."""
        self._piece(size_of_size)
        content = self._stack[-1]
        if isinstance(content, bytes) and content.isascii():
            self._stack[-1] = content.decode()

    def _piece(self, size_of_size: int) -> None:
        """Bytes that are no text."""
        size = self._unsigned(size_of_size)
        if LONGEST < size <= self.longest_text:
            self._pass_over(size)
            self._push(OPAQUE)
        else:
            self._push(self._bytes(size))

    def _long(self, size_of_size: int) -> None:
        self._push(int.from_bytes(self._bytes(self._unsigned(size_of_size)), "little", signed=True))

    def _float(self) -> None:
        self._push(struct.unpack(">d", self._bytes(8))[0])

    def _put(self, place: int) -> None:
        if not self._stack or isinstance(self._stack[-1], _Stretch):
            raise StreamRefused("it memorises what was never put, or a number")
        self._memory.put(place, self._stack[-1])

    def _memorise(self) -> None:
        self._put(self._memorised)
        self._memorised += 1

    def _append(self) -> None:
        value = self._popped()
        if not self._tops_opaque():
            self._top(list).append(value)

    def _append_all(self) -> None:
        items = self._plain_since_mark()
        if not self._tops_opaque():
            self._top(list).extend(items)

    def _set_one(self) -> None:
        value, key = self._popped(), self._popped()
        self._filled([key, value])

    def _set_all(self) -> None:
        self._filled(self._since_mark())

    def _filled(self, items: Sequence[Any]) -> None:
        if self._tops_opaque():
            return
        record: Record = self._top(Record)
        if record.outcome is not None:
            raise StreamRefused("it continues a record that was complete")
        remaining = iter(items)
        for key in remaining:
            if isinstance(key, _Stretch):
                record.stretches.append(key)
                continue
            value = next(remaining, _NOTHING)
            if value is _NOTHING or isinstance(value, _Stretch):
                raise StreamRefused("a key has no value")
            if type(key) is not str and not _is_key(key):
                if self.skips_other_keys:
                    continue
                raise StreamRefused("a key is neither a text nor a number nor a pair of them")
            if key in record:
                raise StreamRefused(f"the key {str(key)[:80]} is there twice")
            record[key] = value
        if len(record.stretches) > _STRETCHES:
            raise StreamRefused(self.too_large)
        outcome = self._whole(record)
        if outcome is not None:
            record.outcome = outcome
            record.clear()
            record.stretches.clear()
            self._memory.forget()
            self._finished_at, self._in_stretches, self._operations = self.position, 0, 0

    def _name(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise StreamRefused("it asks for something without a name")
        self._push(self.named(module, name))

    def _name_of_lines(self) -> None:
        module = self._line()
        self._name(module, self._line())

    def _name_of_stack(self) -> None:
        name, module = self._popped(), self._popped()
        self._name(module, name)

    def _reduce(self) -> None:
        arguments, name = self._popped(), self._popped()
        self._push(self.made(name, arguments))

    def _new(self) -> None:
        arguments, name = self._popped(), self._popped()
        self._push(self.made_anew(name, arguments))

    def _build(self) -> None:
        state = self._popped()
        self.built(self._top(object), state)

    def _outside(self) -> None:
        self._push(self.stored(self._popped()))

    # ----- what a kind of stream may ask for -----

    def named(self, module: str, name: str) -> object:
        """The meaning of a name here; nothing is imported. Raises NameRefused."""
        meaning = _NAMES.get((module, name))
        if meaning is None:
            why = "as stored weights do" if module.startswith("torch") else "which no record of numbers needs"
            raise NameRefused(f"it asks for {whole_name(module, name)}, {why}")
        return _Name(meaning)

    def made(self, name: object, arguments: object) -> object:
        """What an admitted name means, made here from its arguments; nothing is called. Raises StreamRefused."""
        match (name.meaning if isinstance(name, _Name) else None), arguments:
            case "mapping", ():
                return Record()
            case "set", (list() as members,):
                return members
            case "bytes", (str() as text, "latin1"):
                return text.encode("latin1", "replace")
            case "dtype", (str() as code, *_) if code in _NUMBER_FORMS:
                return _NumberForm(_NUMBER_FORMS[code])
            case "number", (_NumberForm() as form, bytes() as content) if len(content) == struct.calcsize(form.layout):
                number: object = struct.unpack(form.layout, content)[0]
                return number
            case _:
                raise StreamRefused("it makes something that is neither a number nor a record")

    def made_anew(self, name: object, arguments: object) -> object:
        """An object of an admitted class. Raises StreamRefused."""
        del name, arguments
        raise StreamRefused("it makes an object of a class")

    def built(self, target: object, state: object) -> None:
        """Takes the state of a number's form, which may only say that the lowest byte comes first."""
        if not isinstance(target, _NumberForm) or not isinstance(state, tuple) or state[1:2] != ("<",):
            raise StreamRefused("it sets the state of something")

    def stored(self, reference: object) -> object:
        """What lies outside of the stream under a reference. Raises StreamRefused."""
        del reference
        raise StreamRefused("it asks for an object outside of it (a persistent id, as stored weights are)")


def whole_name(module: str, name: str) -> str:
    """A name that a stream asks for, for a sentence about it: short, and nothing in it that does not print."""
    return ascii(f"{module[:80]}.{name[:80]}")[1:-1]


def shown(value: object) -> str:
    """A value for a sentence about it: short, whatever it is, for records can refer to one another many times over."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)[:100]
    return f"a {type(value).__name__.lower()}"


def _is_key(value: object) -> bool:
    if type(value) is tuple:
        return len(value) <= 2 and all(type(each) in (str, int) for each in value)
    return value is None or type(value) in (str, int, bool, float)


_STOP = 0x2E
_ACTIONS: dict[int, Callable[[Reader], None]] = {
    0x28: Reader._mark,
    0x29: lambda reader: reader._push(()),
    0x47: Reader._float,
    0x51: Reader._outside,
    0x4A: lambda reader: reader._push(int.from_bytes(reader._bytes(4), "little", signed=True)),
    0x4B: lambda reader: reader._push(reader._unsigned(1)),
    0x4D: lambda reader: reader._push(reader._unsigned(2)),
    0x4E: lambda reader: reader._push(None),
    0x52: Reader._reduce,
    0x54: lambda reader: reader._old_text(4),
    0x55: lambda reader: reader._old_text(1),
    0x58: lambda reader: reader._text(4),
    0x5D: lambda reader: reader._push([]),
    0x61: Reader._append,
    0x62: Reader._build,
    0x63: Reader._name_of_lines,
    0x65: Reader._append_all,
    0x68: lambda reader: reader._push(reader._memory.get(reader._unsigned(1))),
    0x6A: lambda reader: reader._push(reader._memory.get(reader._unsigned(4))),
    0x71: lambda reader: reader._put(reader._unsigned(1)),
    0x72: lambda reader: reader._put(reader._unsigned(4)),
    0x73: Reader._set_one,
    0x74: lambda reader: reader._push(tuple(reader._plain_since_mark())),
    0x75: Reader._set_all,
    0x7D: lambda reader: reader._push(Record()),
    0x81: Reader._new,
    0x85: lambda reader: reader._push((reader._popped(),)),
    0x86: lambda reader: reader._push((reader._popped(), reader._popped())[::-1]),
    0x87: lambda reader: reader._push((reader._popped(), reader._popped(), reader._popped())[::-1]),
    0x88: lambda reader: reader._push(True),
    0x89: lambda reader: reader._push(False),
    0x8A: lambda reader: reader._long(1),
    0x8B: lambda reader: reader._long(4),
    0x8C: lambda reader: reader._text(1),
    0x8D: lambda reader: reader._text(8),
    0x8E: lambda reader: reader._piece(8),
    0x8F: lambda reader: reader._push([]),
    0x90: Reader._append_all,
    0x91: lambda reader: reader._push(reader._plain_since_mark()),
    0x93: Reader._name_of_stack,
    0x94: Reader._memorise,
    0x95: Reader._frame,
    0x96: lambda reader: reader._piece(8),
    0x42: lambda reader: reader._piece(4),
    0x43: lambda reader: reader._piece(1),
}
"""What each admitted opcode does, by its byte in the `pickletools` of the standard library."""

_FOREIGN = {
    0x50: "it asks for an object outside of it (a persistent id, as stored weights are)",
    0x69: "it makes an object of a class",
    0x6F: "it makes an object of a class",
    0x92: "it makes an object of a class",
    0x82: "it asks for a name by number",
    0x83: "it asks for a name by number",
    0x84: "it asks for a name by number",
}
"""What opcodes that are refused ask for."""
