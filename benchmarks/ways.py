# SPDX-License-Identifier: Apache-2.0
"""The Received lines of the messages that `letters` makes: lines of fixtures, with other names, addresses and dates.

A message's lines are drawn by their shares in ``mail.toml`` and put in the order in which such lines stand in real
mail. Then they are written from the oldest to the newest: its writer and its client get names and addresses, new ones
as often as in real mail, else such as have been there before; the client of the next line is, as often as in real mail,
the writer of this one.

Names are under `.example`, addresses out of 198.18.0.0/15 (RFC 2544), except where a family is known by its hosts'
names; there digits change.

Limits: which shapes stand beside each other is left to chance, but for their order. Comments that name a version are
the fixtures' own, so there are fewer of them than in real mail.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zlib import crc32

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "messages"
RECEIVED = re.compile(r"(?mis)^received:\s*(.*?)\n(?=\S|\n|\Z)")
#: Fixtures of several lines on purpose, or of other people's text: only where the table names them.
_NOT_BY_CHANCE = {"chains", "pasted", "report"}
_CLIENT = re.compile(r"from\s.*?(?=\sby\s)", re.DOTALL)
_WRITER = re.compile(r"(?:\A|(?<=\s))by\s.*?(?=\s(?:with|id|for|via)\s|;|\Z)", re.DOTALL)
_NAME = re.compile(r"(?<![\w.-])(?:[\w-]+\.)+[A-Za-z][\w-]*")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:)(?:[0-9a-f]{0,4}:){1,6}[0-9a-f]{1,4}")
_ID = re.compile(r"(?<=\bid )[^\s;]+|(?<=qmail )\d+")
_FOR = re.compile(r"(?<=\bfor )(<?)[\w.]+@[\w.]+")
_DATE = re.compile(
    r"(?:\b[A-Z][a-z]{2},\s+)?\b(?P<day>\d{1,2})\s+[A-Z][a-z]{2}\s+(?P<year>\d{4}|\d\d)\s+\d\d:\d\d(?::\d\d)?(?:\.\d+)?"
    r"(?:\s+(?P<zone>[+-][01]\d[0-5]\d|[A-Z]{3,4}\b))?"
    r"|\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+"
)
#: Hours of the zones that fixtures name (RFC 5322 §4.3, and Japan's).
_ZONES = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "PST": -8, "PDT": -7, "JST": 9}


#: One number gives one host, so that names repeat as often as numbers do.
_HOSTS = ("mx", "mail", "out", "smtp", "dsl-7-9", "pc", "web", "a")
_DOMAINS = ("isp", "far", "hub", "net", "us")
_GOLDEN = 0.6180339887


class Pool:
    """Numbers, each of them a name or an address: a new one with the given chance, else one that was drawn before.

    So a few are met very often and many once, as in real mail.
    """

    def __init__(self, fresh: float, dice: random.Random) -> None:
        self._fresh, self._dice, self._drawn, self._next = fresh, dice, [5], 5

    def draw(self) -> int:
        """One number."""
        if self._dice.random() < self._fresh:
            self._next += 1
            self._drawn.append(self._next)
        else:
            self._drawn.append(self._dice.choice(self._drawn))
        return self._drawn[-1]


def shapes(table: Mapping[str, Any], kind: str) -> tuple[list[tuple[str, float]], list[float]]:
    """Lines with the places where they stand in a head; and their weights."""
    column = 1 if kind == "old" else 3
    found: list[tuple[str, float]] = []
    weights: list[float] = []
    lines = fixture_lines()
    for row in table["lines"]:
        text = table["shapes"].get(row[0]) or lines.pop(row[0])
        found.append((text, row[column + 1]))
        weights.append(row[column])
    rest = [text for name, text in lines.items() if name.partition("/")[0] not in _NOT_BY_CHANCE]
    left = 1000 - sum(weights)
    return found + [(text, 0.9) for text in rest], weights + [left / len(rest)] * len(rest)


def fixture_lines() -> dict[str, str]:
    """The Received lines of all fixtures, by folder, name and number."""
    return {
        f"{path.parent.name}/{path.stem}:{number}": line
        for path in sorted(FIXTURES.glob("*/*.eml"))
        for number, line in enumerate(RECEIVED.findall(path.read_bytes().decode("latin-1").replace("\r\n", "\n")))
    }


class Ways:
    """Draws the Received lines of one message after the other."""

    def __init__(self, table: Mapping[str, Any], kind: str, dice: random.Random) -> None:
        self._figures, self._dice = table[kind], dice
        self._shapes, self._weights = shapes(table, kind)
        helos, clients, writers, places, recipients = self._figures["pools"]
        self._helos, self._clients = Pool(helos, dice), Pool(clients, dice)
        self._writers, self._places, self._recipients = (Pool(one, dice) for one in (writers, places, recipients))
        first = datetime(self._figures["year"], 1, 1, tzinfo=UTC)
        step = 1 if kind == "new" else 1.5
        self._days = [first + timedelta(days=number * step) for number in range(self._figures["days"])]

    def draw(self, count: int) -> tuple[str, datetime]:
        """So many lines as text of a head, and when the message was written."""
        drawn = self._dice.choices(self._shapes, self._weights, k=count)
        drawn.sort(key=lambda shape: shape[1] + self._dice.gauss(0, 0.1))
        moments = self._moments(count)
        below, written = "", []
        for (line, _), when in zip(reversed(drawn), moments, strict=True):
            text, below = self._written(line, when, below)
            written.append(f"Received: {text}\n")
        return "".join(reversed(written)), moments[0] if moments else self._days[0]

    def _moments(self, count: int) -> list[datetime]:
        """When each line was written, the oldest first."""
        dice = self._dice
        when = dice.choice(self._days) + timedelta(seconds=dice.randrange(86400))
        gaps = [dice.expovariate(1 / 5) for _ in range(count)]
        if count > 1 and dice.random() < self._figures["late"]:
            gaps[dice.randrange(1, count)] += dice.uniform(1, 5) * 86400
        moments = [when := when + timedelta(seconds=gap) for gap in gaps]
        chance = dice.random()
        for share, least, most in self._figures["back"]:
            chance -= share
            if chance < 0 and count > 1:
                at = dice.randrange(count - 1)
                moments[at] = moments[at + 1] + timedelta(seconds=dice.uniform(least, most))
                break
        return moments

    def _written(self, line: str, when: datetime, below: str) -> tuple[str, str]:
        """The line anew, and the name of its writer."""
        line = _DATE.sub(lambda found: _dated(found, when), line)
        line = _ID.sub(lambda found: self._numbered(found[0]), line)
        line = _FOR.sub(lambda found: f"{found[1]}me{self._recipients.draw()}@us.example", line)
        client = _CLIENT.match(line)
        start = client.end() if client is not None else 0
        before = self._client(line[:start], below) if client is not None else ""
        writer = _WRITER.search(line, start)
        if writer is None:
            return before + line[start:], below
        number = self._writers.draw()
        named = _NAME.sub(lambda found: _named(found[0], number), writer[0])
        if _IPV4.search(named) or _IPV6.search(named):
            named = _addressed(named, self._places.draw(), private=False)
        return before + line[start : writer.start()] + named + line[writer.end() :], named.split()[1]

    def _client(self, text: str, below: str) -> str:
        """The part before the writer, with another client: the HELO is its first name, a comment has the other."""
        dice = self._dice
        number = self._clients.draw()
        same = dice.random() < self._figures["same"]
        linked = bool(below) and dice.random() < self._figures["linked"]
        if linked and same:
            number = crc32(below.encode())
        names: list[str] = []

        def name(found: re.Match[str]) -> str:
            if linked and (same or not names):
                names.append(below)
            else:
                names.append(_named(found[0], number if same or names else self._helos.draw()))
            return names[-1]

        private = dice.random() < self._figures["private"]
        return _addressed(_NAME.sub(name, text), number, private=private)

    def _numbered(self, text: str) -> str:
        """Another number of a message; in its place, Exchange has its version, which is one of some hundred."""
        if text.startswith("15."):
            head, _, tail = text.rpartition(".")
            return f"{head[:6]}{self._dice.randrange(5000, 9999, self._figures['versions'])}.{tail}"
        dice = self._dice
        text = re.sub(r"\d", lambda _: str(dice.randrange(10)), text)
        if sum(letter.isdigit() for letter in text) >= 6:
            return text
        return re.sub(
            r"[b-z]", lambda _: dice.choice("bcdef"), re.sub(r"[B-FY-Z]", lambda _: dice.choice("BCDEF"), text)
        )


def _named(name: str, number: int) -> str:
    """Another name; of a host whose family is known by its domain, one of the same form."""
    if name.endswith(".example"):
        return f"{_HOSTS[number % len(_HOSTS)]}.{_DOMAINS[number % len(_DOMAINS)]}{number}.example"
    # The domain stays: it tells whose host this is.
    host, *domain = name.rsplit(".", 2)
    digits = iter(f"{int(number * _GOLDEN % 1 * 10**8):08}" * 4)
    return ".".join((re.sub(r"\d", lambda _: next(digits), host), *domain))


def _addressed(text: str, number: int, *, private: bool) -> str:
    """Other addresses: of a number always the same one."""
    inside = "127.0.0.1" if number % 2 else f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    outside = f"198.{18 + (number >> 16 & 1)}.{number >> 8 & 255}.{number & 255}"
    text = _IPV4.sub(lambda found: inside if private or found[0].startswith("10.") else outside, text)
    return _IPV6.sub(lambda found: inside if private else _ipv6(found[0], number), text)


def _ipv6(text: str, number: int) -> str:
    """The first two groups stay, for they tell whose it is; the others change."""
    groups = text.split(":")
    bits = int(number * _GOLDEN % 1 * 2**52)
    return ":".join(
        group if at < 2 or not group else f"{(bits >> 9 * at) % 4096 or 1:x}" for at, group in enumerate(groups)
    )


def _dated(found: re.Match[str], when: datetime) -> str:
    """Another date, in the same form."""
    if not found["day"]:
        return f"{when:%Y-%m-%d %H:%M:%S.%f}"
    zone = found["zone"] or "+0000"
    digits = zone[1:].isdigit()
    minutes = int(zone[0] + "1") * (int(zone[1:3]) * 60 + int(zone[3:])) if digits else _ZONES.get(zone, 0) * 60
    local = when.astimezone(timezone(timedelta(minutes=minutes)))
    day = f"{local:%a}, " if found[0][0].isalpha() else ""
    year = f"{local:%Y}"[-len(found["year"]) :]
    return f"{day}{local.day} {local:%b} {year} {local:%H:%M:%S}" + (f" {zone}" if found["zone"] else "")
