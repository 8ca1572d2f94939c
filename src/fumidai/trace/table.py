# SPDX-License-Identifier: Apache-2.0
"""Rows as a Parquet file, for whoever goes on with a table program.

Limits: needs pyarrow, which is heavy and therefore an extra (``fumidai[parquet]``).
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Final

from fumidai.errors import StorageError, UsageError
from fumidai.report.trace_row import COLUMNS, Row
from fumidai.texts import N_

#: Rows that are written together.
_GROUP: Final = 20_000
_NUMBERS: Final = frozenset({"offset", "number", "clock"})


class ParquetTable:
    """A file that rows are added to, in constant memory.

    Raises:
        UsageError: pyarrow is not installed.
        StorageError: the file can't be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError as problem:
            raise UsageError(
                N_("Parquet needs the library pyarrow, which is not installed here."),
                mend=N_("Install it (pip install 'fumidai[parquet]'), or write .csv or .jsonl."),
            ) from problem
        self._arrow: Any = pyarrow
        kinds = {name: pyarrow.int64() if name in _NUMBERS else pyarrow.string() for name in COLUMNS}
        self._schema = pyarrow.schema(list(kinds.items()))
        try:
            self._writer = pyarrow.parquet.ParquetWriter(str(path), self._schema, compression="zstd")
        except OSError as problem:
            raise StorageError(
                N_("{file} can't be written: {why}"), file=str(path), why=problem.strerror or str(problem)
            ) from problem
        self._rows: list[Row] = []

    def __enter__(self) -> ParquetTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        self._writer.close()

    def add(self, row: Row) -> None:
        """Add one row."""
        self._rows.append(row)
        if len(self._rows) >= _GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            columns = [list(column) for column in zip(*self._rows, strict=True)]
            self._writer.write_table(self._arrow.table(columns, schema=self._schema))
            self._rows.clear()
