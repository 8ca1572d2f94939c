# SPDX-License-Identifier: Apache-2.0
"""Commands as the answering side reads them: one line each, turned into a question or a refusal.

Limits: a line that is too long is refused once and dropped up to its end; of what it says nothing is read.
"""

from __future__ import annotations

from fumidai.smtp.command import NO_PARAMETERS, Command, Verb, parse_command, plain_path
from fumidai.smtp.objections import objection
from fumidai.smtp.refusals import OTHER_PROTOCOLS, Refusal
from fumidai.smtp.server_bdat import ChunkTaking
from fumidai.smtp.server_events import DATA_BEGIN, Continuation, Mail, Rcpt, XClient, question
from fumidai.smtp.states import State
from fumidai.smtp.xclient import XClientFault, parse_xclient

_STARTTLS = frozenset({"STARTTLS"})
# Looking a member up in its enumeration costs as much as a call; these are asked for at each line.
_GREETED, _NAMED = State.GREETED, State.RCPT
_TAKES_RCPT = frozenset({State.MAIL, State.RCPT})
_UNKNOWN, _BDAT, _RCPT = Verb.UNKNOWN, Verb.BDAT, Verb.RCPT


class CommandTaking(ChunkTaking):
    """See above."""

    __slots__ = ()

    def _envelope(self, line: bytes) -> bool:
        """Ask at once what three of four commands are: a MAIL, RCPT or DATA in its order and usual form."""
        state = self.state
        if state is _NAMED and line == b"DATA\r\n":
            self._ask(DATA_BEGIN)
            return True
        plain = plain_path(line)
        if plain is None:
            return False
        verb, path = plain
        if verb is _RCPT:
            fits = state in _TAKES_RCPT and len(self.recipients) < self.limits.recipients
            if fits:
                self._ask(Rcpt(path, NO_PARAMETERS, line))
            return fits
        if state is _GREETED:
            self._ask(Mail(path, NO_PARAMETERS, line))
            return True
        return False

    def _line(self) -> bool:
        """Read one command, or find that its line is too long."""
        if self._skipped is not None:
            return self._skip()
        bound = self.limits.line
        end = self._buffer.find(b"\r\n", self._scanned, bound)
        if end < 0 and len(self._buffer) < bound:
            self._scanned = max(len(self._buffer) - 1, 0)
            return False
        self._scanned = 0
        length = end + 2 if end >= 0 else bound
        line = bytes(self._buffer[:length])
        # Of a line too long the CR at the bound is left: the LF may be next.
        del self._buffer[: length - (end < 0 and line.endswith(b"\r"))]
        if end < 0:
            self._skipped = 0
            self._refuse(Refusal.LINE_TOO_LONG, line)
        else:
            self._read(line)
        return True

    def _skip(self) -> bool:
        """Drop the rest of a line that is too long."""
        left = self.limits.endless - (self._skipped or 0)
        end = self._buffer.find(b"\r\n", 0, left)
        if end >= 0:
            del self._buffer[: end + 2]
            self._skipped = None
            return True
        if len(self._buffer) >= left:
            self._close(Refusal.ENDLESS_LINE)
            return True
        dropped = len(self._buffer) - self._buffer.endswith(b"\r")
        del self._buffer[:dropped]
        self._skipped = (self._skipped or 0) + dropped
        return False

    def _read(self, line: bytes) -> None:
        """Turn one whole line into a question or a refusal."""
        text = line[:-2]
        # RFC 5321 §2.3.8, §4.1.1.4: CR and LF stand together or not at all. NUL is in no command's grammar.
        if b"\r" in text or b"\n" in text or b"\0" in text:
            self._refuse(Refusal.CONTROL, line)
        elif self._continued:
            self._ask(Continuation(text))
        else:
            self._dispatch(parse_command(text), line)

    def _dispatch(self, command: Command, line: bytes) -> None:
        """Ask, or refuse."""
        verb = command.verb
        if verb is _UNKNOWN:
            self._unknown(line)
        elif verb is _BDAT:
            self._begin_chunk(command, line)
        elif refusal := self._objection(command):
            self._refuse(refusal, line, command.fault if refusal is Refusal.SYNTAX else None)
        elif verb is Verb.XCLIENT:
            self._proxied(command, line)
        else:
            self._ask(question(command, line))

    def _proxied(self, command: Command, line: bytes) -> None:
        """A proxy says who its client is."""
        said = parse_xclient(command.argument)
        if isinstance(said, XClientFault):
            self._refuse(Refusal.XCLIENT_SYNTAX, line, said)
        else:
            self._ask(XClient(said, line))

    def _unknown(self, line: bytes) -> None:
        foreign = line.partition(b" ")[0] in OTHER_PROTOCOLS
        self._refuse(Refusal.OTHER_PROTOCOL if foreign else Refusal.UNKNOWN, line)
        if foreign:
            self._close(Refusal.OTHER_PROTOCOL)

    def _objection(self, command: Command) -> Refusal | None:
        """What is wrong with the order or the form of this command, or with taking one recipient more."""
        keywords = self._keywords - _STARTTLS if self.tls and command.verb is Verb.STARTTLS else self._keywords
        if why := objection(command, self.state, keywords):
            return why
        bound = self.limits.message
        if bound and command.params and int(command.params.get("SIZE", 0)) > bound:
            return Refusal.SIZE_ANNOUNCED
        if command.verb is _RCPT and len(self.recipients) >= self.limits.recipients:
            return Refusal.TOO_MANY_RECIPIENTS
        return None
