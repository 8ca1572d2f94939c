# SPDX-License-Identifier: Apache-2.0
"""Print a result in the format asked for, to standard output and to files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fumidai.cli.screen import Screen, language, local_zone, output
from fumidai.dialects.cure import cures
from fumidai.errors import StorageError, UsageError
from fumidai.evidence.outcome import Word
from fumidai.evidence.result import RunResult
from fumidai.evidence.verdict import Verdict, exit_code
from fumidai.report.cure import CureText, Urgency
from fumidai.report.escape import always
from fumidai.report.glyphs import PLAIN, choose_glyphs
from fumidai.report.json import render_json, render_jsonl
from fumidai.report.maps import render_maps
from fumidai.report.text import render_text
from fumidai.texts import N_

_ENDINGS = {".txt": "text", ".json": "json", ".jsonl": "jsonl", ".maps": "maps"}
#: From which verdict on ``--fail-on`` lets the exit code speak.
_BADNESS = (Verdict.INCONCLUSIVE, Verdict.ACCEPTS, Verdict.REFLECTS, Verdict.OPEN)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the user wants the result.

    Attributes:
        format: of standard output; ``files``: further places.
        again: the command that tests again.
    """

    format: str
    files: tuple[str, ...]
    verbose: int
    quiet: bool
    fail_on: str | None
    exit_zero: bool
    again: str = ""


def deliver(result: RunResult, wanted: Wanted) -> int:
    """Print and write the result; the exit code."""
    code = code_of(result, wanted)
    screen = output()
    screen.write(render(result, wanted.format, wanted, screen, code))
    failed = [_write(name, render(result, format_of(name), wanted, None, code), result.id) for name in wanted.files]
    for error in filter(None, failed):
        raise error
    return code


def code_of(result: RunResult, wanted: Wanted) -> int:
    """The exit code: that of the verdicts, as the user wants it weighed (DESIGN §6)."""
    if result.interrupted and Verdict.OPEN not in result.verdicts.values():
        code = 3
    else:
        code = exit_code(result.verdicts.values())
    if wanted.exit_zero:
        return 0
    if wanted.fail_on:
        bad = _BADNESS[_BADNESS.index(Verdict(wanted.fail_on)) :]
        # Who wants to hear of what could not be told wants to hear of a host that could not be reached.
        met = {Verdict.INCONCLUSIVE if one is Verdict.UNREACHABLE else one for one in result.verdicts.values()}
        return code if met.intersection(bad) else 0
    return code


def format_of(name: str, endings: Mapping[str, str] = _ENDINGS) -> str:
    """The format that a file's ending names.

    Args:
        endings: those that are known, with their formats.

    Raises:
        UsageError: it names none.
    """
    ending = Path(name).suffix.lower()
    if ending not in endings:
        raise UsageError(
            N_("{file}: no format has this ending."),
            mend=N_("Use one of {known}."),
            file=name,
            known=", ".join(endings),
        )
    return endings[ending]


def check_file(name: str) -> None:
    """See before a run whether its result can be written there afterwards.

    Raises:
        UsageError: the ending names no format, or there is no such folder.
    """
    format_of(name)
    if not Path(name).parent.is_dir():
        raise UsageError(
            N_("{file} can't be written: there is no folder {folder}."), file=name, folder=str(Path(name).parent)
        )
    if Path(name).is_dir():
        raise UsageError(N_("{file} can't be written: it is a folder."), file=name)


def render(result: RunResult, form: str, wanted: Wanted, screen: Screen | None, code: int) -> str:
    """The result in one format; ``screen`` None is a file (UTF-8, no colour, 80 columns)."""
    if form == "json":
        return render_json(result, code=code)
    if form == "jsonl":
        return render_jsonl(result, code=code)
    if form == "maps":
        return "\n".join(render_maps(entry) for entry in result.entries)
    encodable = screen.encodable if screen else always
    wide = language() == "ja"
    return render_text(
        result,
        language=language(),
        colour=screen.colour if screen else False,
        glyphs=choose_glyphs(encodable, ambiguous_is_wide=wide) if screen and screen.terminal else PLAIN,
        width=screen.width if screen else 80,
        height=screen.height if screen and screen.terminal else 24,
        verbose=wanted.verbose,
        quiet=wanted.quiet,
        zone=local_zone(),
        encodable=encodable,
        cures=cure_texts(result),
        again=wanted.again,
        code=code,
    )


def cure_texts(result: RunResult) -> Sequence[CureText]:
    """What to do about each target that is not closed."""
    texts: dict[tuple[str, str], CureText] = {}
    for entry in result.entries:
        if entry.verdict in {Verdict.CLOSED, Verdict.UNREACHABLE}:
            continue
        bad = [row for row in entry.tests if not row.allowed and row.word in {Word.DELIVERED, Word.ACCEPTED}]
        found = [finding.id for finding in entry.findings]
        families = list(dict.fromkeys(row.family for row in bad))
        for cure in cures(entry.software.name, entry.software.version, [row.id for row in bad], found, families):
            text = CureText(Urgency(cure.order), cure.text, cure.commands, cure.page, entry.endpoint.target)
            texts.setdefault((cure.id, entry.endpoint.target), text)
    return tuple(texts.values())


def _write(name: str, text: str, run: str) -> StorageError | None:
    """Write one file; what was in the way, once the others are written too."""
    try:
        Path(name).write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
    except OSError as error:
        return StorageError(
            N_("{file} can't be written: {why}"),
            mend=N_("The run itself is kept; print it again: fumidai show {run} -o FILE"),
            file=name,
            why=error.strerror or str(error),
            run=run,
        )
    return None
