# SPDX-License-Identifier: Apache-2.0
"""Write `docs/catalogue.md` and a page for every relay test under `docs/tests/`, from the catalogue's own data.

A page shows what is said on the wire with the names of one example server filled in, so that anybody can say it by
hand; the dialogue comes out of `battery.expand`, as the tester's does. `tests/battery/test_pages.py` fails while a page
is missing, left over or old.

Limits: English; ids, SMTP words and sources would not change in another language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from fumidai.battery import load
from fumidai.battery.attempt import Attempt, Step
from fumidai.battery.batteries import batteries
from fumidai.battery.expand import controls, expand
from fumidai.battery.ground import Ground
from fumidai.battery.row import Entry, Reach, RelayTest, RowClass, StepKind
from fumidai.evidence.token import Role
from fumidai.policy.request import Action, Decision, Request

ROOT = Path(__file__).resolve().parent.parent
FOLDER: Path = ROOT / "docs" / "tests"
CATALOGUE: Path = ROOT / "docs" / "catalogue.md"
GENERATED = (
    "<!-- Written by tools/test_pages.py from src/fumidai/battery: change the data, then `python3 dev.py docs`. -->"
)

EXAMPLE = Ground(
    address=IPv4Address("192.0.2.25"),
    host="mail.target.example",
    ptr="host25.target.example",
    extensions=frozenset(("SMTPUTF8", "STARTTLS", "CHUNKING")),
    encrypted=False,
    domain="target.example",
    domains=("target.example",),
    local_user="user@target.example",
    sender_domain="proof.example",
    proof_domain="proof.example",
    sending=True,
    source=IPv4Address("198.51.100.7"),
    sink4=IPv4Address("198.51.100.8"),
    sink6=IPv6Address("2001:db8:7::8"),
    mx_domain="backup.example",
    ehlo="tester.example",
    run="example",
    own_names=frozenset(("mail.target.example", "host25.target.example")),
)

CLASSES = {
    RowClass.FOREIGN: (
        "plainly foreign",
        "The recipient is somebody else's however it is read: taking it is a promise to relay.",
    ),
    RowClass.LOCAL: (
        "could be a local mailbox",
        "What is asked for may be an odd name of a local user: a yes alone proves nothing. If a decoy of the same "
        "shape is taken too, it is a mailbox; only the message that arrives proves relaying.",
    ),
    RowClass.MALFORMED: (
        "malformed",
        "The command breaks the grammar: a yes shows a lax parser. Only the message that arrives proves relaying.",
    ),
    RowClass.TRUST: (
        "trust by a claim",
        "It counts beside `plain-foreign` in the same conditions: refused there and taken here, the claim bought the "
        "permission.",
    ),
    RowClass.BACK: (
        "comes back",
        "The result reaches the forged sender as a bounce or an answer: backscatter, not relaying.",
    ),
    RowClass.CAPABILITY: (
        "capability or side door",
        "What the server or its host offers; not relaying by itself.",
    ),
}
EVIDENCE = {
    "V": "seen in a source that was read for this catalogue",
    "R": "from a standard or a published advisory",
    "D": "derived for this catalogue; no historical source is claimed",
}


def decide(request: Request) -> Decision:
    """Pages don't judge: any answer will do."""
    return Decision(Action.REFUSE, "example", "an example")


def mint(attempt: int, role: Role) -> str:
    """Words in the place of tokens."""
    return {Role.RECIPIENT: "probe", Role.SENDER: "me", Role.HEADER: "header"}[role]


def example(test: RelayTest) -> Attempt | None:
    """The row on the example server; None where it does not run or needs more than that server has."""
    if test.family == load.CONTROLS:
        ground = replace(EXAMPLE, domain="") if test.id.endswith("-no-domain") else EXAMPLE
        return next(item for item in controls(ground, decide, mint, 1) if item.test.id == test.id)
    attempts, _ = expand([Entry(test, named=True)], EXAMPLE, decide, mint, 1)
    return attempts[0] if attempts else None


# -- a page -----------------------------------------------------------------------------------------------------------


def page(test: RelayTest) -> str:
    """The page of one row."""
    name, meaning = CLASSES[test.row_class]
    facts = [
        f"- Family: [{test.family}](../catalogue.md#{test.family})",
        f"- Class: **{test.row_class.value}**, {name}. {meaning}",
        f"- Reach: {reach(test)}",
    ]
    if needs := needed(test):
        facts.append(f"- Needs: {needs}")
    parts = [
        f"# {page_name(test).removesuffix('.md')}: {test.title}",
        GENERATED,
        "\n".join(facts),
        f"## What is said\n\n{dialogue(test)}",
        f"## What a yes proves\n\n{words_as_code(test.proves)}",
        f"## Known to fall for it\n\n{test.vulnerable}",
        f"## Source\n\n{test.source}\n\nEvidence {test.evidence}: {EVIDENCE[test.evidence]}.",
    ]
    if test.checked and test.checked != load.DERIVED:
        parts.append(f"## Remarks\n\n{test.checked}")
    return "\n\n".join(parts) + "\n"


def words_as_code(text: str) -> str:
    """A text with its words in braces marked as code."""
    return re.sub(r"\{[a-z0-9-]+\}", lambda match: f"`{match[0]}`", text)


def reach(test: RelayTest) -> str:
    """How far the row goes, in words."""
    if not test.runs:
        return "not run by this version"
    if any(step.kind is StepKind.MESSAGE for step in test.script):
        return "a whole message; it is not run without a proof domain"
    far = "the end of the message, where a proof domain is given" if test.reach is Reach.DATA else "RCPT, never further"
    marks = [
        mark
        for mark, given in (
            ("only when named, because it is slow", test.slow),
            ("only when named, because it can do harm", test.opt_in),
            ("in a session of its own", test.own_session),
        )
        if given
    ]
    return "; ".join([far, *marks])


_NEEDS = {
    "domain": "a domain that the server receives for (`--domain`)",
    "local-user": "a mailbox there (`--local-user`)",
    "host": "a host name that the server announces",
    "ptr": "a reverse name of its address",
    "ip4": "an IPv4 address",
    "ip6": "an IPv6 address",
    "proof": "a proof domain (`--proof-domain`)",
    "proof-ip4": "an IPv4 address of the sink",
    "proof-ip6": "an IPv6 address of the sink",
    "mx-domain": "a domain of yours with the server as second MX (`--mx-domain`)",
    "smtputf8": "SMTPUTF8 offered",
    "starttls": "STARTTLS offered",
    "pipelining": "PIPELINING offered",
    "chunking": "CHUNKING offered",
}


def needed(test: RelayTest) -> str:
    """What the server or the user must offer, in words."""
    return ", ".join(text for need, text in _NEEDS.items() if need in test.needs) if test.runs else ""


def dialogue(test: RelayTest) -> str:
    """What is typed, with the example's names, or why there is nothing to type."""
    attempt = example(test)
    if not test.runs:
        return f"Nothing yet. {test.comment}"
    if attempt is None:
        return f"`RCPT TO:{test.rcpt_to}`, on servers to which it applies. {why_no_example(test)}"
    opening = [] if attempt.script[0].kind is StepKind.HELO or attempt.early else [f"EHLO {EXAMPLE.ehlo}"]
    early = [f"{shown(attempt.early)}    (before the greeting has come)"] if attempt.early else []
    lines = [*early, *opening, *(line for step in folded(attempt.script) for line in typed(*step))]
    text = "\n".join(["$ telnet mail.target.example 25", *lines, "QUIT"])
    note = "\n\nBytes that cannot be typed stand as `\\xNN`." if "\\x" in text else ""
    return (
        f"To the example server `mail.target.example` (192.0.2.25), which receives for `target.example`; "
        f"`proof.example` is yours and leads to you.\n\n```text\n{text}\n```{note}{command(test)}"
    )


def why_no_example(test: RelayTest) -> str:
    """Why the example server is not asked."""
    same = {
        "pct-backup-mx": "pct-domain",
        "atat-virtual-catchall": "atat-domain",
        "q-percent-inside": "pct-quoted-domain",
        "lit-self-pct": "pct-ip",
        "helo-partner": "helo-own-name",
        "scope-mx-wild": "scope-mx-anyone",
        "scope-unknown-local": "control-unknown-user",
    }
    if test.id in same:
        return f"For the example server it would be said as [{same[test.id]}]({same[test.id]}.md) says it."
    return "The example server's domain has no such form."


def command(test: RelayTest) -> str:
    """How to have this row asked and nothing else."""
    if not test.runs or test.family == load.CONTROLS:
        return ""
    options = [
        text
        for need, text in (
            ("local-user", "--local-user user@target.example"),
            ("mx-domain", "--mx-domain backup.example"),
            ("proof", "--proof-domain proof.example --sink :25"),
        )
        if need in test.needs
    ]
    line = " ".join(["fumidai test mail.target.example --domain target.example", f"--tests {test.id}", *options])
    return f"\n\nOnly this row: `{line}`"


def folded(script: tuple[Step, ...]) -> list[tuple[Step, int]]:
    """Equal steps in a row as one, with their number."""
    found: list[tuple[Step, int]] = []
    for step in script:
        if found and found[-1][0] == step:
            found[-1] = (step, found[-1][1] + 1)
        else:
            found.append((step, 1))
    return found


def typed(step: Step, times: int) -> list[str]:
    """The lines of one step."""
    if step.kind is StepKind.RECONNECT:
        wait = f" after {step.pause} seconds" if step.pause else ""
        return ["QUIT", f"(connect again{wait})", f"EHLO {EXAMPLE.ehlo}"]
    if step.kind is StepKind.MESSAGE:
        message = [
            *(shown(line) for line in step.header_lines),
            "Subject: relay test",
            "",
            "A test of your own mail server.",
        ]
        return chunk(message, step.tail) if step.chunked else [*message, "."]
    if not step.data:
        return []
    remarks = [
        text
        for text, given in (
            (f"{times} times", times > 1),
            ("in one write with the next line", step.glued),
            ("one byte a second", step.dribble),
            ("then TLS", step.kind is StepKind.STARTTLS and not step.glued),
        )
        if given
    ]
    return [shown(step.data) + (f"    ({', '.join(remarks)})" if remarks else "")]


def chunk(message: list[str], tail: bytes) -> list[str]:
    """A message as one BDAT: its octets are counted (RFC 3030 §2)."""
    size = sum(len(line) + 2 for line in message) + len(tail)
    rest = [shown(line) + r"\x0a" for line in tail.split(b"\n")[:-1]]
    return [f"BDAT {size} LAST", *message, *rest]


def shown(data: bytes) -> str:
    """Bytes as text; what cannot be typed or seen as an escape, a long run of blanks counted."""
    text = data.removesuffix(b"\r\n").decode("utf-8", "backslashreplace")
    text = re.sub(
        r"[\x00-\x1f\x7f\u200b\u202e\u0300-\u036f]",
        lambda match: "".join(f"\\x{byte:02x}" for byte in match[0].encode()),
        text,
    )
    return re.sub(r" {9,}", lambda match: f"({len(match[0])} blanks)", text)


# -- the catalogue ----------------------------------------------------------------------------------------------------


def catalogue_page() -> str:
    """All families and batteries on one page."""
    rows = load.catalogue().values()
    running = sum(test.runs for test in rows)
    parts = [
        "# The relay tests",
        GENERATED,
        f"{len(rows)} relay tests in {len(load.families())} families; {running} of them run in this version. Each is a "
        "row of data (`src/fumidai/battery/catalogue/`), not code, and has a page with what is said on the wire.",
        "Class: " + " · ".join(f"**{letter.value}** {name}" for letter, (name, _) in CLASSES.items()) + ".",
        "Reach: `data`, through the end of the message where a proof domain is given; `rcpt`, never further. *named*: "
        "only when asked for by its id. *later*: not run yet.",
        f"## Batteries\n\n{battery_list()}",
        f"## Controls\n\n{table(load.control_rows().values(), 'tests/')}",
    ]
    parts += [
        f"## {family.name}\n\n**{family.title}.** {words_as_code(family.about)}\n\n{table(family.tests, 'tests/')}"
        for family in load.families()
    ]
    return "\n\n".join(parts) + "\n"


def battery_list() -> str:
    """The batteries, the short one with its reasons."""
    lines = []
    for battery in batteries().values():
        lines.append(f"- `{battery.name}` ({len(battery.entries)}): {battery.about}")
        lines += [f"  - [{test}](tests/{test}.md): {why}" for test, why in battery.reasons.items()]
        if battery.entries[0].label:
            labels = (f"{entry.label} [{entry.test.id}](tests/{entry.test.id}.md)" for entry in battery.entries)
            lines.append("  - " + " · ".join(labels))
    return "\n".join(lines)


def table(tests: Iterable[RelayTest], folder: str) -> str:
    """Rows of a family."""
    lines = ["| test | what it asks | class | reach |", "|---|---|---|---|"]
    for test in tests:
        far = f"`{test.reach.value}`" if test.runs else "*later*"
        far += ", *named*" if test.runs and (test.slow or test.opt_in) else ""
        lines.append(f"| [{test.id}]({folder}{page_name(test)}) | {test.title} | {test.row_class.value} | {far} |")
    return "\n".join(lines)


def page_name(test: RelayTest) -> str:
    """File name of a row's page; controls have a name of their own, because ids of controls are not the catalogue's."""
    return f"control-{test.id}.md" if test.family == load.CONTROLS else f"{test.id}.md"


def pages() -> dict[Path, str]:
    """Every generated file with its text."""
    tests = [*load.control_rows().values(), *load.catalogue().values()]
    return {CATALOGUE: catalogue_page(), **{FOLDER / page_name(test): page(test) for test in tests}}


def main() -> None:
    """Write the pages and take away those of rows that are gone."""
    made = pages()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in set(FOLDER.glob("*.md")) - set(made):
        old.unlink()
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
