# SPDX-License-Identifier: Apache-2.0
"""One row of the catalogue: a relay test as data, before it meets a target.

A row's text holds placeholders (``{sender}``, ``{proof}``, ``{pl}``, ``{pd}``, ``{host}``, ``{ptr}``, ``{ip}``,
``{domain}``, ``{localuser}``, ``{nonce}`` …: ``battery.words`` has the list); ``battery.expand`` fills them. Bytes
that TOML can't hold stand as ``{x00}``-style escapes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RowClass(StrEnum):
    """What a 2xx would mean (catalogue, head of §2)."""

    FOREIGN = "F"
    LOCAL = "L"
    MALFORMED = "N"
    TRUST = "T"
    BACK = "B"
    CAPABILITY = "C"


class Reach(StrEnum):
    """How far a row may go: through the end of data, or only up to RCPT (DESIGN §3)."""

    DATA = "data"
    RCPT = "rcpt"


class StepKind(StrEnum):
    """What a step is for.

    ``setup`` must be taken for the row to mean anything; ``note`` is only written down; ``mail`` and ``rcpt``
    can decide; ``rcpt`` is the decisive question; ``data`` and ``message`` hand the message over.
    ``helo`` as the first step takes the place of our own greeting (without a line: nobody is greeted at all);
    later it is one more line. ``starttls`` says its line and shakes hands after the 220. ``reconnect`` has no
    line: QUIT, close, connect again, greet.
    """

    HELO = "helo"
    STARTTLS = "starttls"
    RECONNECT = "reconnect"
    MAIL = "mail"
    RCPT = "rcpt"
    SETUP = "setup"
    NOTE = "note"
    DATA = "data"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class StepTemplate:
    """One step of a row's script.

    Attributes:
        kind: what it is for.
        say: the line without CRLF, with placeholders; unused for ``message``.
        glued: sent in the same write as the next step, before its answer is read.
        headers: extra header lines of a ``message`` (placeholders allowed).
        answers: how many replies the server may give to it (a bare LF may be read as one line or as two).
        local: the message goes to the server's own local user, whoever it then reaches.
        repeat: the step stands so many times in the script.
        pause: seconds to wait before it.
        dribble: written one byte a second.
        chunked: the message is handed over by BDAT, in one chunk, in place of DATA (RFC 3030 §2).
        tail: what stands behind a chunked message, in the same chunk, as it is (placeholders allowed).
    """

    kind: StepKind
    say: str = ""
    glued: bool = False
    headers: tuple[str, ...] = ()
    answers: tuple[int, int] = (1, 1)
    local: bool = False
    repeat: int = 1
    pause: int = 0
    dribble: bool = False
    chunked: bool = False
    tail: str = ""


@dataclass(frozen=True, slots=True)
class RelayTest:
    """One row.

    Attributes:
        id, family, row_class, title: title is a short English phrase (translated by ``report``).
        mail_from, rcpt_to: arguments or, where they begin with a verb, whole lines.
        script: explicit steps; empty for the plain triple RSET / MAIL / RCPT.
        own_session: needs a connection of its own (its HELO, its state, or what it may do to the next row).
        early: bytes to be said before the greeting ("" for none).
        reach, slow, opt_in, runs: may go to DATA; only when named; only when asked for; False: data only, no code yet.
        needs: what the ground must offer: any of domain, local-user, host, ptr, ip4, ip6, proof, proof-ip4,
            proof-ip6, smtputf8, starttls, pipelining, chunking, mx-domain.
        alters: which part the row itself makes suspicious: any of sender, helo, recipient, state.
            Refusing that part is a refusal of the row; refusing what it left clean leaves it untested.
        extra_mail: parameters after MAIL FROM (for example SMTPUTF8).
        severity, source, evidence, vulnerable, proves: from the catalogue; ``checked`` says what was corrected.
        comment: why it can't run yet, or a hint for whoever reads the row.
    """

    id: str
    family: str
    row_class: RowClass
    title: str
    mail_from: str
    rcpt_to: str
    script: tuple[StepTemplate, ...] = ()
    own_session: bool = False
    early: str = ""
    reach: Reach = Reach.DATA
    slow: bool = False
    opt_in: bool = False
    runs: bool = True
    needs: frozenset[str] = frozenset()
    alters: frozenset[str] = frozenset()
    extra_mail: str = ""
    severity: str = "high"
    proves: str = ""
    vulnerable: str = ""
    source: str = ""
    evidence: str = ""
    checked: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as a battery asks it.

    Attributes:
        test: the row; a battery may ask it with another sender or recipient than the catalogue does.
        label: name under which that battery prints it, "" where it is the row's id.
        named: somebody asked for this row by its id, which opts in to a slow or dangerous one.
    """

    test: RelayTest
    label: str = ""
    named: bool = False
