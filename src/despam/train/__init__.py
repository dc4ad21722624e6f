"""Learning: the only folder that pays for numpy, scipy and scikit-learn.

from despam.train import SpamClassifier
SpamClassifier().fit(texts, labels).save("my.safetensors")
"""

from despam.errors import MissingExtra

try:
    import numpy as _numpy  # noqa: F401
    import safetensors as _safetensors  # noqa: F401
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise MissingExtra("training", "train") from error

from despam.train.estimator import Features, SpamClassifier
from despam.train.recipe import Settings
from despam.train.training import TrainedModel, train

__all__ = ["Features", "Settings", "SpamClassifier", "TrainedModel", "train"]
