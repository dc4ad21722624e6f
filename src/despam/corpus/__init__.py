"""Messages from files: CSV, TSV, JSON Lines, Parquet, mbox, .eml, a folder with spam/ and ham/.

    from despam import corpus
    rows = corpus.read(["data/sms_spam_collection.jsonl.gz"])          # streams
    kept = corpus.distinct(rows)                                       # repeats once, conflicts out, in a fixed order

Knows formats, columns, labels and repeats; knows nothing of models. Standard library alone, but for pyarrow when a
Parquet file is given.
"""

from despam.corpus.places import corpora_folder, data_folder, find_corpus, repository
from despam.corpus.reading import blocks, read
from despam.corpus.repeats import Distinct, distinct, normal, require_both
from despam.corpus.row import Message, Plan, Row

__all__ = [
    "Distinct",
    "Message",
    "Plan",
    "Row",
    "blocks",
    "corpora_folder",
    "data_folder",
    "distinct",
    "find_corpus",
    "normal",
    "read",
    "repository",
    "require_both",
]
