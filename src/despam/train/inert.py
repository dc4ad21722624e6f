"""What a scikit-learn file may hold, as data that can do nothing.

Knows the class names that can be carried, those that cannot and why, and how numpy lays an array out. Refuses to know
pickles: that is `unpickle.py`. Neither numpy nor scikit-learn is imported.

Invariant: an `Array` has exactly the bytes that its shape and type ask for; nobody can change it afterwards through
an object that the file still holds.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Any

CARRIED = {
    *("TfidfVectorizer", "CountVectorizer", "HashingVectorizer", "FeatureHasher", "TfidfTransformer"),
    *("Pipeline", "FeatureUnion", "LogisticRegression", "LogisticRegressionCV", "SGDClassifier", "Perceptron"),
    *("PassiveAggressiveClassifier", "LinearSVC", "MultinomialNB", "ComplementNB", "BernoulliNB"),
    *("CalibratedClassifierCV", "_CalibratedClassifier", "_SigmoidCalibration", "_TemperatureScaling"),
    *("FrozenEstimator", "LabelBinarizer", "LabelEncoder", "StratifiedKFold", "KFold"),
}
KERNEL = "its decision goes through a kernel, not through one weight a word; train LinearSVC"
TREE = "a tree asks questions, it has no weight a word; train LogisticRegression"
SEARCH = "it is a search, not a model; dump its best_estimator_"
REFUSED = {
    **dict.fromkeys(("SVC", "NuSVC", "GaussianProcessClassifier"), KERNEL),
    **dict.fromkeys(("DecisionTreeClassifier", "RandomForestClassifier", "ExtraTreesClassifier"), TREE),
    **dict.fromkeys(("GradientBoostingClassifier", "HistGradientBoostingClassifier", "AdaBoostClassifier"), TREE),
    **dict.fromkeys(("BaggingClassifier", "VotingClassifier", "StackingClassifier"), "several models vote; dump one"),
    **dict.fromkeys(("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV"), SEARCH),
    "KNeighborsClassifier": "it compares with every stored message; train LogisticRegression",
    "MLPClassifier": "its layers are not linear; train LogisticRegression",
    "GaussianNB": "its decision is quadratic in the features; train MultinomialNB",
    "IsotonicRegression": "its steps are no logistic function of the score; calibrate with method='sigmoid'",
    "OneVsRestClassifier": "it is for several classes; train the classifier inside it on spam and ham",
    "TruncatedSVD": "it mixes words into components; train on the vectorizer's output",
}
SPARSE = {f"{form}_{kind}" for form in ("csr", "csc", "dia", "coo") for kind in ("matrix", "array")}
RANDOM = {"__randomstate_ctor", "__bit_generator_ctor", "RandomState", "MT19937", "SeedSequence"}  # a random_state
LOSSES = ("sklearn.linear_model._sgd_fast", "sklearn.linear_model.sgd_fast", "sklearn._loss")
NUMPY_TYPES = re.compile(r"(float|int|uint|bool|str|object|bytes|ndarray|memmap|longlong|intc)(8|16|32|64)?_?$")
PLAIN_TYPES = {"object", "int", "float", "str", "bool", "bytes", "set", "frozenset", "dict", "list", "tuple"}


class Name:
    """A class or function that the file names: never more than its name."""

    __slots__ = ("inert", "module", "name")

    def __init__(self, module: str, name: str, inert: bool) -> None:
        self.module, self.name, self.inert = module, name, inert

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Inert:
    """An object of a listed class: the class's name and the attributes, as stored."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: tuple[Any, ...] = ()) -> None:
        self.name = name
        self.arguments = arguments
        self.state: dict[str, Any] = {}


class Kind:
    """A numpy dtype: kind letter, bytes an item, byte order."""

    __slots__ = ("item_bytes", "letter", "order")

    def __init__(self, letter: str, item_bytes: int, order: str) -> None:
        self.letter, self.item_bytes, self.order = letter, item_bytes, order


class Array:
    """A numpy array: `data` is its bytes, or a list of objects; `shape` fits them."""

    __slots__ = ("data", "fortran", "kind", "shape")

    def __init__(self) -> None:
        self.kind = Kind("f", 8, "<")
        self.shape: tuple[int, ...] = (0,)
        self.data: bytes | list[Any] = b""
        self.fortran = False

    def values(self) -> list[Any]:
        """Give the items, in the order of memory, as Python's own."""
        if isinstance(self.data, list):
            return self.data
        return unpack_items(self.data, self.kind)


def is_inert(module: str, name: str) -> bool:
    """Tell whether a name may stand in a file at all."""
    if module.startswith("sklearn."):
        return name in CARRIED or module.startswith(LOSSES)
    if module.startswith("numpy.random."):
        return name in RANDOM
    if module.startswith("scipy.sparse"):
        return name in SPARSE
    if module in ("numpy", "builtins"):
        return name in PLAIN_TYPES if module == "builtins" else bool(NUMPY_TYPES.match(name))
    return module == "joblib.numpy_pickle" and name == "NumpyArrayWrapper"


def checked_count(shape: Any) -> int:
    """Multiply a shape out, if it is one."""
    if not isinstance(shape, tuple) or len(shape) > 8:
        raise ValueError("an array lies about its shape")
    if any(type(side) is not int or not 0 <= side < 1 << 40 for side in shape):
        raise ValueError("an array lies about its shape")
    return math.prod(shape)


def array_from_state(array: Array, _version: Any, shape: Any, kind: Any, fortran: Any, data: Any) -> Array:
    """Fill an array whose shape and bytes agree."""
    count = checked_count(shape)
    if not isinstance(kind, Kind):
        raise TypeError("an array has no type")
    if kind.letter == "O":
        if not isinstance(data, list) or len(data) != count:
            raise ValueError("an array of objects lies about its shape")
    elif not isinstance(data, bytes | bytearray) or len(data) != count * kind.item_bytes:
        raise ValueError(f"an array lies about its shape: {shape} does not fit its bytes")
    array.shape, array.kind, array.fortran = shape, kind, bool(fortran)
    array.data = list(data) if isinstance(data, list) else bytes(data)
    return array


def unpack_items(data: bytes, kind: Kind) -> list[Any]:
    """Turn the bytes of an array into numbers or strings."""
    size = kind.item_bytes
    count = len(data) // size if size else 0
    if kind.letter in "US":
        code = f"utf-32-{'be' if kind.order == '>' else 'le'}" if kind.letter == "U" else "latin-1"
        return [data[at * size : (at + 1) * size].decode(code).rstrip("\0") for at in range(count)]
    letter = {"f2": "e", "f4": "f", "f8": "d", "b1": "?"}.get(f"{kind.letter}{size}") or {
        "i": {1: "b", 2: "h", 4: "i", 8: "q"},
        "u": {1: "B", 2: "H", 4: "I", 8: "Q"},
    }[kind.letter][size]
    return list(struct.unpack(f"{kind.order}{count}{letter}", data))
