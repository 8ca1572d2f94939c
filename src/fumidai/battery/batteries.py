# SPDX-License-Identifier: Apache-2.0
"""The batteries: ordered sets of rows, and the choice that a user makes among them.

``batteries.toml`` holds them; a battery may ask a row with another sender or recipient than the catalogue does
(the historic services had their own), under the same id, because it is the same question. Naming a row by its
id opts in to a slow or dangerous one; choosing a family or a battery never does.

Limits: whether a row can be asked on a given server is ``expand``'s to say.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

from fumidai.battery import load
from fumidai.battery.row import Entry
from fumidai.errors import FixtureError, UsageError
from fumidai.texts import N_


@dataclass(frozen=True, slots=True)
class Battery:
    """One battery; ``reasons`` says for ids why they are in it, where the data says so."""

    name: str
    about: str
    entries: tuple[Entry, ...]
    reasons: Mapping[str, str]


@cache
def batteries() -> Mapping[str, Battery]:
    """All batteries by name, in the order of their file.

    Raises:
        FixtureError: the file names a row or family that does not exist, or uses a key that nobody reads.
    """
    text = resources.files("fumidai.battery").joinpath("batteries.toml").read_text(encoding="utf-8")
    return {name: _battery(name, data) for name, data in tomllib.loads(text).items()}


def battery(name: str) -> tuple[Entry, ...]:
    """The rows of one battery in its order.

    Raises:
        UsageError: there is no such battery.
    """
    known = batteries()
    if name not in known:
        raise UsageError(
            N_("There is no battery {name}."), mend=N_("Choose one of: {known}."), name=name, known=", ".join(known)
        )
    return known[name].entries


def select(
    name: str,
    tests: Sequence[str] | None = None,
    families: Sequence[str] | None = None,
    opt_in: bool = False,
) -> tuple[Entry, ...]:
    """What a user asked for: a battery, or some families of it, or rows named one by one in his order.

    Args:
        name: the battery; rows named in ``tests`` are asked as it asks them where it has them.
        tests: ids of rows; they take the place of the battery's rows, slow and dangerous ones included.
        families: only rows of these families.
        opt_in: dangerous rows of the choice count as named (slow ones still want their id).

    Raises:
        UsageError: no such battery, row or family, or nothing is left.
    """
    entries = battery(name)
    if tests:
        by_id = {entry.test.id: entry for entry in reversed(entries)}
        entries = tuple(_named(test, by_id) for test in dict.fromkeys(tests))
    if families:
        unknown = [family for family in families if family not in load.FAMILIES]
        if unknown:
            raise UsageError(
                N_("There is no family {name}."),
                mend=N_("Choose one of: {known}."),
                name=unknown[0],
                known=", ".join(load.FAMILIES),
            )
        entries = tuple(entry for entry in entries if entry.test.family in families)
    if not entries:
        raise UsageError(
            N_("No test is left to run."), mend=N_("Choose a battery, family or test that has rows that run.")
        )
    return tuple(replace(entry, named=True) if opt_in and entry.test.opt_in else entry for entry in entries)


def _named(test: str, by_id: Mapping[str, Entry]) -> Entry:
    if test not in load.catalogue():
        near = get_close_matches(test, load.catalogue(), n=1)
        raise UsageError(
            N_("There is no test {id}."),
            mend=N_("Did you mean {near}?") if near else N_("docs/catalogue.md lists them all."),
            id=test,
            near=near[0] if near else "",
        )
    return replace(by_id.get(test, Entry(load.catalogue()[test])), named=True)


def _battery(name: str, data: Mapping[str, Any]) -> Battery:
    try:
        if "families" in data:
            rows = [
                {"test": test.id} for test in load.catalogue().values() if test.runs and test.family in data["families"]
            ]
        else:
            rows = data["rows"]
        entries = tuple(_entry(row) for row in rows)
        return Battery(name, data["about"], entries, {row["test"]: row["why"] for row in rows if "why" in row})
    except (KeyError, TypeError, ValueError) as problem:
        raise FixtureError("batteries.toml: {name}: {problem}", name=name, problem=problem) from problem


def _entry(row: Mapping[str, str]) -> Entry:
    if unknown := set(row) - {"test", "label", "mail_from", "rcpt_to", "why"}:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    test = load.catalogue()[row["test"]]
    changes = {key: row[key] for key in ("mail_from", "rcpt_to") if key in row}
    return Entry(load.reworded(test, **changes) if changes else test, label=row.get("label", ""))
