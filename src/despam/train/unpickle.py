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
import struct
import warnings
from pathlib import Path
from typing import IO, Any, cast

from despam.errors import PickleRefused
from despam.train.inert import REFUSED, Array, Inert, Kind, Name, array_from_state, checked_count, is_inert
from despam.train.opcodes import ACTIONS, FUNCTIONS, key_of
from despam.train.packed import Stream, open_stream

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
