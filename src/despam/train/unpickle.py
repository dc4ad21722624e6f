"""Pickles of scikit-learn models, read without running anything in them.

Knows the opcodes of pickle protocols 0 to 5 (named by the standard library's `pickletools`), how numpy (1 and 2) and
joblib write arrays, and a list of class names. Refuses to know any class: a name of the list becomes an `Inert` with
its attributes, an array becomes an `Array` of checked bytes. The module `pickle` is not used, nothing named in the file
is imported or called, and neither numpy nor scikit-learn is needed or minded in its version.

Invariant: `load` ends with inert data or with `PickleRefused`. Time and memory are bounded by the file's size: the
machine is a loop over opcodes, not a recursion; keys of dictionaries are plain; an array's shape must match its bytes.
"""

from __future__ import annotations

import pickletools
import re
import struct
import sys
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from despam.errors import PickleRefused
from despam.train.inert import (
    REFUSED,
    Array,
    Inert,
    Kind,
    Name,
    array_from_state,
    checked_count,
    is_inert,
    unpack_items,
)
from despam.train.packed import Stream, open_stream

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_OPCODES = 16_000_000  # a vocabulary of 1,000,000 n-grams takes 4,000,000 to 9,000,000
BROKEN = (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, struct.error)
COPIES, SPARE_BYTES = 4, 1 << 24  # how much more than the file itself may be made of it
LIMIT_NESTED = 4  # joblib puts the pickle of an object array inside the pickle

MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # how Python 2 called them


def load(path: Path) -> Any:
    """Read a pickle or joblib file into inert data; whatever is not on the list raises PickleRefused."""
    try:
        with path.open("rb") as file:
            stream = open_stream(path, file)
            return Machine(stream).run()
    except OSError as error:
        raise PickleRefused(f"{path}: cannot be read ({error.strerror}); check the path") from error


class Machine:
    """A stack, marks and a memo; `run` feeds it the opcodes of one pickle."""

    def __init__(self, stream: Stream, nested: int = 0) -> None:
        self.stream = stream
        self.nested = nested
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.strangers: list[Name] = []  # named in the file, on no list
        self.copied_bytes = 0  # by calls: a few bytes of the file can ask for the same megabytes again and again

    def refuse(self, why: str) -> PickleRefused:
        """Make the error, with the file's name."""
        return PickleRefused(f"{self.stream.place}: {why}")

    def run(self) -> Any:
        """Obey opcodes up to STOP and give what is on top of the stack."""
        if self.nested > LIMIT_NESTED:
            raise self.refuse("nests pickles too deep; this is no scikit-learn file")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pickletools minds escapes in names; a name is only compared here
                return self.obey()
        except BROKEN as error:
            if self.stream.ended:
                raise self.refuse("is cut short; copy the file again") from error
            short = " ".join(str(error).split())[:80]
            raise self.refuse(f"is no pickle, or a broken one ({short}); give the .pkl or .joblib file") from error

    def obey(self) -> Any:
        """Feed the opcodes to their actions."""
        actions = ACTIONS
        for count, (opcode, argument, _) in enumerate(pickletools.genops(cast("IO[bytes]", self.stream))):
            name = opcode.name
            if count > LIMIT_OPCODES:
                raise self.refuse(f"has more than {LIMIT_OPCODES:,} instructions; no scikit-learn model of text has")
            action = actions.get(name)
            if action is not None:
                action(self, argument)
            elif name == "STOP":
                break
            elif name not in ("PROTO", "FRAME"):
                raise self.refuse(f"uses {name}, which no scikit-learn file does; nothing was executed")
        if self.strangers:
            raise self.foreign(self.strangers[0])
        return self.stack.pop()

    def charge(self, parts: Any) -> None:
        """Count what a call is about to copy against the budget."""
        for part in parts:
            if isinstance(part, str | bytes | bytearray | list | tuple | dict | set):
                self.copied_bytes += len(part)
        if self.copied_bytes > SPARE_BYTES + COPIES * self.stream.tell():
            raise self.refuse("copies the same bytes over and over; no scikit-learn file does that")

    def pop_mark(self) -> list[Any]:
        """Take everything above the last mark."""
        at = self.marks.pop()
        items = self.stack[at:]
        del self.stack[at:]
        return items

    def foreign(self, name: Name) -> PickleRefused:
        """Say which name is not on the list, and why if it is a known one."""
        if name.module.startswith("sklearn.") and name.name in REFUSED:
            return self.refuse(f"{name.name} cannot be carried: {REFUSED[name.name]}")
        if "NDArrayWrapper" in name.name:
            return self.refuse("keeps its arrays in other files (joblib before 0.10); load and dump it again")
        return self.refuse(f"holds {name}, which is not on the list of what can be carried; nothing was executed")

    def name(self, module: str, name: str) -> Name:
        """Look a global up in the list; nothing is imported."""
        module = MODULES.get(module, module)
        found = Name(module, name, is_inert(module, name))
        if found.module.startswith("sklearn.") and name in REFUSED:
            raise self.foreign(found)
        if not found.inert and key_of(found) not in FUNCTIONS:
            self.strangers.append(found)
        return found

    def call(self, function: Any, arguments: Any) -> Any:
        """Do what REDUCE asks for, if it is one of the few functions known here."""
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise self.refuse("calls what is no function; this is no scikit-learn file")
        self.charge(arguments)
        known = FUNCTIONS.get(key_of(function))
        if known is not None:
            return known(self, *arguments)
        if not function.inert or function.module in ("builtins", "numpy"):
            raise self.foreign(function)
        return Inert(function.name, arguments)

    def build(self, thing: Any, state: Any) -> Any:
        """Store a state; nothing of the class's own is asked."""
        if isinstance(state, tuple):
            self.charge(state)
        if isinstance(thing, Array):
            return array_from_state(thing, *state)
        if isinstance(thing, Kind):
            if len(state) > 4 and (state[2] is not None or state[3] is not None):
                raise self.refuse("holds an array of records, which no text model has")
            if state[1] in ("<", ">"):
                thing.order = state[1]
            return thing
        if not isinstance(thing, Inert):
            raise self.refuse("sets the state of what is no object; this is no scikit-learn file")
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], dict):  # dictionary and slots
            state = {**state[0], **state[1]} if isinstance(state[1], dict) else state[0]
        if not isinstance(state, dict):
            return thing  # a loss or a generator: its numbers do not matter for a decision
        for key, value in state.items():
            if isinstance(value, Name) and not value.inert:
                raise self.custom(thing, key, value)
        thing.state = state
        return self.read_array(thing) if thing.name == "NumpyArrayWrapper" else thing

    def custom(self, thing: Inert, key: str, value: Name) -> PickleRefused:
        """Say which part is somebody's own Python code."""
        where = f"the {key} of the {thing.name} is {value}"
        return self.refuse(f"{where}: Python code cannot be carried, only what token_pattern and the options say")

    def read_array(self, wrapper: Inert) -> Array:
        """Read what joblib puts into the file after its wrapper: padding, then raw items or another pickle."""
        kind, shape = wrapper.state["dtype"], wrapper.state["shape"]
        if kind.letter == "O":
            inner = Machine(self.stream, self.nested + 1).run()
            if not isinstance(inner, Array):
                raise self.refuse("lies about an array of objects")
            return inner
        if wrapper.state.get("numpy_array_alignment_bytes") is not None:
            self.stream.read(self.stream.read(1)[0])
        data = self.stream.read(checked_count(shape) * kind.item_bytes)
        return array_from_state(Array(), 1, shape, kind, wrapper.state.get("order") == "F", data)


def key_of(name: Name) -> tuple[str, str]:
    """Give a function's key in the table; numpy 2 renamed its core."""
    return name.module.replace("numpy._core", "numpy.core"), name.name


def make_kind(machine: Machine, code: Any, *_: Any) -> Kind:
    """Read a dtype's code."""
    if isinstance(code, Name):
        code = {"float64": "f8", "int64": "i8", "float32": "f4", "int32": "i4"}.get(code.name, "")
    found = re.match(r"([<>=|]?)([biufUSO])(\d{1,5})$", code if isinstance(code, str) else "")
    if not found:
        raise machine.refuse("holds an array of a type that no text model has")
    order = found[1] if found[1] in ("<", ">") else "<" if sys.byteorder == "little" else ">"
    return Kind(found[2], int(found[3]) * (4 if found[2] == "U" else 1), order)  # U counts letters


def make_scalar(_machine: Machine, kind: Any, data: Any = b"") -> Any:
    """Read a numpy scalar as Python's own."""
    if kind.letter == "O" or len(data) != kind.item_bytes:
        raise ValueError("a number lies about its size")
    return unpack_items(bytes(data), kind)[0]


def make_bytes(_machine: Machine, text: Any = b"", code: Any = "latin1") -> bytes:
    """Undo how protocols 0 to 2 write bytes: text in Latin-1."""
    if code not in ("latin1", "latin-1"):
        raise ValueError("bytes are in another coding than Latin-1")
    return text if isinstance(text, bytes) else str.encode(text, "latin-1")


def make_object(machine: Machine, name: Any, base: Any = None, state: Any = None) -> Inert:
    """Make an object the way protocols 0 and 1 do."""
    if not isinstance(name, Name) or (isinstance(base, Name) and str(base) != "builtins.object") or state is not None:
        raise machine.refuse("makes an object in a way that no scikit-learn file does")
    if not name.inert or name.module in ("builtins", "numpy"):
        raise machine.foreign(name)
    return Inert(name.name)


def make_array(machine: Machine, name: Any, *_: Any) -> Array:
    """Make the empty array that BUILD fills."""
    if not isinstance(name, Name) or str(name) not in ("numpy.ndarray", "numpy.memmap"):
        raise machine.refuse(f"holds an array of the class {name}, which cannot be carried")
    return Array()


def array_from_buffer(_machine: Machine, data: Any, kind: Any, shape: Any, order: Any) -> Array:
    """Make the array that protocol 5 stores in one piece."""
    return array_from_state(Array(), 1, shape, kind, order == "F", data)


def put(table: dict[Any, Any], keys: list[Any], values: list[Any]) -> None:
    """Fill a dictionary; keys are plain, so that hashing them costs what they weigh."""
    for key, value in zip(keys, values, strict=True):
        if type(key) is not str and not (key is None or (type(key) in (int, float, bool) and abs(key) < 1 << 53)):
            raise ValueError("a dictionary has a key that no scikit-learn file has")
        table[key] = value


def make_dict(_machine: Machine, pairs: Any = ()) -> dict[Any, Any]:
    """Make an OrderedDict as a plain one."""
    table: dict[Any, Any] = {}
    put(table, [key for key, _ in pairs], [value for _, value in pairs])
    return table


def make_set(_machine: Machine, items: Any = ()) -> set[str]:
    """Make a set of words."""
    if not all(type(item) is str for item in items):
        raise ValueError("a set holds something else than words")
    return set(items)


FUNCTIONS: dict[tuple[str, str], Callable[..., Any]] = {
    ("copyreg", "_reconstructor"): make_object,
    ("numpy.core.multiarray", "_reconstruct"): make_array,
    ("numpy.core.multiarray", "scalar"): make_scalar,
    ("numpy.core.numeric", "_frombuffer"): array_from_buffer,
    ("numpy", "dtype"): make_kind,
    ("_codecs", "encode"): make_bytes,
    ("builtins", "bytes"): make_bytes,
    ("builtins", "bytearray"): make_bytes,
    ("builtins", "set"): make_set,
    ("builtins", "frozenset"): make_set,
    ("collections", "OrderedDict"): make_dict,
}


def push(machine: Machine, value: Any) -> None:
    machine.stack.append(value)


def pop(machine: Machine, _: Any) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.stack.pop()


def store(machine: Machine, key: int) -> None:
    machine.memo[key] = machine.stack[-1]


def append_all(machine: Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if type(target) is not list:
        raise TypeError("something is appended to what is no list")
    target.extend(items)


def put_all(machine: Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if type(target) is not dict:
        raise TypeError("a key is set in what is no dictionary")
    put(target, items[::2], items[1::2])


def add_all(machine: Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if type(target) is not set:
        raise TypeError("a word is added to what is no set")
    target |= make_set(machine, items)


def last(machine: Machine, count: int) -> list[Any]:
    """Take the given number of values off the stack, in order."""
    if count > len(machine.stack):
        raise IndexError("the stack is empty")
    items = machine.stack[-count:]
    del machine.stack[-count:]
    return items


def stack_global(machine: Machine, _: Any) -> None:
    module, name = last(machine, 2)
    if type(module) is not str or type(name) is not str:
        raise TypeError("a global has no name")
    push(machine, machine.name(module, name))


def old_global(machine: Machine, words: str) -> None:
    push(machine, machine.name(*words.split(" ", 1)))


def old_instance(machine: Machine, words: str) -> None:
    arguments = tuple(machine.pop_mark())
    push(machine, machine.call(machine.name(*words.split(" ", 1)), arguments))


def old_object(machine: Machine, _: Any) -> None:
    function, *arguments = machine.pop_mark()
    push(machine, machine.call(function, tuple(arguments)))


def new_object(machine: Machine, _: Any) -> None:
    name, _arguments = last(machine, 2)
    push(machine, make_object(machine, name))


def new_object_ex(machine: Machine, _: Any) -> None:
    name, _arguments, _words = last(machine, 3)
    push(machine, make_object(machine, name))


def reduce(machine: Machine, _: Any) -> None:
    push(machine, machine.call(*last(machine, 2)))


def build(machine: Machine, _: Any) -> None:
    push(machine, machine.build(*last(machine, 2)))


def make_pairs(machine: Machine, items: list[Any]) -> dict[Any, Any]:
    """Make a dictionary of keys and values that alternate."""
    table: dict[Any, Any] = {}
    put(table, items[::2], items[1::2])
    return table


VALUES = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)
ACTIONS: dict[str, Callable[[Machine, Any], Any]] = {
    **dict.fromkeys(VALUES, push),
    "NONE": lambda m, _: push(m, None),
    "NEWTRUE": lambda m, _: push(m, True),
    "NEWFALSE": lambda m, _: push(m, False),
    "MARK": lambda m, _: m.marks.append(len(m.stack)),
    "POP": pop,
    "POP_MARK": lambda m, _: m.pop_mark(),
    "DUP": lambda m, _: push(m, m.stack[-1]),
    "EMPTY_LIST": lambda m, _: push(m, []),
    "EMPTY_TUPLE": lambda m, _: push(m, ()),
    "EMPTY_DICT": lambda m, _: push(m, {}),
    "EMPTY_SET": lambda m, _: push(m, set()),
    "LIST": lambda m, _: push(m, m.pop_mark()),
    "TUPLE": lambda m, _: push(m, tuple(m.pop_mark())),
    "TUPLE1": lambda m, _: push(m, tuple(last(m, 1))),
    "TUPLE2": lambda m, _: push(m, tuple(last(m, 2))),
    "TUPLE3": lambda m, _: push(m, tuple(last(m, 3))),
    "DICT": lambda m, _: push(m, make_pairs(m, m.pop_mark())),
    "FROZENSET": lambda m, _: push(m, make_set(m, m.pop_mark())),
    "APPEND": lambda m, _: append_all(m, last(m, 1)),
    "APPENDS": lambda m, _: append_all(m, m.pop_mark()),
    "SETITEM": lambda m, _: put_all(m, last(m, 2)),
    "SETITEMS": lambda m, _: put_all(m, m.pop_mark()),
    "ADDITEMS": lambda m, _: add_all(m, m.pop_mark()),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, key: push(m, m.memo[key])),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), store),
    "MEMOIZE": lambda m, _: store(m, len(m.memo)),
    "GLOBAL": old_global,
    "STACK_GLOBAL": stack_global,
    "INST": old_instance,
    "OBJ": old_object,
    "NEWOBJ": new_object,
    "NEWOBJ_EX": new_object_ex,
    "REDUCE": reduce,
    "BUILD": build,
}
