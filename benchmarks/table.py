# SPDX-License-Identifier: Apache-2.0
"""Tables as plain text and as Markdown, and a part of a Markdown file that is written anew.

Limits: cells are ours, short and without the characters that Markdown tables would take for their own.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.figures import Part, Table, Target


def marks(names: str = "") -> tuple[str, str]:
    """What stands before and after the figures of some benchmarks in the page; without names, of the relay tests'."""
    what, words = (f"figures of {names}", f"{names} ") if names else ("figures", "")
    return f"<!-- {what}, written by: python3 dev.py bench {words}--write -->", f"<!-- end of {what} -->"


BEGIN, END = marks()


def text(parts: Sequence[Part], machine: Sequence[str]) -> str:
    """Everything for a terminal."""
    blocks = [
        "\n".join([table.title, *_aligned(table), *(f"  {note}" for note in table.notes)])
        for table in _tables(parts)
    ]  # fmt: skip
    return "\n\n".join([*blocks, "\n".join(machine)])


def markdown(parts: Sequence[Part], machine: Sequence[str]) -> str:
    """Everything for docs/benchmarks.md."""
    blocks = [f"{line}  " for line in machine[:-1]] + [machine[-1], ""]
    for table in _tables(parts):
        blocks += [f"### {table.title}", "", _line(table.heads), _line(["---"] * len(table.heads))]
        blocks += [_line(row) for row in table.rows]
        blocks += ["", *[f"{note}  " for note in table.notes], *([""] if table.notes else [])]
    return "\n".join(blocks).rstrip() + "\n"


def replace_figures(page: str, figures: str, names: str = "") -> str:
    """A page with what stands between the marks of some benchmarks replaced.

    Raises:
        ValueError: the page has no such marks.
    """
    first, last = marks(names)
    head, begin, rest = page.partition(first)
    _, end, tail = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"no marks {first} … {last}")
    return f"{head}{first}\n\n{figures}\n{last}{tail}"


def targets_table(targets: Sequence[Target]) -> Table:
    """What was to be reached beside what was."""
    rows = [
        (
            target.what,
            f"{'>=' if target.at_least else '<='} {target.limit:g} {target.unit}",
            f"{target.reached:.3g} {target.unit}" if target.reached < 1000 else f"{target.reached:.0f} {target.unit}",
            "met" if target.met else "MISSED",
            target.peer,
        )
        for target in targets
    ]  # fmt: skip
    return Table("To reach", ("what", "to reach", "median here", "", "peer in the same run"), tuple(rows))


def _tables(parts: Sequence[Part]) -> list[Table]:
    targets = [target for part in parts for target in part.targets]
    return [*([targets_table(targets)] if targets else []), *(table for part in parts for table in part.tables)]


def _aligned(table: Table) -> list[str]:
    rows = [table.heads, *table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.heads))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("<=", "≤").replace(">=", "≥") for cell in cells) + " |"
