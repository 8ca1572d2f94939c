# SPDX-License-Identifier: Apache-2.0
"""Invariant: whatever a client sends to a guard, and however it is cut, the answers, the backend's messages and the log
are the same; nothing is acknowledged that the backend has not; nothing reaches it that the policy refuses, that was not
ended rightly, or that holds a bare CR, a bare LF or a NUL.

The first byte of an input is the size of the pieces, the second the backend's mood and the guard's settings; the rest
is what the client sends until it closes. The session is the real one, between a transport and a backend in memory.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

from fumidai.guard.backend import Answer, Fate, Sender, Tell
from fumidai.guard.body import strange
from fumidai.guard.run import Guard
from fumidai.guard.session import session_factory
from fumidai.guard.settings import GuardSettings, LineEndings
from fumidai.net.resolver import Resolver
from fumidai.policy.decide import decide
from fumidai.policy.model import Policy, policy_for_domains
from fumidai.policy.request import Action, Request
from fumidai.smtp.command import parse_chunk
from fumidai.smtp.reply import Reply, ReplyReader
from fuzz import campaign

POLICY = policy_for_domains(["a.test", ".lab.a.test"])
CLIENT = IPv4Address("203.0.113.9")
#: Octets of a session that are tried, so that one octet at a time is quick enough.
LONGEST = 6000
DATA = re.compile(rb"DATA[ \t]*\r\n", re.IGNORECASE)
BDAT = re.compile(rb"BDAT[ \t]+(\d{1,20}(?:[ \t]+LAST)?)[ \t]*\r\n", re.IGNORECASE)
TRACE = re.compile(rb"Received: (?:[^\r]|\r\n\t)*\r\n")


class Plug:
    """The socket that the client's end would have."""

    def fileno(self) -> int:
        return 3


class Pipe(asyncio.Transport):
    """The client's end as the guard sees it, in memory."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__({"peername": (str(CLIENT), 40000), "sockname": ("203.0.113.1", 25), "socket": Plug()})
        self._loop = loop
        self.session: asyncio.Protocol | None = None
        self.written = bytearray()
        self.reading = True
        self.closed = False
        self.half = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_reading(self) -> bool:
        return self.reading

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.half = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def close(self) -> None:
        if not self.closed and self.session is not None:
            self._loop.call_soon(self.session.connection_lost, None)
        self.closed = True

    def abort(self) -> None:
        self.close()


@dataclass(slots=True)
class Sent:
    """One transaction, as its backend has it."""

    number: int
    sender: bytes
    helo: str
    params: Mapping[str, bytes]
    recipients: list[tuple[bytes, int]] = field(default_factory=list)
    state: str = "open"  # asked for DATA: "begun", told 354: "body", then "ended" or "aborted"
    body: bytes = b""
    code: int = 0

    def shown(self) -> tuple[object, ...]:
        """What must not depend on how the client's octets were cut."""
        return self.sender, dict(self.params), self.recipients, self.state, self.code, self.message

    @property
    def message(self) -> bytes:
        """The message that was ended, without the guard's line."""
        if self.state != "ended":
            return b""
        trace = TRACE.match(self.body)
        assert trace is not None, self.body[:300]
        return self.body[trace.end() :]


class Memory:
    """A backend that keeps what it is given, answers by its mood, and sees that it is asked in order."""

    keywords = frozenset({"8BITMIME", "SMTPUTF8", "DSN"})
    size = 0

    def __init__(self, loop: asyncio.AbstractEventLoop, mood: int, policy: Policy) -> None:
        self.loop = loop
        self.mood = mood
        self.policy = policy
        self.sent: list[Sent] = []
        self.busy = 0

    def open(self, sender: Sender, resume: Callable[[], None]) -> MemoryTransaction:
        self.sent.append(Sent(len(self.sent), sender.path, sender.helo, sender.params))
        return MemoryTransaction(self, self.sent[-1], resume)

    async def close(self) -> None:
        pass

    def later(self, call: Callable[..., None], *args: object) -> None:
        """Call after some turns of the loop."""
        self.busy += 1
        self._turn(1 + (self.mood >> 5), call, *args)

    def _turn(self, turns: int, call: Callable[..., None], *args: object) -> None:
        if turns:
            self.loop.call_soon(self._turn, turns - 1, call, *args)
            return
        self.busy -= 1
        call(*args)


class MemoryTransaction:
    """See ``fumidai.guard.backend.Transaction``."""

    def __init__(self, backend: Memory, sent: Sent, resume: Callable[[], None]) -> None:
        self._backend = backend
        self._sent = sent
        self._resume = resume
        self._pieces = 0

    def recipient(self, path: bytes, params: Mapping[str, bytes], tell: Tell) -> None:
        assert self._sent.state == "open"
        request = Request(CLIENT, None, self._sent.helo, False, None, self._sent.sender, path)
        assert decide(self._backend.policy, request).action is Action.PERMIT, path
        code = 550 if b"no" in path else 451 if b"later" in path else 250
        self._sent.recipients.append((path, code))
        self._tell(tell, Answer(Fate.ANSWERED, code, "recipient", f"{code // 100}.1.5"))

    def begin(self, tell: Tell) -> None:
        assert self._sent.state == "open"
        assert any(code == 250 for _, code in self._sent.recipients)
        self._sent.state = "begun"
        refused = self._backend.mood & 1 and self._sent.number % 2
        self._tell(tell, Answer(Fate.ANSWERED, 451, "later", "4.3.0") if refused else Answer(Fate.ANSWERED, 354, "go"))

    def body(self, data: bytes) -> bool:
        assert self._sent.state == "begun"
        assert not strange(data), data
        self._sent.body += data
        self._pieces += 1
        if self._backend.mood & 2 and self._pieces % 2:
            self._backend.later(self._more)
            return False
        return True

    def end(self, tell: Tell) -> None:
        assert self._sent.state == "begun"
        self._sent.state = "ended"
        code = (250, 250, 451, 550)[self._sent.number % 4 if self._backend.mood & 4 else 0]
        self._sent.code = code
        text = f"kept {self._sent.number}" if code == 250 else "not kept"
        self._tell(tell, Answer(Fate.ANSWERED, code, text, f"{code // 100}.0.0"))

    def abort(self) -> None:
        assert self._sent.state not in ("ended", "aborted")
        self._sent.state = "aborted"

    def _tell(self, tell: Tell, answer: Answer) -> None:
        self._backend.later(self._now, tell, answer)

    def _now(self, tell: Tell, answer: Answer) -> None:
        if self._sent.state == "begun" and answer.code == 451:
            self._sent.state = "open"
        if self._sent.state != "aborted":
            tell(answer)

    def _more(self) -> None:
        if self._sent.state == "begun":
            self._resume()


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one session: what the client was told, the backend's transactions, the log."""

    written: bytes
    sent: list[Sent]
    log: list[dict[str, Any]]

    def compared(self) -> tuple[object, ...]:
        return self.written, [sent.shown() for sent in self.sent], self.log


LOOP = asyncio.new_event_loop()


def target(data: bytes) -> None:
    """Hold the invariant for one input."""
    step, mood, stream = (data[0] or 1) if data else 1, data[1] if len(data) > 1 else 0, data[2 : 2 + LONGEST]
    whole = run([stream], mood)
    cut = run([stream[start : start + step] for start in range(0, len(stream), step)], mood)
    assert whole.compared() == cut.compared()
    check(whole, stream, mood)


def run(pieces: list[bytes], mood: int, policy: Policy = POLICY, settings: GuardSettings | None = None) -> Seen:
    """One session; what it leaves to the loop's handler of exceptions is raised."""
    mistakes: list[dict[str, Any]] = []
    LOOP.set_exception_handler(lambda _, context: mistakes.append(context))
    seen = LOOP.run_until_complete(talk(pieces, mood, policy, settings or usual_settings(mood)))
    if mistakes:
        raise AssertionError(mistakes[0]["message"]) from mistakes[0].get("exception")
    return seen


def usual_settings(mood: int) -> GuardSettings:
    """Small bounds, so that short sessions meet them."""
    endings = LineEndings.NORMALIZE if mood & 8 else LineEndings.REFUSE
    return GuardSettings(
        name="gate",
        line_endings=endings,
        message_size=900,
        header_size=1000,
        hops=3,
        recipients=3,
        errors=8,
        refusals=12,
        error_rate=4 if mood & 4 else 300,
        refusal_rate=3 if mood & 4 else 1000,
    )


async def talk(pieces: list[bytes], mood: int, policy: Policy, settings: GuardSettings) -> Seen:
    """A client that says these pieces, waits where it is held back, and closes."""
    backend = Memory(LOOP, mood, policy)
    lines: list[str] = []
    guard = Guard(policy, settings, lines.append, backend=backend, resolver=Resolver([]), clock=lambda: 1.7e9)
    session = session_factory(guard._duty)(guard._listener)
    pipe = Pipe(LOOP)
    pipe.session = session
    session.connection_made(pipe)
    for piece in pieces:
        await calm(pipe, backend, patient=bool(mood & 16))
        if pipe.closed or pipe.half:
            break
        session.data_received(piece)
    await calm(pipe, backend, patient=True)
    if not pipe.closed and not session.eof_received():
        pipe.close()
    for _ in range(3):
        await asyncio.sleep(0)
    await calm(pipe, backend, patient=True)
    assert pipe.closed, "the session does not end"
    await asyncio.sleep(0)
    guard.flush()
    guard._duty.post.door.close()
    return Seen(bytes(pipe.written), backend.sent, [plain(line) for text in lines for line in text.splitlines()])


async def calm(pipe: Pipe, backend: Memory, *, patient: bool) -> None:
    """Wait until the client may go on; ``patient``: until nothing is under way."""
    for _ in range(2000):
        if pipe.closed or (pipe.reading and not (patient and backend.busy)):
            return
        await asyncio.sleep(0)
    raise AssertionError("the client is held back for ever")


def plain(line: str) -> dict[str, Any]:
    """A line of the log without what differs from session to session."""
    return {key: value for key, value in json.loads(line).items() if key not in ("session", "time")}


def check(seen: Seen, stream: bytes, mood: int, longest: int = 900) -> None:
    """Everything but how it is cut; ``longest``: octets that a message may have."""
    replies = ReplyReader().feed(seen.written)
    assert b"".join(reply.raw for reply in replies) == seen.written
    texts = [reply.text for reply in replies if isinstance(reply, Reply)]
    assert len(texts) == len(replies)
    # Law 5: each acknowledgement is a message that the backend has, and that one only once.
    told = [text.removeprefix("2.0.0 ") for text in texts if "kept" in text and "not" not in text]
    kept = [f"kept {sent.number}" for sent in seen.sent if sent.code == 250]
    assert told == kept or (told == kept[:-1] and len(told) < len(kept)), (told, kept)
    assert sum(reply.code == 354 for reply in replies if isinstance(reply, Reply)) <= stream.upper().count(b"DATA")
    for sent in seen.sent:
        assert sent.state in ("ended", "aborted"), "a transaction was forgotten"
        if sent.state == "ended":
            assert len(sent.message) <= longest + 2 or mood & 8
            # What was made right has no place in the stream any more.
            assert mood & 8 or ended_rightly(stream, sent.message), sent.message


def ended_rightly(stream: bytes, message: bytes) -> bool:
    """Whether the client has sent this message and its end: by DATA, or in chunks."""
    forms = {message}
    if message.startswith((b"\r\n\t", b"\r\n ")):
        # An empty line keeps a message that begins with a blank apart from the guard's line.
        forms.add(message[2:])
    return any(sent in forms for sent in (*by_data(stream), *in_chunks(stream)))


def by_data(stream: bytes) -> Iterator[bytes]:
    """Every message that could stand behind a DATA, up to the first CR LF "." CR LF."""
    for begin in DATA.finditer(stream):
        message, end, _ = (b"\r\n" + stream[begin.end() :]).partition(b"\r\n.\r\n")
        if end:
            yield (message + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]


def in_chunks(stream: bytes) -> Iterator[bytes]:
    """Every message that could be read out of the stream as chunks, whatever stands between them."""
    for first in BDAT.finditer(stream):
        message, at, found = b"", first.end(), first
        while (chunk := parse_chunk(found[1])) is not None:
            size, last = chunk
            message += stream[at : at + size]
            if len(stream) < at + size:
                break
            if last:
                yield message
                break
            following = next(
                (near for near in BDAT.finditer(stream, at + size) if begins(stream, near, at + size)), None
            )
            if following is None:
                break
            found, at = following, following.end()


def begins(stream: bytes, command: re.Match[bytes], end: int) -> bool:
    """Whether it is a command, after a chunk that ended there."""
    return command.start() == end or stream[: command.start()].endswith(b"\r\n")


if __name__ == "__main__":
    sys.exit(campaign.run(target, "guard"))
