"""What a pickle may ask for: the opcodes, and the few functions that scikit-learn's files call.

Knows how each changes a `Machine`'s stack, marks and memo (`unpickle.py`), and which functions numpy (1 and 2), joblib
and Python's protocols 0 to 2 need. Refuses to know classes: an object is an `Inert`, an array an `Array` of checked
bytes. Invariant: nothing named in the file is imported or called; what is of the wrong kind raises one of the errors
that `unpickle.py` calls BROKEN, or PickleRefused; keys of dictionaries are plain.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from despam.train.inert import Array, Inert, Kind, Name, array_from_state, unpack_items

if TYPE_CHECKING:
    from collections.abc import Callable

    from despam.train.unpickle import Machine


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


def make_attribute(machine: Machine, owner: Any = None, name: Any = None, *_: Any) -> Name:
    """Name a method of a plain type, as `str.lower`, which Python pickles as a call; refused wherever it stands."""
    if not isinstance(owner, Name) or not owner.inert or owner.module != "builtins" or type(name) is not str:
        raise machine.foreign(Name("builtins", "getattr", False))
    method = Name(str(owner), name, False)
    machine.strangers.append(method)
    return method


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
    ("builtins", "getattr"): make_attribute,
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
