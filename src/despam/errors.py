"""Every exception that despam raises on purpose.

    DespamError                   one sentence: what, where, what to do next
    +-- MissingExtra              an optional part is not installed
    +-- SettingError              a setting or an option that cannot be right
    +-- DataError                 labelled messages that cannot be read (path, line)
    +-- TrainingError             messages that nothing can be learnt from
    +-- ModelError                a model file that is refused (path)
    |   +-- NotAModel             no safetensors file, or one of something else
    |   +-- TruncatedModel        shorter than it says
    |   +-- HeaderError           the JSON header is broken, too deep or too large
    |   +-- TensorError           a tensor is missing, overlaps, or lies about its shape, type or place
    |   +-- MetadataError         calibration, cutoffs or bias are missing or no numbers
    |   +-- VersionError          another format or feature version
    +-- RegistryError             storage of versions (url)
    |   +-- StorageDown           no answer, or access denied
    |   +-- UnknownVersion        no such version; lists what there is
    |   +-- PromotionLost         somebody else promoted meanwhile
    |   +-- CorruptVersion        stored bytes do not have the hash they are named after
    +-- EvaluationError           a measurement that cannot be made
    +-- PickleRefused             a scikit-learn file that is broken, or holds what cannot be carried
    +-- DeployError               AWS said no
    +-- ServeError                the local server cannot start
    +-- RequestRefused            a request to the service that cannot be answered (status)

Facts are attributes; the message ends in the place and the next step. Doors translate once: `service/api.py` to a
status, `cli/main.py` to exit code 3. This file imports nothing.
"""


class DespamError(Exception):
    """Base of all: `str(error)` is one sentence fit for a terminal."""


class MissingExtra(DespamError):
    """An optional part is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        self.what = what
        self.extra = extra
        super().__init__(f"{what} needs the extra '{extra}': pip install 'despam[{extra}]', or '.[{extra}]' in a clone")


class SettingError(DespamError):
    """A setting or an option that cannot be right."""


class DataError(DespamError):
    """Labelled messages that cannot be read."""

    def __init__(self, message: str, path: str = "", line: int | None = None) -> None:
        self.path = path
        self.line = line
        place = path if line is None else f"{path}, line {line}"
        super().__init__(f"{place}: {message}" if place else message)


class TrainingError(DespamError):
    """Messages that nothing can be learnt from."""


class ModelError(DespamError):
    """A model file that is refused."""

    def __init__(self, message: str, path: str = "") -> None:
        self.path = path
        super().__init__(f"{path}: {message}" if path else message)


class NotAModel(ModelError):
    """No safetensors file, or one of something else."""


class TruncatedModel(ModelError):
    """Shorter than it says."""


class HeaderError(ModelError):
    """The JSON header is broken, too deep or too large."""


class TensorError(ModelError):
    """A tensor is missing, overlaps, or lies about its shape, type or place."""


class MetadataError(ModelError):
    """Calibration, cutoffs or bias are missing or no numbers."""


class VersionError(ModelError):
    """Another format or feature version."""


class RegistryError(DespamError):
    """Storage of versions failed."""

    def __init__(self, message: str, url: str = "") -> None:
        self.url = url
        super().__init__(f"{url}: {message}" if url else message)


class StorageDown(RegistryError):
    """No answer, or access denied."""

    passing = False  # True where the same request may well succeed in a moment


class UnknownVersion(RegistryError):
    """No such version; the message lists what there is."""


class PromotionLost(RegistryError):
    """Somebody else promoted meanwhile."""


class CorruptVersion(RegistryError):
    """Stored bytes do not have the hash they are named after."""


class EvaluationError(DespamError):
    """A measurement that cannot be made."""


class PickleRefused(DespamError):
    """A scikit-learn file that is broken, or holds what cannot be carried."""


class DeployError(DespamError):
    """AWS said no."""


class ServeError(DespamError):
    """The local server cannot start."""


class RequestRefused(DespamError):
    """A request to the service that cannot be answered."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)
