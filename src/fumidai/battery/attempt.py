# SPDX-License-Identifier: Apache-2.0
"""One row on one target: the exact bytes to say, and the question that ``decide`` is asked about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fumidai.battery.row import RelayTest, StepKind
from fumidai.evidence.outcome import Reason
from fumidai.evidence.token import Role
from fumidai.policy.request import Decision, Request


class ControlKind(StrEnum):
    """Rows that give the others their meaning."""

    POSTMASTER = "postmaster"
    UNKNOWN_USER = "unknown-user"
    DECOY = "decoy"


@dataclass(frozen=True, slots=True)
class Step:
    """One step with its bytes.

    Attributes:
        data: the line with its CRLF (or whatever line end the row wants); b"" for ``message``.
        header_lines: extra header lines of a ``message``, without CRLF; one that names a header which the
            message has anyway takes its place.
        See ``StepTemplate`` for kind, glued, answers, local, pause, dribble, chunked, tail.
    """

    kind: StepKind
    data: bytes = b""
    glued: bool = False
    header_lines: tuple[bytes, ...] = ()
    answers: tuple[int, int] = (1, 1)
    local: bool = False
    pause: int = 0
    dribble: bool = False
    chunked: bool = False
    tail: bytes = b""

    @property
    def lines(self) -> int:
        """As how many lines a lax server may read it: a bare CR or LF, or a CRLF within, may end one."""
        within = self.data.removesuffix(b"\n").removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return max(within.count(b"\n") + 1, self.answers[1])


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row on one target.

    Attributes:
        number: unique within the run, 1-based; tokens and outcomes refer to it.
        control: which control this is; None for a test.
        domain: the policy domain it is asked for ("" where none is known).
        script: steps in order. The plain triple is MAIL, RCPT (the session's own RSET is not part of it);
            with proof, DATA and MESSAGE follow where the row may reach that far.
        request: what ``decide`` is asked; ``expected``: what it answered.
        mail_from, rcpt_to: the two deciding arguments as sent, for people (latin-1 of the bytes).
        tokens: the token of each role that stands in it.
        decoy_of: for a lazily asked decoy: number of the attempt whose shape it has.
        early: bytes to be written before the greeting is read; what the server says to them is the answer to
            the script's first step, a ``note`` without a line.
        label: name under which the battery prints it (``#Test 8``), "" where it is the test's id.
    """

    number: int
    test: RelayTest
    domain: str
    script: tuple[Step, ...]
    request: Request
    expected: Decision
    mail_from: str
    rcpt_to: str
    tokens: dict[Role, str] = field(default_factory=dict)
    control: ControlKind | None = None
    decoy_of: int = 0
    early: bytes = b""
    label: str = ""

    @property
    def plain(self) -> bool:
        """True where the script is MAIL, RCPT (DATA, MESSAGE), each one line with one answer, and nothing else."""
        kinds = tuple(step.kind for step in self.script)
        triple = (StepKind.MAIL, StepKind.RCPT)
        usual = kinds in (triple, (*triple, StepKind.DATA, StepKind.MESSAGE))
        return usual and not self.test.own_session and not any(step.lines > 1 for step in self.script)


@dataclass(frozen=True, slots=True)
class Inapplicable:
    """A row that can't be asked here, with the reason; it is listed and harms no verdict."""

    number: int
    test: RelayTest
    domain: str
    reason: Reason
    label: str = ""
