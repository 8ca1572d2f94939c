# SPDX-License-Identifier: Apache-2.0
"""The entries of one target as one thing to say: its worst verdict, one sentence, and a line for each place asked.

A target has an entry for each address, port, TLS state and domain. Its sentence is that of its worst entry; where all
are closed it names all addresses and adds up what was asked.

Limits: at most `PLACES` places are listed, the worst first; the rest is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fumidai.evidence.outcome import Word
from fumidai.evidence.result import Entry, RunResult
from fumidai.evidence.verdict import Verdict, VerdictReason
from fumidai.report.sentence import counts_of, server_name, tls_note, verdict_sentence
from fumidai.report.voice import Voice
from fumidai.report.width import cells, pad
from fumidai.report.words import COUNTED
from fumidai.texts import N_

_ORDER = tuple(Verdict)


@dataclass(frozen=True, slots=True)
class Target:
    """One target of a run with its entries, the worst first."""

    name: str
    verdict: Verdict
    entries: tuple[Entry, ...]

    @property
    def lead(self) -> Entry:
        """The entry that gives the target its verdict."""
        return self.entries[0]


def targets_of(result: RunResult) -> list[Target]:
    """The targets of a run, the worst first, equals in the order of the run."""
    grouped: dict[str, list[Entry]] = {}
    for entry in result.entries:
        grouped.setdefault(entry.endpoint.target, []).append(entry)
    targets = [_target(name, entries, result) for name, entries in grouped.items()]
    return sorted(targets, key=lambda target: _ORDER.index(target.verdict))


def _target(name: str, entries: list[Entry], result: RunResult) -> Target:
    ranked = sorted(entries, key=_rank)
    return Target(name, result.verdicts.get(name, ranked[0].verdict), tuple(ranked))


def _rank(entry: Entry) -> tuple[int, bool]:
    """Worst first; `tls-only` says least of a closed server and comes last."""
    return _ORDER.index(entry.verdict), entry.verdict_reason is VerdictReason.TLS_ONLY


def target_sentence(target: Target, voice: Voice, until: float = 0.0) -> str:
    """The target's verdict as a sentence; `until` as in `verdict_sentence`."""
    lead, extra = target.lead, dict[str, object]()
    places = _places(target.entries)
    concerned = _places([entry for entry in target.entries if entry.verdict is target.verdict])
    if target.verdict is Verdict.CLOSED and len(target.entries) > 1:
        extra = _added_up(target.entries, places)
    elif len(concerned) < len(places):
        extra["only"] = ", ".join(concerned)
    return verdict_sentence(lead, voice, until=until, extra=extra)


def _places(entries: Sequence[Entry]) -> list[str]:
    """Addresses with ports, each once, whatever the TLS state and domain."""
    return list(dict.fromkeys(str(entry.endpoint).partition("/")[0] for entry in entries))


def _added_up(entries: Sequence[Entry], places: list[str]) -> dict[str, object]:
    counts = counts_of(entries)
    total = sum(counts.values()) - counts[Word.NOT_APPLICABLE]
    taken = counts[Word.ACCEPTED] + counts[Word.DELIVERED]
    name = server_name(entries[0])
    server = f"{name} ({', '.join(places)})" if name not in places else ", ".join(places)
    sources = ", ".join(dict.fromkeys(entry.source for entry in entries if entry.source))
    added: dict[str, object] = {"server": server, "total": total, "refused": counts[Word.REFUSED]}
    added |= {"untried": untried_of(entries)}
    return added | ({"source": sources} if sources else {}) | ({"taken": taken} if taken else {})


def counts_text(counts: dict[Word, int], voice: Voice) -> str:
    """Numbers of outcomes, worst first, zeros and what did not apply left out."""
    order = (Word.DELIVERED, Word.ACCEPTED, Word.REFUSED, Word.DEFERRED, Word.UNTESTED)
    return voice.listed(voice.say(COUNTED[word], count=counts[word]) for word in order if counts[word])


def untried_of(entries: Iterable[Entry]) -> int:
    """Attempts that closed servers leave open which say no late, for want of a mailbox there."""
    return sum(int(entry.verdict_params.get("untried", 0)) for entry in entries if entry.verdict is Verdict.CLOSED)


def untried_text(entries: Iterable[Entry], voice: Voice) -> str:
    """Their number beside the other numbers, "" for none."""
    count = untried_of(entries)
    return voice.say(N_("{count} not made without --local-user"), count=count) if count else ""


def place_lines(target: Target, voice: Voice, limit: int) -> list[str]:
    """One line for each entry, at most `limit`; none where there is only one entry or no room."""
    if len(target.entries) < 2 or limit < 1:
        return []
    shown = target.entries[: limit if limit >= len(target.entries) else limit - 1]
    column = max(cells(str(entry.endpoint).partition("/")[0]) for entry in target.entries)
    lines = [_place(entry, column, target, voice) for entry in shown]
    left = len(target.entries) - len(shown)
    return [*lines, "  " + voice.say(N_("and {count} more places: -v"), count=left)] if left else lines


def _place(entry: Entry, column: int, target: Target, voice: Voice) -> str:
    at = str(entry.endpoint).partition("/")[0]
    notes = [voice.say(tls_note(entry.endpoint.tls))] if tls_note(entry.endpoint.tls) else []
    if len({each.domain for each in target.entries}) > 1:
        notes.append(voice.show(entry.domain))
    counts = counts_text(counts_of([entry]), voice) or entry.verdict_reason.value
    return f"  {pad(at, column)}  {entry.verdict.value.upper():<12}  " + voice.listed([counts, *notes])
