# SPDX-License-Identifier: Apache-2.0
"""Where traces go: the screen, and files by their ending.

Every output takes messages one by one and keeps as little as it can: tables and lines nothing, the screen a summary
(and the first few messages whole), a JSON document all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TextIO

from fumidai.cli.output import format_of
from fumidai.cli.screen import Screen, language, output, say
from fumidai.errors import StorageError
from fumidai.report.escape import Encodable, always, show
from fumidai.report.trace_html import render_trace_html
from fumidai.report.trace_json import Message, render_trace_json, render_trace_line
from fumidai.report.trace_row import Row, csv_head, csv_line, row_of
from fumidai.report.trace_summary import Summary, render_summary
from fumidai.report.trace_text import render_trace_text
from fumidai.texts import N_
from fumidai.trace.letter import Trouble
from fumidai.trace.table import ParquetTable

FORMATS: Final = ("text", "json", "jsonl", "csv", "html")
_ENDINGS: Final = {
    ".txt": "text",
    ".json": "json",
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".html": "html",
    ".arf": "arf",
}
#: So many messages are shown whole; more are summed up.
FEW: Final = 3


@dataclass(frozen=True, slots=True)
class Found:
    """One message as an output takes it.

    Attributes:
        row: always there.
        line: as JSON, where an output wants it; message: whole, where it was traced in this process; original: its
            bytes, where an output wants them.
    """

    row: Row
    line: str = ""
    message: Message | None = None
    original: bytes = b""


def found_of(message: Message, *, line: bool = False, original: bytes = b"") -> Found:
    """A message for the outputs."""
    row = row_of(message.trace, message.file, message.offset, message.number)
    return Found(row, render_trace_line(message) if line else "", message, original)


class Output(ABC):
    """Takes what was found."""

    @abstractmethod
    def add(self, found: Found) -> None:
        """Take one message."""

    @abstractmethod
    def end(self, troubles: Sequence[Trouble]) -> None:
        """All is there."""


@dataclass(slots=True)
class ForPeople(Output):
    """The path of each of a few messages; of more a summary.

    Attributes:
        stream: the screen, or a file.
    """

    stream: Screen | TextIO
    verbose: int = 0
    quiet: bool = False
    summary: Summary = field(default_factory=Summary)
    few: list[Message] = field(default_factory=list)

    def add(self, found: Found) -> None:
        self.summary.add(found.row)
        if found.message is not None and len(self.few) <= FEW:
            self.few.append(found.message)
        if self.verbose and self.summary.messages > FEW:
            for message in self.few[:FEW] if self.summary.messages == FEW + 1 else ():
                self._write(self._whole(message, quiet=True))
            self._write(show(_row_line(found.row), encodable=self._shown()[2]))

    def end(self, troubles: Sequence[Trouble]) -> None:
        if 0 < self.summary.messages <= FEW:
            between = "" if self.quiet else "\n"
            self._write(between.join(self._whole(message, quiet=self.quiet) for message in self.few))
        elif self.summary.messages:
            colour, width, encodable = self._shown()
            text = render_summary(
                self.summary,
                language=language(),
                colour=colour,
                width=width,
                verbose=self.verbose,
                quiet=self.quiet,
                encodable=encodable,
            )
            self._write(text)

    def _whole(self, message: Message, *, quiet: bool) -> str:
        colour, width, encodable = self._shown()
        return render_trace_text(
            message,
            language=language(),
            colour=colour,
            width=width,
            verbose=self.verbose,
            quiet=quiet,
            encodable=encodable,
        )

    def _shown(self) -> tuple[bool, int, Encodable]:
        """Colour, width, and what can be written."""
        screen = self.stream
        if isinstance(screen, Screen):
            return screen.colour, screen.width, screen.encodable
        return False, 80, always

    def _write(self, text: str) -> None:
        if isinstance(self.stream, Screen):
            self.stream.write(text)
        else:
            self.stream.write(text if text.endswith("\n") else f"{text}\n")


def _row_line(row: Row) -> str:
    parts = [f"{row.relay} {row.relay_ip}".strip(), row.source, f"{row.file}@{row.offset}" if row.offset else row.file]
    return f"{row.verdict.upper()}  " + "; ".join(part for part in parts if part)


@dataclass(slots=True)
class Lines(Output):
    """A line for each message: JSON, or CSV with a head."""

    stream: Screen | TextIO
    csv: bool = False
    begun: bool = False

    def add(self, found: Found) -> None:
        if self.csv and not self.begun:
            self.stream.write(csv_head())
            self.begun = True
        self.stream.write(csv_line(found.row) if self.csv else found.line)

    def end(self, troubles: Sequence[Trouble]) -> None:
        if self.csv and not self.begun:
            self.stream.write(csv_head())


@dataclass(slots=True)
class Document(Output):
    """One JSON document."""

    stream: Screen | TextIO
    messages: list[Message] = field(default_factory=list)

    def add(self, found: Found) -> None:
        if found.message is not None:
            self.messages.append(found.message)

    def end(self, troubles: Sequence[Trouble]) -> None:
        told = [{"source": one.source, "why": one.why.value, "text": one.text} for one in troubles]
        self.stream.write(render_trace_json(self.messages, told))


@dataclass(slots=True)
class Page(Output):
    """An HTML page: a few messages whole, of more the summary."""

    stream: Screen | TextIO
    summary: Summary = field(default_factory=Summary)
    few: list[Message] = field(default_factory=list)

    def add(self, found: Found) -> None:
        self.summary.add(found.row)
        if found.message is not None and len(self.few) <= FEW:
            self.few.append(found.message)

    def end(self, troubles: Sequence[Trouble]) -> None:
        told = [f"{one.source}: {one.text or one.why.value}" for one in troubles]
        few = self.few if self.summary.messages <= FEW else []
        text = render_trace_html(few, self.summary, language=language(), troubles=told)
        # The page says that it is UTF-8, and standard output may be something else: ASCII is both.
        self.stream.write(
            text.encode("ascii", "xmlcharrefreplace").decode() if isinstance(self.stream, Screen) else text
        )


@dataclass(slots=True)
class Table(Output):
    """A Parquet file."""

    table: ParquetTable

    def add(self, found: Found) -> None:
        self.table.add(found.row)

    def end(self, troubles: Sequence[Trouble]) -> None:
        """Whoever opened the table closes it."""


def form_of(name: str) -> str:
    """The format that a file's ending names.

    Raises:
        UsageError: it names none.
    """
    return format_of(name, _ENDINGS)


def make_output(form: str, stream: Screen | TextIO, verbose: int, *, quiet: bool) -> Output:
    """An output for a format that is text."""
    match form:
        case "json":
            return Document(stream)
        case "jsonl":
            return Lines(stream)
        case "html":
            return Page(stream)
        case "csv":
            return Lines(stream, csv=True)
        case _:
            return ForPeople(stream, verbose, quiet)


def open_file(name: str) -> TextIO:
    """A file to write into.

    Raises:
        StorageError: it can't be written.
    """
    try:
        return open(name, "w", encoding="utf-8", newline="" if name.endswith(".csv") else None)
    except OSError as problem:
        raise unwritable(name, problem) from problem


def unwritable(name: str, problem: OSError) -> StorageError:
    """What to say of a file that can't be written."""
    return StorageError(N_("{file} can't be written: {why}"), file=name, why=problem.strerror or str(problem))


def screen_output(form: str, verbose: int, *, quiet: bool) -> Output:
    """Standard output."""
    return make_output(form, output(), verbose, quiet=quiet)


def said_trouble(texts: str, trouble: Trouble) -> str:
    """A trouble as a line."""
    return say(texts, source=show(trouble.source), why=show(trouble.text))
