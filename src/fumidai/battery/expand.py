# SPDX-License-Identifier: Apache-2.0
"""Rows on a ground: what exactly is said there, what cannot be asked, and what the policy thinks of it.

Every row becomes an attempt or an ``Inapplicable`` with its reason, in order, each with the next number. Two
rows that would put the same bytes on the wire (a host whose announced name is its reverse name, say) are asked
once. Nothing is looked up and nothing is random: the same ground and the same mint give the same attempts.

How far an attempt goes is settled here (DESIGN §3, "Rows"): through the end of data only where messages may be
sent at all, the row allows it, no mailbox of the target is written to that its owner did not name, and every
announced name that it mentions resolves to the target.

Limits: rows that become void by what the server says (late refusals, a family's first hole) are the tester's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from fumidai.battery import script as scripts
from fumidai.battery import words
from fumidai.battery.attempt import Attempt, ControlKind, Inapplicable, Step
from fumidai.battery.ground import Ground, Mint
from fumidai.battery.load import control_rows, used_words
from fumidai.battery.row import Entry, Reach, RelayTest, RowClass, StepKind
from fumidai.evidence.outcome import Reason
from fumidai.evidence.token import Role
from fumidai.policy.request import UNKNOWN, Action, Decision, Request

Decide = Callable[[Request], Decision]

_RECIPIENT_WORDS: Final = frozenset(("proof", "pl", "pl-upper"))
_SENDER_WORDS: Final = frozenset(("sender", "sl"))
_ANNOUNCED: Final = frozenset(("host", "ptr", "name"))
_EXTENSIONS: Final = frozenset(("pipelining", "smtputf8", "starttls", "chunking"))
# A mailbox with nothing in it that could be read as a route, at a literal or at no domain.
_PLAIN: Final = re.compile(rb"<[A-Za-z0-9.-]+(?:@(\[[0-9A-Za-z:.]+\]))?>")
# RFC 5737, RFC 3849: addresses that are nobody's, for decoys of literal rows.
_NOBODY4: Final = IPv4Address("203.0.113.77")
_NOBODY6: Final = IPv6Address("2001:db8:ffff::77")


def expand(
    entries: Iterable[Entry],
    ground: Ground,
    decide: Decide,
    mint: Mint,
    first_number: int,
    rcpt_only: bool = False,
) -> tuple[tuple[Attempt, ...], tuple[Inapplicable, ...]]:
    """The attempts of some rows on one ground, and the rows that can't be asked there.

    Args:
        entries: rows in the order in which they are to be numbered.
        decide: what the declared policy answers (``policy.decide`` with policy and facts bound).
        mint: makes tokens; asked once for each (attempt, role) that the attempt carries.
        first_number: number of the first row; each row takes one, asked or not.
        rcpt_only: never go beyond RCPT, even with a proof domain.
    """
    stage = _Stage.of(ground, rcpt_only)
    attempts: list[Attempt] = []
    void: list[Inapplicable] = []
    seen = {_question(_control_row(kind, ground), stage) for kind in ControlKind}
    for number, entry in enumerate(entries, first_number):
        reason = _why_not(entry, stage)
        if reason is None:
            question = _question(entry.test, stage)
            reason = Reason.SAME_QUESTION if question in seen else None
            seen.add(question)
        if reason is None:
            attempts.append(_attempt(entry, stage, decide, mint, number))
        else:
            void.append(Inapplicable(number, entry.test, ground.domain, reason, entry.label))
    return tuple(attempts), tuple(void)


@dataclass(frozen=True, slots=True)
class _Stage:
    """A ground made ready: its words, those of a neutral attempt, and how far one may go on it."""

    ground: Ground
    words: Mapping[str, str]
    neutral: Mapping[str, str]
    own: frozenset[str]
    may_send: bool

    @classmethod
    def of(cls, ground: Ground, rcpt_only: bool) -> _Stage:
        found = words.of_ground(ground)
        own = ground.own_names | {ground.domain, *ground.domains}
        return cls(
            ground=ground,
            words=found,
            neutral={**found, **words.of_attempt(ground, "s", "t", "t")},
            own=frozenset(name.lower() for name in own),
            may_send=ground.sending and not rcpt_only,
        )


def _why_not(entry: Entry, stage: _Stage) -> Reason | None:
    """Why a row can't be asked on this ground; None where it can."""
    test = entry.test
    if not test.runs:
        return Reason.NOT_RUN_YET
    if test.opt_in and not entry.named:
        return Reason.OPT_IN
    if test.slow and not entry.named:
        return Reason.SLOW
    return _missing_word(test, stage) or _unmet_need(test, stage)


def _missing_word(test: RelayTest, stage: _Stage) -> Reason | None:
    missing = used_words(test) - stage.neutral.keys()
    return words.WORDS[min(missing)][1] if missing else None


def _unmet_need(test: RelayTest, stage: _Stage) -> Reason | None:
    """The first need that no word tells and this ground does not meet."""
    needs, ground = test.needs, stage.ground
    if "proof" in needs and not stage.may_send:
        return Reason.NO_PROOF
    if "ip4" in needs and ground.address.version != 4:
        return Reason.NO_IPV4
    if "ip6" in needs and ground.address.version != 6:
        return Reason.NO_IPV6
    if "starttls" in needs and ground.encrypted:
        # Inside TLS the whole battery already asks what such a row asks.
        return Reason.SAME_QUESTION
    offered = {keyword.lower() for keyword in ground.extensions}
    return Reason.NO_EXTENSION if (needs & _EXTENSIONS) - offered else None


def _question(test: RelayTest, stage: _Stage) -> tuple[object, ...]:
    """What a row asks, tokens left out: equal for two rows exactly when they would say the same bytes."""
    return (words.fill(test.early, stage.neutral), scripts.steps(test, stage.neutral))


def _attempt(entry: Entry, stage: _Stage, decide: Decide, mint: Mint, number: int) -> Attempt:
    test, ground = entry.test, stage.ground
    tokens = _tokens(test, mint, number)
    sender, recipient = tokens.get(Role.SENDER, ""), tokens.get(Role.RECIPIENT, "")
    filled = {**stage.words, **words.of_attempt(ground, sender, recipient, words.nonce(ground.run, number))}
    script = scripts.steps(test, filled)
    request = _request(script, test, filled, ground)
    if script[-1].kind is StepKind.RCPT and _may_send(test, stage):
        script = (*script, scripts.DATA, scripts.MESSAGE)
    return Attempt(
        number=number,
        test=test,
        domain=ground.domain,
        script=script,
        request=request,
        expected=_expected(request, ground, decide),
        mail_from=_shown(request.reverse_path),
        rcpt_to=_shown(request.forward_path),
        tokens=tokens,
        early=words.fill(test.early, filled),
        label=entry.label,
    )


def _tokens(test: RelayTest, mint: Mint, number: int) -> dict[Role, str]:
    """The tokens that stand in an attempt; the header's always, for the rows whose addresses carry none."""
    used = used_words(test)
    tokens = {}
    if used & _RECIPIENT_WORDS:
        tokens[Role.RECIPIENT] = mint(number, Role.RECIPIENT)
    if used & _SENDER_WORDS:
        tokens[Role.SENDER] = mint(number, Role.SENDER)
    return {**tokens, Role.HEADER: mint(number, Role.HEADER)}


def _may_send(test: RelayTest, stage: _Stage) -> bool:
    """True where this row may hand its message over on this ground."""
    if not stage.may_send or test.reach is Reach.RCPT:
        return False
    announced = used_words(test) & _ANNOUNCED
    if any(stage.words[name] not in stage.own for name in announced):
        return False
    return bool(stage.ground.local_user) or not writes_to_known(test)


def writes_to_known(test: RelayTest) -> bool:
    """True where the decisive transaction also names a mailbox of the target's."""
    said = [step.say for step in test.script if step.local]
    return any("{known}" in text for text in (*said, test.rcpt_to))


def _request(script: tuple[Step, ...], test: RelayTest, filled: Mapping[str, str], ground: Ground) -> Request:
    """What the policy is asked; a row that sends no RCPT of its own is about the row's recipient."""
    reverse = scripts.reverse_path(script)
    forward = scripts.forward_path(script)
    return Request(
        client=ground.source or UNKNOWN,
        helo=_helo(script, ground),
        tls=ground.encrypted or any(step.kind is StepKind.STARTTLS for step in script),
        user=None,
        reverse_path=UNKNOWN if reverse is None else reverse,
        forward_path=words.fill(test.rcpt_to, filled) if forward is None else forward,
    )


def _expected(request: Request, ground: Ground, decide: Decide) -> Decision:
    """The policy's answer; a plain mailbox at the server's own literal, or at no domain, is the server's own.

    A policy names domains, not the address that happens to be asked; DESIGN §3 counts the target's literals as
    its own, and RFC 5321 §4.1.3 has a server know them.
    """
    decision = decide(request)
    path = request.forward_path
    if decision.action is not Action.REFUSE or not isinstance(path, bytes) or not (plain := _PLAIN.fullmatch(path)):
        return decision
    literal = (plain[1] or b"").decode("ascii").lower()
    own = ("", "[127.0.0.1]", f"[{words.literal(ground.address)}]".lower())
    return Decision(Action.PERMIT, "own-literal", "is the server's own mailbox") if literal in own else decision


def _helo(script: tuple[Step, ...], ground: Ground) -> str | None:
    """The name under which the decisive question is asked; None where nobody was greeted."""
    greetings = [step.data for step in script if step.kind is StepKind.HELO]
    if not greetings:
        return ground.ehlo
    return greetings[-1].decode("latin-1").strip().partition(" ")[2] or None


def _shown(path: object) -> str:
    return path.decode("latin-1") if isinstance(path, bytes) else ""


def _control_row(kind: ControlKind, ground: Ground) -> RelayTest:
    """The row of a control; without a domain the forms that every server has to know (RFC 5321 §4.5.1, §4.1.3)."""
    return control_rows()[kind.value if ground.domain else f"{kind.value}-no-domain"]


def controls(
    ground: Ground, decide: Decide, mint: Mint, first_number: int, rcpt_only: bool = False
) -> tuple[Attempt, ...]:
    """The three controls: own postmaster, unknown user (completed where messages may be sent), decoy.

    Without a domain the postmaster is asked for as ``<postmaster>``, the other two at the address literal.
    """
    stage = _Stage.of(ground, rcpt_only)
    return tuple(
        replace(_attempt(Entry(_control_row(kind, ground)), stage, decide, mint, number), control=kind)
        for number, kind in enumerate(ControlKind, first_number)
    )


def decoy_for(attempt: Attempt, ground: Ground, number: int) -> Attempt | None:
    """The same question with a foreign mailbox that nobody can have, for an L or N row that was taken.

    It keeps shape and sender of the attempt and ends at RCPT. What the policy thinks of it is what it thought
    of the attempt: the two differ in nothing but a name. None for the other classes, whose acceptance means
    something by itself.
    """
    test = attempt.test
    if test.row_class not in (RowClass.LOCAL, RowClass.MALFORMED) or _hands_over(test):
        return None
    nonce = words.nonce(ground.run, number)
    elsewhere = replace(
        ground,
        proof_domain=f"{words.nonce(ground.run, number, 'domain')}.invalid",
        sink4=_NOBODY4,
        sink6=_NOBODY6,
        mx_domain=f"{nonce}.invalid",
    )
    sender = attempt.tokens.get(Role.SENDER, nonce)
    filled = {**words.of_ground(elsewhere), **words.of_attempt(elsewhere, sender, nonce, nonce)}
    script = scripts.steps(test, filled)
    request = _request(script, test, filled, ground)
    return replace(
        attempt,
        number=number,
        script=_up_to_rcpt(script),
        request=request,
        mail_from=_shown(request.reverse_path),
        rcpt_to=_shown(request.forward_path),
        tokens={},
        control=ControlKind.DECOY,
        decoy_of=attempt.number,
        label="",
    )


def _hands_over(test: RelayTest) -> bool:
    """True where the row's own script hands a message over: there is no shape left that could end at RCPT."""
    return any(step.kind is StepKind.MESSAGE for step in test.script)


def _up_to_rcpt(script: tuple[Step, ...]) -> tuple[Step, ...]:
    last = max(index for index, step in enumerate(script) if step.kind is StepKind.RCPT)
    return script[: last + 1]
