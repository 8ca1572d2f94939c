# SPDX-License-Identifier: Apache-2.0
"""The evidence of a target: each hole with the line as it was said and what came of it.

Delivered ones come first, then bounces to forged senders, then promises that nothing followed. The same test on several
addresses or TLS states is one hole with several places. What the policy permits is no hole, and neither is an odd
address that was taken just as nonsense of the same shape was (a mailbox).

Limits: shows the first proof of a hole; the others are in JSON and in the run folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fumidai.evidence.outcome import Word
from fumidai.evidence.proof import Proof, ProofKind
from fumidai.evidence.result import Entry, TestRow
from fumidai.report.escape import lines_of, raw
from fumidai.report.glyphs import Glyphs
from fumidai.report.ink import OF_WORD, Line, headed, plain
from fumidai.report.voice import Voice
from fumidai.report.width import cells, pad, wrap
from fumidai.texts import N_

_NAME_WIDTH = 14
_INDENT = " " * (4 + _NAME_WIDTH + 1)
_LOW = " " * 6

_ARRIVED = N_("arrived at {time} from {peer}")
_ARRIVED_NAMED = N_("arrived at {time} from {peer} ({who})")
_ARRIVED_FILE = N_("arrived at {time}")
_ANYWAY = N_("refused ({reply}), and all the same:")
_BOUNCED = N_("a bounce to the sender we made up came at {time} from {peer}")
_BOUNCED_FILE = N_("a bounce to the sender we made up came at {time}")
_PROMISED = N_("promised ({reply}), nothing arrived by {time}")
_PROMISED_OPEN = N_("promised ({reply}), nothing has arrived")
_PROMISED_RCPT = N_("promised at RCPT ({reply}), nothing was sent")
_TAKEN = N_("taken ({reply}), nothing arrived: may be a mailbox of its own")
_TAKEN_RCPT = N_("taken at RCPT ({reply}), nothing was sent: may be a mailbox of its own")
_PLACES = N_("on {places}")
_PLACES_AND_MORE = N_("on {places} and {count} more")

_PLACES_NAMED = 3


@dataclass(frozen=True, slots=True)
class Hole:
    """One test that found something, with every entry of the target on which it did."""

    word: Word
    row: TestRow
    entries: tuple[Entry, ...]


def holes_of(entries: Sequence[Entry]) -> list[Hole]:
    """The holes of one target, the worst first, each test once."""
    found: dict[tuple[str, Word], list[tuple[Entry, TestRow]]] = {}
    for entry in entries:
        for row in entry.tests:
            if is_hole(row):
                found.setdefault((row.id, row.word), []).append((entry, row))
    holes = [Hole(places[0][1].word, places[0][1], tuple(entry for entry, _ in places)) for places in found.values()]
    return sorted(holes, key=lambda hole: (hole.word is not Word.DELIVERED, not _bounce(hole.row)))


def is_hole(row: TestRow) -> bool:
    """Whether a row is evidence against the server."""
    if row.allowed:
        return False
    if row.word is Word.DELIVERED or _bounce(row):
        return True
    return row.word is Word.ACCEPTED and not like_decoy(row)


def like_decoy(row: TestRow) -> bool:
    """A message to what could be a mailbox was taken just as nonsense of its shape was (DESIGN §3, controls)."""
    return _may_be_local(row) and row.outcome.completed and row.decoy is not None and row.decoy.word is Word.ACCEPTED


def _may_be_local(row: TestRow) -> bool:
    """Only a recipient that is plainly foreign, or a false claim of trust, makes a 2xx a promise to relay."""
    return row.row_class not in ("F", "T")


def hole_blocks(
    holes: Sequence[Hole], voice: Voice, glyphs: Glyphs, width: int, *, until: float, places: bool
) -> list[list[Line]]:
    """The lines of each hole.

    Args:
        until: end of the proof window in seconds since the epoch, 0 if there was none.
        places: name the address, port and TLS state.
    """
    blocks, known = [], set[str]()
    for hole in holes:
        what = _came_of_it(hole, voice, until, known)
        if places:
            what = voice.listed([what, _where(hole, voice)])
        blocks.append(_block(hole, what, voice, glyphs, width))
    return blocks


def _where(hole: Hole, voice: Voice) -> str:
    """Address, port and TLS state, each once; more than three are counted."""
    places = list(dict.fromkeys(str(entry.endpoint) for entry in hole.entries))
    if len(places) <= _PLACES_NAMED:
        return voice.say(_PLACES, places=", ".join(places))
    named = places[: _PLACES_NAMED - 1]
    return voice.say(_PLACES_AND_MORE, places=", ".join(named), count=len(places) - len(named))


def _block(hole: Hole, what: str, voice: Voice, glyphs: Glyphs, width: int) -> list[Line]:
    sign = glyphs.of(hole.word if hole.word is Word.DELIVERED else Word.ACCEPTED)
    name = voice.show(hole.row.id)
    head = f"  {sign} {pad(name, _NAME_WIDTH)} "
    said = voice.show(raw(said_lines(hole.row)))
    ink = OF_WORD[Word.DELIVERED if hole.word is Word.DELIVERED else Word.ACCEPTED]
    if cells(head) + cells(said) <= width:
        lines = headed([head + said], ink, 2, 2 + len(sign))
    else:  # an address is easier to read and to copy where it stands on a line of its own
        lines = headed([head.rstrip()], ink, 2, 2 + len(sign)) + plain(wrap(said, width, first=_LOW, rest=_LOW))
    return lines + plain(wrap(what, width, first=_INDENT, rest=_INDENT))


def said_lines(row: TestRow) -> str:
    """The deciding command as it was said; both where the test is about the sender."""
    rcpt = _command("RCPT TO:", row.rcpt_to)
    return f"{_command('MAIL FROM:', row.mail_from)} {rcpt}" if row.family == "sender-claim" else rcpt


def _command(verb: str, argument: str) -> str:
    """A row may hold an argument or, where the verb itself is odd, the whole line."""
    starts = argument[:4].upper() in ("RCPT", "MAIL", "SEND", "SOML", "SAML")
    return argument if starts and not argument.startswith("<") else verb + argument


def _came_of_it(hole: Hole, voice: Voice, until: float, known: set[str]) -> str:
    """What followed; who brought a proof is said once for each address (`known` holds those that were)."""
    row = hole.row
    if hole.word is Word.DELIVERED:
        said = _arrived(_first(row, ProofKind.DELIVERY), hole.entries[0], voice, known)
        if row.outcome.word is Word.REFUSED:
            return f"{voice.say(_ANYWAY, reply=reply_line(row, voice))} {said}"
        return said
    if _bounce(row):
        return _bounced(_first(row, ProofKind.BOUNCE), voice)
    reply = reply_line(row, voice)
    if _may_be_local(row):
        return voice.say(_TAKEN if row.outcome.completed else _TAKEN_RCPT, reply=reply)
    if not row.outcome.completed:
        return voice.say(_PROMISED_RCPT, reply=reply)
    if until:
        return voice.say(_PROMISED, reply=reply, time=voice.clock(until))
    return voice.say(_PROMISED_OPEN, reply=reply)


def _arrived(proof: Proof | None, entry: Entry, voice: Voice, known: set[str]) -> str:
    if proof is None:
        return voice.say(N_("delivered"))
    arrival = proof.arrival
    time = voice.clock(arrival.received)
    software = " ".join(part for part in (entry.software.name, entry.software.version) if part)
    helo = "" if arrival.helo == entry.endpoint.name else arrival.helo
    who = "" if arrival.peer in known else ", ".join(part for part in (helo, software) if part)
    known.add(arrival.peer)
    if not arrival.peer:
        return voice.say(_ARRIVED_FILE, time=time)
    return voice.say(_ARRIVED_NAMED if who else _ARRIVED, time=time, peer=arrival.peer, who=who)


def _bounced(proof: Proof | None, voice: Voice) -> str:
    if proof is None or not proof.arrival.peer:
        return voice.say(_BOUNCED_FILE, time=voice.clock(proof.arrival.received) if proof else "?")
    return voice.say(_BOUNCED, time=voice.clock(proof.arrival.received), peer=proof.arrival.peer)


def _first(row: TestRow, kind: ProofKind) -> Proof | None:
    return next((proof for proof in row.proofs if proof.kind is kind), None)


def _bounce(row: TestRow) -> bool:
    return row.word is not Word.DELIVERED and any(proof.kind is ProofKind.BOUNCE for proof in row.proofs)


def reply_line(row: TestRow, voice: Voice, limit: int = 160) -> str:
    """The deciding reply on one line, or its code, or what stood in for it."""
    lines = lines_of(row.outcome.reply)
    if lines:
        return voice.show(b" / ".join(line.strip() for line in lines), limit)
    return str(row.outcome.code) if row.outcome.code else voice.say(N_("no reply"))
