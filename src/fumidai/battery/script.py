# SPDX-License-Identifier: Apache-2.0
"""From a row and its words to the steps of a session, and from steps back to the two paths they ask about.

A row without a script is the plain triple; a step without a line of its own says the row's MAIL or RCPT.
A text that ends in a line feed of its own brings its line end with it; every other line gets CRLF.

Limits: the paths are what stands on the wire, not what a server makes of them: that is ``policy``'s question.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from fumidai.battery.attempt import Step
from fumidai.battery.row import RelayTest, StepKind, StepTemplate
from fumidai.battery.words import fill

PLAIN: Final = (StepTemplate(StepKind.MAIL), StepTemplate(StepKind.RCPT))
DATA: Final = Step(StepKind.DATA, b"DATA\r\n")
MESSAGE: Final = Step(StepKind.MESSAGE)

_WHOLE_LINE: Final = re.compile(r"[A-Za-z]{4} ")
_COMMAND: Final = re.compile(rb"[ \t]*[A-Za-z]{4}[ \t]+(?:TO|FROM)[ \t]*:?[ \t]*", re.IGNORECASE)
_MAIL: Final = re.compile(rb"(?:MAIL|SEND|SOML|SAML)[ \t]+FROM", re.IGNORECASE)


def steps(test: RelayTest, words: Mapping[str, str]) -> tuple[Step, ...]:
    """The steps of a row up to and including its decisive question (a script of its own may go further)."""
    return tuple(_step(template, test, words) for template in test.script or PLAIN for _ in range(template.repeat))


def _step(template: StepTemplate, test: RelayTest, words: Mapping[str, str]) -> Step:
    return Step(
        kind=template.kind,
        data=_line(_say(template, test), words),
        glued=template.glued,
        header_lines=tuple(fill(line, words) for line in template.headers),
        answers=template.answers,
        local=template.local,
        pause=template.pause,
        dribble=template.dribble,
        chunked=template.chunked,
        tail=fill(template.tail, words),
    )


def _say(template: StepTemplate, test: RelayTest) -> str:
    if template.say:
        return template.say
    if template.kind is StepKind.MAIL:
        line = command("MAIL FROM:", test.mail_from)
        return f"{line} {test.extra_mail}" if test.extra_mail else line
    return {
        StepKind.RCPT: command("RCPT TO:", test.rcpt_to),
        StepKind.DATA: "DATA",
        StepKind.STARTTLS: "STARTTLS",
    }.get(template.kind, "")


def command(verb: str, argument: str) -> str:
    """The command line for an argument; an argument that begins with a verb is the whole line."""
    return argument if _WHOLE_LINE.match(argument) else verb + argument


def _line(text: str, words: Mapping[str, str]) -> bytes:
    filled = fill(text, words)
    return filled if not filled or text.endswith("{x0a}") else filled + b"\r\n"


def reverse_path(script: tuple[Step, ...]) -> bytes | None:
    """The path of the last MAIL in a script, without its parameters; None where there is none."""
    for step in reversed(script):
        if _MAIL.match(step.data):
            path = argument(step.data)
            return path[: path.rindex(b">") + 1] if path.startswith(b"<") and b">" in path else path
    return None


def forward_path(script: tuple[Step, ...]) -> bytes | None:
    """The path of the decisive RCPT, all of the argument as it is sent; None where there is none."""
    for step in reversed(script):
        if step.kind is StepKind.RCPT:
            return argument(step.data)
    return None


def argument(line: bytes) -> bytes:
    """What follows ``MAIL FROM:`` or ``RCPT TO:`` on the last line of some bytes."""
    last = line.rstrip(b"\r\n").rpartition(b"\n")[2]
    return _COMMAND.sub(b"", last, count=1)
