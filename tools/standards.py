# SPDX-License-Identifier: Apache-2.0
"""Hold `docs/standards.md` against the source, both ways.

Every `RFC 5321 §4.1.2` in a comment, docstring or data file under `src/` must have a row with a status; every row that
claims something (`Yes`, `Partial`, `Tested`) must be cited where it is true. `python -m tools.standards` prints each
RFC with the rooms that cite it, then the faults.

Limits: it sees that a citation stands there, not that the code keeps to it; that is what tests are for.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "standards.md"
CITATION = re.compile(r"\bRFC[ -]?(\d{3,5})\b")
ROW = re.compile(r"^\| (\d{3,5}) \| [^|]+ \| (\w+) \| [^|]* \|$", re.MULTILINE)
STATUSES = {"Yes", "Partial", "Tested", "Later", "No"}
CLAIMS = {"Yes", "Partial", "Tested"}


def cited(source: Path = ROOT / "src" / "fumidai") -> dict[int, set[str]]:
    """The RFCs that the source cites, each with the rooms (or files) in which it does."""
    found: dict[int, set[str]] = {}
    for path in sorted(source.rglob("*")):
        if path.suffix in (".py", ".toml"):
            for number in CITATION.findall(path.read_text(encoding="utf-8")):
                found.setdefault(int(number), set()).add(path.relative_to(source).parts[0])
    return found


def listed(table: str) -> dict[int, str]:
    """The RFCs of the table with their status."""
    return {int(number): status for number, status in ROW.findall(table)}


def faults(cites: dict[int, set[str]], table: dict[int, str]) -> list[str]:
    """What disagrees between source and table, one line each."""
    missing = [
        f"RFC {n} is cited in {', '.join(sorted(cites[n]))} and not listed" for n in sorted(cites.keys() - table)
    ]
    unknown = [f"RFC {n} has the unknown status {s}" for n, s in sorted(table.items()) if s not in STATUSES]
    claims = [f"RFC {n} is {s} and cited nowhere" for n, s in sorted(table.items()) if s in CLAIMS and n not in cites]
    return missing + unknown + claims


def main() -> int:
    """Print who cites what, then the faults; return 1 if there are any."""
    cites, table = cited(), listed(TABLE.read_text(encoding="utf-8"))
    for number in sorted(cites):
        print(f"RFC {number:<6} {table.get(number, '?'):8} {', '.join(sorted(cites[number]))}")
    wrong = faults(cites, table)
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
