"""Parquet, batch by batch. The only file of the corpus that imports pyarrow, and only when a Parquet file is given.

Knows nothing of labels: each record becomes the same object that a line of JSON would be. Only whole rows leave here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from despam.corpus.columns import LABEL_NAMES, TEXT_NAMES, find_column, missing_column
from despam.corpus.json_lines import from_object
from despam.corpus.opening import stem
from despam.corpus.row import Plan, Row
from despam.errors import DataError, MissingExtra

BATCH_ROWS = 1000


class ParquetBlock(NamedTuple):
    """Some records, as objects."""

    source: str
    first_line: int
    records: list[dict[str, Any]]
    position: int

    def size(self) -> int:
        """Count the rows."""
        return len(self.records)

    def rows(self, plan: Plan) -> Iterator[Row]:
        """Name the cells."""
        for number, record in enumerate(self.records, self.first_line):
            yield from_object(dict(record), self.source, number, plan)


def split(path: Path, plan: Plan, *, labelled: bool) -> Iterator[ParquetBlock]:
    """Read a Parquet file in batches."""
    if not path.stat().st_size:
        raise DataError("is empty; give a file with messages", str(path))
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra("Reading Parquet", "train") from None
    try:
        with pyarrow.parquet.ParquetFile(path, memory_map=True) as file:
            check_columns(list(file.schema_arrow.names), plan, str(path), labelled=labelled)
            if not file.metadata.num_rows:
                raise DataError("has no rows; give a file with messages", str(path))
            yield from batches(file, path)
    except (pyarrow.ArrowException, OSError) as error:
        detail = str(error).splitlines()[0][:120]
        raise DataError(f"no readable Parquet file ({detail}); write it again", str(path)) from None


def batches(file: Any, path: Path) -> Iterator[ParquetBlock]:
    """Give the records with their row numbers; the position is the share of rows read, in bytes of the file."""
    size = path.stat().st_size
    number = 1
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        records = records_of(batch, number, path)
        position = size * (number + len(records) - 1) // file.metadata.num_rows
        yield ParquetBlock(stem(path), number, records, position)
        number += len(records)


def records_of(batch: Any, number: int, path: Path) -> list[dict[str, Any]]:
    """Turn a batch into objects; a date beyond Python's makes none, nor a struct with a name twice."""
    try:
        records: list[dict[str, Any]] = batch.to_pylist()
    except (ValueError, OverflowError, LookupError) as error:
        detail = str(error).partition("\n")[0][:120]
        raise DataError(
            f"rows {number:,} to {number + batch.num_rows - 1:,} hold a value that cannot be read ({detail}); write "
            "its column as text",
            str(path),
        ) from None
    return records


def check_columns(names: list[str], plan: Plan, path: str, *, labelled: bool) -> None:
    """Refuse a file without the columns before anything is read."""
    if find_column(names, TEXT_NAMES, plan.text_column) is None:
        raise DataError(missing_column(names, "text", plan.text_column), path)
    if labelled and find_column(names, LABEL_NAMES, plan.label_column) is None:
        raise DataError(missing_column(names, "label", plan.label_column), path)
