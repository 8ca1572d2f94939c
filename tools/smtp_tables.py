# SPDX-License-Identifier: Apache-2.0
"""Write the state tables of `fumidai.smtp` into `docs/smtp.md`: `python -m tools.smtp_tables`.

The page is written by hand except for what stands between `<!-- table NAME -->` and `<!-- end -->`; that is made from
the tables in the code, so that it can't say anything else. A test compares.

Limits: it does not look at the text around the tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from fumidai.smtp.command import Verb
from fumidai.smtp.refusals import BARE, BLAMELESS, ORDER, PARAMETERS, Refusal
from fumidai.smtp.states import MOVES, State

PAGE = Path(__file__).resolve().parent.parent / "docs" / "smtp.md"
MARKED = re.compile(r"(<!-- table (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def named(verb: Verb) -> str:
    """The name of a command for people."""
    return "end of data" if verb is Verb.MESSAGE else verb.value


def moves() -> str:
    """What moves the state."""
    rows = (
        [named(verb), f"{digit}yz", str(state or "ready or greeted, as before")]
        for (verb, digit), state in MOVES.items()
    )
    return table(["said", "answered", "state after it"], rows)


def order() -> str:
    """What is out of place where."""
    states = [state for state in State if any(state in places for places in ORDER.values())]
    rows = [
        [named(verb), *(f"{places[state].code} {places[state].text}" if state in places else "" for state in states)]
        for verb, places in ORDER.items()
    ]
    return table(["command", *states], rows)


def parameters() -> str:
    """What a parameter needs."""
    rows = ([named(verb), name, needs] for verb, known in PARAMETERS.items() for name, needs in known.items())
    return table(["command", "parameter", "taken where this is announced"], rows)


def refusals() -> str:
    """Every answer that the machine gives by itself."""
    rows = ([str(why.code), why.enhanced, why.text, "no" if why in BLAMELESS else "yes"] for why in Refusal)
    return table(["code", "enhanced", "text", "an error"], rows)


def bare() -> str:
    """Commands without argument."""
    return ", ".join(sorted(named(verb) for verb in BARE)) + "\n"


TABLES: dict[str, Callable[[], str]] = {
    "moves": moves,
    "order": order,
    "parameters": parameters,
    "refusals": refusals,
    "bare": bare,
}


def filled(page: str) -> str:
    """The page with every table made anew."""
    return MARKED.sub(lambda match: f"{match[1]}\n{TABLES[match[2]]()}\n{match[3]}", page)


def main() -> None:
    """Write the page."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
