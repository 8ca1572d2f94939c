# SPDX-License-Identifier: Apache-2.0
"""Read the catalogue: one TOML file a family under ``battery/catalogue/``, all rows as ``RelayTest``.

A file has ``[family]`` (name, title, about), ``[defaults]`` for what most of its rows share, and ``[[test]]``
rows. What a row needs of the ground is read off the words it mentions, so that the two can't disagree; rows
name only what no word tells (an extension, a message). Anything unknown in a file is an error of ours.

Limits: a row is checked for its form here; that it asks what it says is tested on servers (``tests/battery``).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, TypeVar

from fumidai.battery import words
from fumidai.battery.row import Reach, RelayTest, RowClass, StepKind, StepTemplate
from fumidai.errors import FixtureError

# In the order of DESIGN and docs/catalogue.md; plain-foreign, the first row of the first, decides most.
FAMILIES: Final = (
    "baseline",
    "sender-claim",
    "percent-hack",
    "multi-at",
    "quoted-local",
    "source-route",
    "bang-and-legacy",
    "domain-literal",
    "encapsulated",
    "lexical",
    "unicode",
    "identity-trust",
    "auth",
    "esmtp",
    "session-state",
    "transport",
    "relay-scope",
    "smuggling",
    "reflection",
    "adjacent-service",
)
CONTROLS: Final = "controls"
NEEDS: Final = frozenset(need for need, _ in words.WORDS.values() if need) | {
    "ip4",
    "ip6",
    "proof",
    "smtputf8",
    "starttls",
    "pipelining",
    "chunking",
}
ALTERS: Final = frozenset(("sender", "helo", "recipient", "state"))
SEVERITIES: Final = frozenset(("critical", "high", "medium", "low", "info"))
DERIVED: Final = "Derived: made for this catalogue; no historical source is claimed."

T = TypeVar("T")

_SAID: Final = frozenset(("mail_from", "rcpt_to", "early", "extra_mail"))
_TOLD: Final = frozenset(
    ("id", "title", "severity", "proves", "vulnerable", "source", "evidence", "checked", "comment")
)
_TEXT: Final = _SAID | _TOLD
_FLAGS: Final = frozenset(("own_session", "slow", "opt_in", "runs"))
_KEYS: Final = _TEXT | _FLAGS | {"class", "reach", "script", "needs", "alters"}


@dataclass(frozen=True, slots=True)
class Family:
    """One family of rows: rows that use the same trick."""

    name: str
    title: str
    about: str
    tests: tuple[RelayTest, ...]


@cache
def families() -> tuple[Family, ...]:
    """All families in their order.

    Raises:
        FixtureError: a file of the catalogue is broken.
    """
    return tuple(_family(name) for name in FAMILIES)


@cache
def catalogue() -> Mapping[str, RelayTest]:
    """Every row by its id, in the order of families and files; controls are not among them."""
    rows: dict[str, RelayTest] = {}
    for family in families():
        for test in family.tests:
            if test.id in rows:
                raise FixtureError("{id} stands twice in the catalogue", id=test.id)
            rows[test.id] = test
    return MappingProxyType(rows)


@cache
def control_rows() -> Mapping[str, RelayTest]:
    """The rows of the controls by id: ``postmaster``, ``unknown-user``, ``decoy`` and their forms without a domain."""
    return MappingProxyType({test.id: test for test in _family(CONTROLS).tests})


def _family(name: str) -> Family:
    text = resources.files("fumidai.battery").joinpath("catalogue", f"{name}.toml").read_text(encoding="utf-8")
    return read(name, text)


def read(name: str, text: str) -> Family:
    """One family from the text of its file.

    Raises:
        FixtureError: it is not TOML, or says something this reader does not know.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise FixtureError("{name}.toml: {problem}", name=name, problem=problem) from problem
    head, defaults, rows = data.get("family", {}), data.get("defaults", {}), data.get("test", [])
    if set(data) - {"family", "defaults", "test"} or head.get("name") != name or not rows:
        raise FixtureError("{name}.toml: needs [family] with its name, [defaults] and [[test]] rows", name=name)
    tests = tuple(_test(name, {**defaults, **row}) for row in rows)
    return Family(name, head.get("title", name), head.get("about", ""), tests)


def _test(family: str, row: Mapping[str, Any]) -> RelayTest:
    try:
        return _row(family, row)
    except (KeyError, ValueError, TypeError) as problem:
        raise FixtureError(
            "{family}.toml: {id}: {problem}", family=family, id=row.get("id", "?"), problem=problem
        ) from problem


def _row(family: str, row: Mapping[str, Any]) -> RelayTest:
    if unknown := set(row) - _KEYS:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    text: dict[str, Any] = {key: _typed(row[key], str) for key in _TEXT & set(row)}
    flags: dict[str, Any] = {key: _typed(row[key], bool) for key in _FLAGS & set(row)}
    script = tuple(_step(step) for step in row.get("script", ()))
    test = RelayTest(
        **{"mail_from": "<{sender}>", "rcpt_to": "<{proof}>", **text},
        **flags,
        family=family,
        row_class=RowClass(row["class"]),
        reach=Reach(row.get("reach", Reach.DATA)),
        script=script,
        needs=frozenset(),
        alters=_subset(row.get("alters", ()), ALTERS),
    )
    if test.severity not in SEVERITIES:
        raise ValueError(f"severity {test.severity!r}")
    return _complete(test, _subset(row.get("needs", ()), NEEDS))


def reworded(test: RelayTest, mail_from: str = "", rcpt_to: str = "") -> RelayTest:
    """The same question with another sender or recipient, as a battery of its own has it.

    Raises:
        ValueError: a word in it is not known.
    """
    derived = {need for need, _ in words.WORDS.values()}
    changed = replace(
        test,
        mail_from=mail_from or test.mail_from,
        rcpt_to=rcpt_to or test.rcpt_to,
        alters=test.alters | ({"sender"} if mail_from else set()),
    )
    return _complete(changed, test.needs - derived)


def _complete(test: RelayTest, needs: frozenset[str]) -> RelayTest:
    """The row with what its words need, and with the note that a derived row carries."""
    used = used_words(test) if test.runs else frozenset[str]()
    if unknown := used - set(words.WORDS):
        raise ValueError(f"unknown words {sorted(unknown)}")
    derived = frozenset(words.WORDS[name][0] for name in used) - {""}
    if any(step.kind is StepKind.MESSAGE for step in test.script):
        derived |= {"proof"}
    checked = test.checked or (DERIVED if test.evidence == "D" else "")
    return replace(test, needs=needs | derived, checked=checked)


def templates(test: RelayTest) -> tuple[str, ...]:
    """Every text of a row that goes out on the wire."""
    lines = [text for step in test.script for text in (step.say, *step.headers, step.tail)]
    mail = () if _says_own(test, StepKind.MAIL) else (test.mail_from, test.extra_mail)
    rcpt = () if _says_own(test, StepKind.RCPT) else (test.rcpt_to,)
    return (*mail, *rcpt, test.early, *lines)


@lru_cache(maxsize=4096)
def used_words(test: RelayTest) -> frozenset[str]:
    """The words that a row mentions in what it says."""
    return frozenset[str]().union(*map(words.names, templates(test)))


def _says_own(test: RelayTest, kind: StepKind) -> bool:
    """True where the row's own argument of that command never goes out."""
    return bool(test.script) and not any(step.kind is kind and not step.say for step in test.script)


def _step(step: Mapping[str, Any]) -> StepTemplate:
    known = {"kind", "say", "glued", "headers", "answers", "local", "repeat", "pause", "dribble"}
    known |= {"chunked", "tail"}
    if unknown := set(step) - known:
        raise ValueError(f"unknown keys {sorted(unknown)} in a step")
    kind, chunked = StepKind(step["kind"]), _typed(step.get("chunked", False), bool)
    if (chunked and kind is not StepKind.MESSAGE) or ("tail" in step and not chunked):
        raise ValueError("only a message is chunked, and only a chunked one has a tail")
    low, high = step.get("answers", (1, 1))
    return StepTemplate(
        kind=kind,
        say=_typed(step.get("say", ""), str),
        glued=_typed(step.get("glued", False), bool),
        headers=tuple(_typed(line, str) for line in step.get("headers", ())),
        answers=(_typed(low, int), _typed(high, int)),
        local=_typed(step.get("local", False), bool),
        repeat=_typed(step.get("repeat", 1), int),
        pause=_typed(step.get("pause", 0), int),
        dribble=_typed(step.get("dribble", False), bool),
        chunked=chunked,
        tail=_typed(step.get("tail", ""), str),
    )


def _typed(value: Any, kind: type[T]) -> T:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not a {kind.__name__}")
    return value


def _subset(given: Any, allowed: frozenset[str]) -> frozenset[str]:
    chosen = frozenset(given)
    if unknown := chosen - allowed:
        raise ValueError(f"unknown words {sorted(unknown)}")
    return chosen
