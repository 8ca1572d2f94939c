# SPDX-License-Identifier: Apache-2.0
"""Abuse reports as files: ``-o report.arf``, one report a file (RFC 5965 reports one message, or one kind of them).

The first has the name that was given, the next ones a number: ``report-2.arf``. From is who was named, else the
policy's postmaster; To is who was named, else nobody: an address that was guessed is somebody else's mail.

Limits: at most 100 of one run; how many were left out is said. Nothing is sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from fumidai.cli.screen import complaints, say
from fumidai.cli.trace_outputs import Found, Output, unwritable
from fumidai.errors import UsageError
from fumidai.policy.model import Policy
from fumidai.received.trace import TraceVerdict
from fumidai.report.trace_arf import render_arf
from fumidai.smtp.address import Path as MailPath
from fumidai.smtp.address import parse_path
from fumidai.texts import N_
from fumidai.trace.letter import Trouble

MOST: Final = 100


@dataclass(slots=True)
class AbuseReports(Output):
    """Writes a report for each message that somebody handed over.

    Attributes:
        path: of the first.
        sender, to: for From and To, "" where nobody is named.
        key: for the tokens of recipients; the same for all reports of one run.
        written, nobody, beyond: reports; messages without evidence; messages beyond the most.
    """

    path: Path
    sender: str = ""
    to: str = ""
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    written: int = 0
    nobody: int = 0
    beyond: int = 0

    def add(self, found: Found) -> None:
        message = found.message
        if message is None or message.trace.verdict is TraceVerdict.NO_EVIDENCE:
            self.nobody += 1
        elif self.written >= MOST:
            self.beyond += 1
        else:
            now = datetime.now().astimezone()
            report = render_arf(message, found.original, now=now, key=self.key, sender=self.sender, to=self.to)
            self.written += 1
            self._write(report)

    def end(self, troubles: Sequence[Trouble]) -> None:
        """Say what was not reported, and what is missing in a report."""
        missing = [field for field, address in (("From", self.sender), ("To", self.to)) if not address]
        if self.written and missing:
            text = N_(
                "The abuse report has no {fields}: give --report-from and --report-to, or write them in yourself."
            )
            complaints().write(say(text, fields=", ".join(missing)))
        if self.nobody:
            text = N_("No abuse report for {count} of the messages: nothing in them tells who handed them over.")
            complaints().write(say(text, count=self.nobody))
        if self.beyond:
            text = N_("Abuse reports were written for the first {most} messages; {count} more are left out.")
            complaints().write(say(text, most=MOST, count=self.beyond))

    def _write(self, report: bytes) -> None:
        path = self.path if self.written == 1 else self.path.with_stem(f"{self.path.stem}-{self.written}")
        try:
            path.write_bytes(report)
        except OSError as problem:
            raise unwritable(str(path), problem) from problem


def correspondents(sender: str, to: str, policy: Policy) -> tuple[str, str]:
    """Addresses for From and To, "" where nobody is named.

    Raises:
        UsageError: one is no mail address.
    """
    # RFC 5321 §4.5.1: a postmaster may stand without a domain, which no From can (RFC 5322 §3.4.1).
    own = policy.postmaster if "@" in policy.postmaster and policy.postmaster.isascii() else ""
    return _mailbox("--report-from", sender) or own.strip("<>"), _mailbox("--report-to", to)


def _mailbox(option: str, text: str) -> str:
    """An address that can stand in a field as it is."""
    if not text:
        return ""
    bare = text.strip("<>")
    path = parse_path(f"<{bare}>".encode("utf-8", "surrogateescape"))
    if not isinstance(path, MailPath) or path.route or not path.domain or not bare.isascii():
        raise UsageError(N_("{option}: {value} is no mail address."), option=option, value=text)
    return bare
