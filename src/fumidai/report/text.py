# SPDX-License-Identifier: Apache-2.0
"""A run as people read it: verdict first, then evidence, then cure, then what could not be told.

The answer fits one screen: with many holes the worst few are shown and the rest is counted. The last line alone has the
verdict, the numbers, the exit code and the run folder, and is never broken. `-v` shows everything and appends the
dialogue. With several targets a table comes first and each one that is not closed follows.

Everything that a peer said goes through `Voice`, which escapes it; at the very end each line is held against the
output's encoding once more, so that no report can fail on a character.

Limits: the one-screen promise is for one target; a run of many is as long as its holes are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from itertools import chain

from fumidai.evidence.finding import Finding, Severity
from fumidai.evidence.outcome import Word
from fumidai.evidence.result import Entry, RunResult, TestRow
from fumidai.evidence.verdict import Verdict, VerdictReason, exit_code
from fumidai.report.cure import CureText, cure_lines
from fumidai.report.dialogue import dialogue_lines
from fumidai.report.escape import Encodable, always, escaped, raw
from fumidai.report.findings import LAYERS, finding_sentence, worst_first
from fumidai.report.glyphs import PLAIN, Glyphs
from fumidai.report.holes import hole_blocks, holes_of, reply_line, said_lines
from fumidai.report.ink import OF_VERDICT, OF_WORD, Line, headed, plain
from fumidai.report.sentence import advice, counts_of
from fumidai.report.target import (
    Target,
    counts_text,
    place_lines,
    target_sentence,
    targets_of,
    untried_of,
    untried_text,
)
from fumidai.report.untold import basis_lines, untold_lines
from fumidai.report.voice import Voice, seconds
from fumidai.report.width import pad, wrap
from fumidai.report.words import REASONS
from fumidai.texts import N_, Language

V, R = Verdict, VerdictReason

# Findings whose rows stand in the evidence, each with its line.
_SAID_BY_EVIDENCE = frozenset({"open-relay", "promised-to-relay"})

# Findings that say no more than the verdict's own sentence does.
_SAID_BY_VERDICT: dict[VerdictReason, frozenset[str]] = {
    R.LOST_CLIENT_ADDRESS: frozenset({"lost-client-address"}),
    R.BOUNCED: frozenset({"reflects-backscatter"}),
    R.POSTMASTER_REFUSED: frozenset({"postmaster-refused"}),
    R.TESTER_BLOCKED: frozenset({"tester-blocked"}),
    R.TLS_FAILED: frozenset({"starttls-failed"}),
    R.DEFERRED: frozenset({"deferred-forever"}),
}

# Findings that a closed server's sentence has said where attempts were left open (`sentence.UNTRIED`).
_SAID_BY_UNTRIED = frozenset({"late-refusal", "late-refusal-untried"})

# Reasons whose proof is one reply, and the row that got it.
_QUOTED = {
    R.TESTER_BLOCKED: "plain-foreign",
    R.BASELINE_UNTESTED: "plain-foreign",
    R.UNRESOLVED_RECIPIENT: "plain-foreign",
    R.DEFERRED: "plain-foreign",
    R.POSTMASTER_REFUSED: "postmaster",
}


@dataclass(frozen=True, slots=True)
class Page:
    """For whom and how large: what all parts of a text need.

    Attributes:
        width, height: of the screen, in columns and lines.
        colour: ink may be used.
        verbose: 0 one screen, 1 and more everything.
        again: the command that tests again, "" if unknown.
    """

    voice: Voice
    glyphs: Glyphs
    width: int
    height: int
    colour: bool
    verbose: int
    again: str


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of each part is shown; parts are thinned out until the screen holds them.

    Attributes:
        holes, findings, places: how many of each.
        cures: how many of each urgency; `commands`: with what can be pasted.
        untold: lines of what could not be told; whole sentences only.
    """

    holes: int
    findings: int
    places: int
    cures: int
    commands: bool
    untold: int


# Where a sentence ends in a command.
_TYPED = ": fumidai "
_ALL = 10**6
_EVERYTHING = Amount(_ALL, _ALL, _ALL, _ALL, True, _ALL)
# What one target of several gets.
_ONE_OF_MANY = Amount(3, 2, 4, 1, False, _ALL)
# Thinned out in this order until it fits: long lists first, then what can be read elsewhere.
_AMOUNTS = (
    *(Amount(holes, 6, 6, _ALL, True, _ALL) for holes in range(12, 3, -1)),
    *(Amount(holes, 3, 4, _ALL, True, _ALL) for holes in (4, 3)),
    Amount(3, 2, 4, 1, True, _ALL),
    Amount(2, 1, 3, 1, True, _ALL),
    Amount(2, 1, 3, 1, False, _ALL),
    Amount(2, 1, 2, 1, False, 3),
    Amount(1, 1, 2, 1, False, 3),
    Amount(1, 1, 0, 1, False, 2),
    Amount(1, 0, 0, 1, False, 2),
    Amount(1, 0, 0, 1, False, 1),
)


def render_text(
    result: RunResult,
    *,
    language: Language = "en",
    colour: bool = False,
    glyphs: Glyphs = PLAIN,
    width: int = 80,
    height: int = 24,
    verbose: int = 0,
    quiet: bool = False,
    zone: tzinfo = UTC,
    encodable: Encodable = always,
    cures: Sequence[CureText] = (),
    again: str = "",
    code: int | None = None,
) -> str:
    """The whole report, each line ended by LF.

    Args:
        quiet: the last line alone.
        cures: what to do, for each target that needs it.
        again: command line that would test again, for the cure.
        code: the exit code that the program will end with, where it is not that of the verdicts.
    """
    page = Page(Voice(language, zone, encodable), glyphs, max(40, width), height, colour, verbose, again)
    last = _last_line(result, exit_code(result.verdicts.values()) if code is None else code, page)
    lines = [last] if quiet else [*_body(result, cures, page), last]
    return "".join(_encodable(line.painted(colour), encodable) + "\n" for line in lines)


def _body(result: RunResult, cures: Sequence[CureText], page: Page) -> list[Line]:
    targets = targets_of(result)
    lines: list[Line] = []
    if len(targets) == 1:
        lines += _fitted(targets[0], result, cures, page)
    elif targets:
        lines += [*_table(targets, page), Line()]
        for target in targets:
            if target.verdict is not V.CLOSED or page.verbose:
                lines += _block(target, result, cures, page, _EVERYTHING if page.verbose else _ONE_OF_MANY)
    else:
        lines += [*plain(wrap(page.voice.say(N_("Nothing was asked.")), page.width)), Line()]
    missing = [name for name in result.verdicts if name not in {target.name for target in targets}]
    if targets and missing:
        text = page.voice.say(N_("Not asked at all: {targets}."), targets=page.voice.listed(missing))
        lines += [*plain(wrap(text, page.width)), Line()]
    if page.verbose:
        lines += _everything(targets, page)
    return lines


def _fitted(target: Target, result: RunResult, cures: Sequence[CureText], page: Page) -> list[Line]:
    """The target's block with as much as the screen holds; the last line and the next prompt need three more."""
    if page.verbose:
        return _block(target, result, cures, page, _EVERYTHING)
    block: list[Line] = []
    for amount in _AMOUNTS:
        block = _block(target, result, cures, page, amount)
        if len(block) <= page.height - 3:
            break
    return block


def _block(target: Target, result: RunResult, cures: Sequence[CureText], page: Page, amount: Amount) -> list[Line]:
    """Verdict, evidence, cure, limits of one target, with empty lines between."""
    parts = [
        _head(target, result, page),
        _evidence(target, result, page, amount),
        _findings(target, result, page, amount),
        _cures(target, cures, page, amount),
        _limits(target, result, page, amount),
    ]
    return list(chain.from_iterable([*part, Line()] for part in parts if part))


def _head(target: Target, result: RunResult, page: Page) -> list[Line]:
    word = target.verdict.value.upper()
    sentence = target_sentence(target, page.voice, result.window_closed)
    return headed(wrap(sentence, page.width, first=f"{word}   ", rest="  "), OF_VERDICT[target.verdict], 0, len(word))


def _evidence(target: Target, result: RunResult, page: Page, amount: Amount) -> list[Line]:
    voice = page.voice
    places = place_lines(target, voice, amount.places)
    lines = plain([line for place in places for line in wrap(place.strip(), page.width, first="  ", rest="      ")])
    holes = holes_of(target.entries)
    shown = holes[: amount.holes]
    several = len(target.entries) > 1 and amount.places > 0
    blocks = hole_blocks(shown, voice, page.glyphs, page.width, until=result.window_closed, places=several)
    lines += list(chain.from_iterable(blocks))
    if len(holes) > len(shown):
        lines.append(Line("  " + voice.say(N_("and {count} more: -v"), count=len(holes) - len(shown))))
    if target.verdict is V.CLOSED:
        for text in basis_lines(target.entries, voice):
            lines += plain(wrap(text, page.width, first="  ", rest="  "))
    lines += _quote(target.lead, page)
    return lines + _advice(target, result, page)


def _quote(entry: Entry, page: Page) -> list[Line]:
    """The one reply on which an inconclusive verdict rests, set apart as the server's own words."""
    wanted = _QUOTED.get(entry.verdict_reason)
    given = str(entry.verdict_params.get("reply") or entry.verdict_params.get("detail") or "")
    rows = [row for row in (*entry.controls, *entry.tests) if wanted and wanted in row.id and row.outcome.reply]
    if rows:
        said = page.voice.show(raw(said_lines(rows[0]))) if wanted == "plain-foreign" else rows[0].id
        reply = reply_line(rows[0], page.voice, 300)
        return plain(wrap(f"{said}: {reply}", page.width, first="  | ", rest="  | "))
    if given and (wanted or entry.verdict_reason in {R.TLS_FAILED, R.NO_GREETING}):
        said = " / ".join(given.strip().split("\r\n"))
        limit = 100 if entry.verdict_reason is R.NO_GREETING else 300
        return plain(wrap(page.voice.show(raw(said), limit), page.width, first="  | ", rest="  | "))
    return []


def _advice(target: Target, result: RunResult, page: Page) -> list[Line]:
    text = advice(target.lead, page.voice, result.id or "RUN")
    said, typed, command = text.partition(_TYPED)
    lines = plain(wrap(said + ":" * bool(typed), page.width, first="  ", rest="  ")) if text else []
    # A command is pasted: it stands on a line of its own and is never broken.
    return [*lines, Line(f"    {_TYPED.strip(': ')} {command}")] if typed else lines


def _findings(target: Target, result: RunResult, page: Page, amount: Amount) -> list[Line]:
    """What the judge found beyond the verdict, each with its evidence quoted."""
    own = [finding for entry in target.entries for finding in entry.findings]
    said = _SAID_BY_VERDICT.get(target.lead.verdict_reason, frozenset()) | _SAID_BY_EVIDENCE
    if target.verdict is V.CLOSED and untried_of(target.entries):
        said |= _SAID_BY_UNTRIED
    lines: list[Line] = []
    blocks: dict[str, list[Line]] = {}
    for finding in worst_first((*own, *result.findings)):
        if finding.severity is Severity.INFO:
            continue
        if finding.id in said:
            for text in _beyond_verdict(finding, page):
                blocks.setdefault(text, plain(wrap(text, page.width, first="  ", rest="  ")))
            continue
        text = finding_sentence(finding, page.voice)
        blocks.setdefault(text, plain(wrap(text, page.width, first="  ! ", rest="    ")) + _quoted_lines(finding, page))
    shown = list(blocks.values())[: amount.findings]
    for block in shown:
        lines += block
    if len(blocks) > len(shown):
        lines.append(Line("  " + page.voice.say(N_("and {count} more findings: -v"), count=len(blocks) - len(shown))))
    return lines


def _beyond_verdict(finding: Finding, page: Page) -> list[str]:
    """What a finding adds to a verdict that has said the rest."""
    layer = str(finding.params.get("layer", ""))
    if layer in ("", "unknown"):
        return []
    known = LAYERS.get(layer)
    return [page.voice.say(N_("Likely: {layer}."), layer=page.voice.say(known) if known else layer)]


def _quoted_lines(finding: Finding, page: Page) -> list[Line]:
    """Evidence that is more than a test's id: lines of a dialogue or a file."""
    texts = [text for text in finding.evidence if " " in text.strip()][:2]
    return [
        line
        for text in texts
        for line in plain(wrap(page.voice.show(raw(text.strip()), 300), page.width, first="    | ", rest="    | "))
    ]


def _cures(target: Target, cures: Sequence[CureText], page: Page, amount: Amount) -> list[Line]:
    mine = [cure for cure in cures if cure.target in ("", target.name)]
    kept: list[CureText] = []
    for cure in mine:
        if sum(each.urgency is cure.urgency for each in kept) < amount.cures:
            kept.append(cure)
    again = page.again if target.verdict in (V.OPEN, V.REFLECTS, V.ACCEPTS) else ""
    if target.verdict is V.CLOSED and untried_of(target.entries) and page.again:
        again = f"{page.again} --local-user ADDRESS"
    return cure_lines(kept, page.voice, page.width, commands=amount.commands, again=again)


def _limits(target: Target, result: RunResult, page: Page, amount: Amount) -> list[Line]:
    voice, texts = page.voice, []
    if out := result.left_out.get(target.name):
        texts.append(voice.say(N_("Left out by -4 or -6: {addresses}."), addresses=voice.listed(out)))
    if silent := result.silent.get(target.name):
        texts.append(voice.say(N_("Nobody listens there, so not asked: {places}."), places=voice.listed(silent)))
    texts += untold_lines(target.entries, voice)
    for entry in target.entries:
        said = _SAID_BY_VERDICT.get(entry.verdict_reason, frozenset())
        infos = [each for each in entry.findings if each.severity is Severity.INFO and each.id not in said]
        texts += [finding_sentence(finding, page.voice) for finding in infos]
    return plain(_sentences(list(dict.fromkeys(texts)), page, amount.untold))


def _sentences(texts: list[str], page: Page, most: int) -> list[str]:
    """As many whole sentences as `most` lines hold; where some are left out, it says so."""
    for count in range(len(texts), 0, -1):
        kept = texts[:count] if count == len(texts) else [*texts[:count], page.voice.say(N_("More: -v."))]
        lines = wrap(page.voice.together(kept), page.width)
        if len(lines) <= most or count == 1:
            return lines
    return []


def _table(targets: list[Target], page: Page) -> list[Line]:
    """One line for each target, the worst first."""
    column = min(40, max(len(page.voice.show(target.name)) for target in targets))
    lines = []
    for target in targets:
        word = target.verdict.value.upper()
        counts = counts_text(counts_of(target.entries), page.voice) or target.lead.verdict_reason.value
        counts = page.voice.listed(filter(None, [counts, untried_text(target.entries, page.voice)]))
        text = f"{word:<12}  {pad(page.voice.show(target.name), column)}  {counts}"
        lines.append(Line(text, OF_VERDICT[target.verdict], 0, len(word)))
    return lines


def _everything(targets: list[Target], page: Page) -> list[Line]:
    """For `-v`: every test with what it met, then the dialogue."""
    lines: list[Line] = []
    for entry in (entry for target in targets for entry in target.entries):
        lines.append(Line(page.voice.say(N_("tests on {endpoint}"), endpoint=str(entry.endpoint))))
        lines += [line for row in (*entry.controls, *entry.tests) for line in _row(row, page)]
        lines += [Line(), *plain(dialogue_lines(entry, page.voice))]
    return lines


def _row(row: TestRow, page: Page) -> list[Line]:
    voice = page.voice
    sign = page.glyphs.of(row.word)
    head = f"  {sign} {pad(voice.show(row.id), 26)} {row.word.value:<14} "
    if row.word is Word.NOT_APPLICABLE or not row.outcome.reply:
        detail = voice.say(REASONS[row.outcome.reason]) if row.outcome.reason else ""
    else:
        detail = reply_line(row, voice)
    return headed(wrap(detail, page.width, first=head, rest=" " * 6), OF_WORD[row.word], 2, 2 + len(sign))


def _last_line(result: RunResult, code: int, page: Page) -> Line:
    """Verdict, numbers, time, exit code and folder, on one line whatever its length."""
    voice, word = page.voice, result.verdict.value.upper()
    parts = [counts_text(counts_of(result.entries), voice) or voice.say(N_("nothing asked"))]
    if left := untried_text(result.entries, voice):
        parts.append(left)
    took = seconds(max(0.0, result.seconds - result.waited))
    if result.waited >= 0.05:
        parts.append(voice.say(N_("{took} + {waited} waiting"), took=took, waited=seconds(result.waited)))
    else:
        parts.append(took)
    if result.interrupted:
        parts.append(voice.say(N_("stopped by hand")))
    parts.append(voice.say(N_("exit {code}"), code=code))
    if result.folder:
        parts.append(voice.show(result.folder))
    return Line(f"{word}  " + "; ".join(parts), OF_VERDICT[result.verdict], 0, len(word))


def _encodable(text: str, encodable: Encodable) -> str:
    if text.isascii() or encodable(text):
        return text
    return "".join(each if each.isascii() or encodable(each) else escaped(each) for each in text)
