# SPDX-License-Identifier: Apache-2.0
"""Laws 1, 3 and 5 at the guard, for generated policies: the whole battery is asked, of ``decide`` and of a session.

No policy here lets the stranger relay: what is permitted has to be ours in every reading. The session is the real one,
between a client and a backend in memory (``fuzz.fuzz_guard``), which sees that it is never told of a recipient that
``decide`` refuses, never of a bare CR, LF or NUL, and never of an end that the client has not sent.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from fumidai.battery.attempt import Attempt
from fumidai.battery.row import StepKind
from fumidai.guard.settings import GuardSettings
from fumidai.policy.access import REFUSING, AccessMap, Kind, RightSide, access_key
from fumidai.policy.decide import decide
from fumidai.policy.model import HeloCheck, Policy
from fumidai.policy.request import Action, Request
from fumidai.smtp.command import bdat
from fumidai.smtp.forms import ALL
from fuzz.fuzz_guard import CLIENT, Seen, check, run
from tests.battery.scripted import DOMAIN
from tests.battery.test_law_four import GROUND, ROWS, attempt_for
from tests.guard.test_gullible import OURS

OWN = DOMAIN.decode()
#: Every row but those that say of a mailbox of our own, by its form, that it should lead elsewhere.
BATTERY = [attempt_for(test) for test in ROWS if test.id not in OURS]
#: What stands in a path that leads to the tester's own sink, however it is read.
SINK = (b"tokr", b"proof", b"198.51.100.8", b"backup.example")
UNBOUNDED = GuardSettings(name="gate", errors=1_000_000, refusals=1_000_000, error_rate=0, refusal_rate=0)

_ADDRESSES = st.sampled_from(["203.0.113", "203.0.113.9", "198.51", "203", "IPv6:2001:db8"])
_NAMES = st.sampled_from(
    [
        *("proof.example", "example", OWN, f"user@{OWN}", "user@", "toks00001z@", "target.example", "backup.example"),
        *(f"postmaster@{OWN}", "tokr00001z@"),
    ]
)
#: All right-hand sides but RELAY, which is the operator's word that the stranger may.
_SIDES = st.sampled_from(
    [RightSide(kind) for kind in (Kind.OK, Kind.REJECT, Kind.DISCARD, Kind.SKIP, Kind.QUARANTINE)]
    + [RightSide(Kind.ERROR, 550, "5.7.1", "no"), RightSide(Kind.ERROR, 450, "", "later")]
)
# A client's name would have to be looked up; that has its own tests.
ACCESS_KEYS = st.one_of(
    _ADDRESSES.map(lambda key: access_key(f"Connect:{key}")),
    st.builds(lambda tag, key: access_key(tag + key), st.sampled_from(["From:", "To:"]), _NAMES),
)
_NETWORKS = st.lists(
    st.sampled_from([ip_network(text) for text in ("192.0.2.0/24", "10.0.0.0/8", "127.0.0.0/8", "2001:db8::/32")]),
    max_size=3,
    unique=True,
)
_DOMAINS = st.lists(st.sampled_from(["other.test", ".other.test", "[192.0.2.25]"]), max_size=2, unique=True)
POLICIES = st.builds(
    Policy,
    receive_for=_DOMAINS.map(lambda more: (OWN, *more)),
    postmaster=st.sampled_from(["", f"user@{OWN}"]),
    relay_networks=_NETWORKS.map(tuple),
    authenticated=st.sampled_from([(), ("*",), ("alice",)]),
    access=st.dictionaries(ACCESS_KEYS, _SIDES, max_size=6).map(AccessMap),
    routing=st.just(ALL),
    refuse_helo=st.frozensets(st.sampled_from([check for check in HeloCheck if check is not HeloCheck.UNRESOLVABLE])),
)


def leads_away(path: object) -> bool:
    """Whether the tester's own sink, or its token, stands in a path."""
    return isinstance(path, bytes) and any(word in path for word in SINK)


def own_by_token(path: bytes) -> bool:
    """A mailbox of our own domain with the token for a name: nothing in it leads anywhere else."""
    return path.lower() in (b"<tokr00001z@" + DOMAIN + b">", b"<tokr00001z@" + DOMAIN + b".>")


def asked_of(attempt: Attempt) -> Request:
    """The row, asked by a stranger."""
    return replace(attempt.request, client=CLIENT, client_name=None, user=None)


def said(attempt: Attempt, *, chunks: bool) -> bytes:
    """The row's MAIL and RCPT lines, and a message behind them, as a client sends them that waits for nothing.

    By BDAT its octets are never commands, whatever was refused; by DATA a refusal makes commands of them.
    """
    lines = b"".join(step.data for step in attempt.script if step.kind in (StepKind.MAIL, StepKind.RCPT))
    body = b"x: y\r\n\r\n" + lines
    return b"RSET\r\n" + lines + (bdat(len(body), last=True) + body if chunks else b"DATA\r\n" + body + b"\r\n.\r\n")


def session(*, chunks: bool) -> bytes:
    """The whole battery in one connection."""
    return b"EHLO tester.example\r\n" + b"".join(said(attempt, chunks=chunks) for attempt in BATTERY) + b"QUIT\r\n"


SESSIONS = {chunks: session(chunks=chunks) for chunks in (False, True)}


def told(seen: Seen) -> set[bytes]:
    """Every recipient that the backend has heard of."""
    return {path for sent in seen.sent for path, _ in sent.recipients}


@settings(max_examples=60)
@given(POLICIES)
def test_no_policy_permits_a_stranger_what_the_battery_asks(policy: Policy) -> None:
    for attempt in BATTERY:
        answer = decide(policy, asked_of(attempt))
        path = attempt.request.forward_path
        if answer.action is Action.PERMIT and leads_away(path):
            assert isinstance(path, bytes)
            assert own_by_token(path), (attempt.test.id, path, answer)


@settings(max_examples=40)
@given(POLICIES, st.booleans(), st.sampled_from([0, 1, 2, 4, 7, 19, 35]))
def test_no_policy_lets_the_battery_through(policy: Policy, chunks: bool, mood: int) -> None:
    """Law 3 and Law 5 at the session: nothing foreign reaches the backend, nothing is acknowledged but what it has."""
    seen = run([SESSIONS[chunks]], mood, policy, UNBOUNDED)
    for path in told(seen):
        assert not leads_away(path) or own_by_token(path), path
    check(seen, SESSIONS[chunks], mood, longest=len(SESSIONS[chunks]))


@settings(max_examples=20)
@given(POLICIES, st.booleans(), st.integers(1, 2000), st.sampled_from([0, 6, 22]))
def test_any_pieces_give_the_same_under_any_policy(policy: Policy, chunks: bool, width: int, mood: int) -> None:
    """Law 1: answers, messages and log."""
    stream = SESSIONS[chunks][:20_000]
    pieces = [stream[start : start + width] for start in range(0, len(stream), width)]
    whole, cut = (run(parts, mood, policy, UNBOUNDED) for parts in ([stream], pieces))
    assert whole.compared() == cut.compared()


@settings(max_examples=25)
@given(POLICIES, ACCESS_KEYS, st.sampled_from([RightSide(kind) for kind in REFUSING if kind is not Kind.ERROR]))
def test_a_rule_that_refuses_brings_nothing_more_to_the_backend(policy: Policy, key: str, side: RightSide) -> None:
    stricter = replace(policy, access=AccessMap({**policy.access.sides, key: side}))
    before, after = (run([SESSIONS[True]], 0, each, UNBOUNDED) for each in (policy, stricter))
    assert told(after) <= told(before)


def test_the_battery_is_really_asked() -> None:
    policy = Policy(receive_for=(OWN,), routing=ALL)
    seen = run([SESSIONS[True]], 0, policy, UNBOUNDED)
    rules = [line["rule"] for line in seen.log if line["event"] == "rcpt"]
    assert rules.count("foreign-recipient") > 50
    assert rules.count("ambiguous-recipient") > 20
    assert rules.count("own-domain") >= 4
    assert sum(sent.state == "ended" for sent in seen.sent) >= 4
    assert GROUND.domain == OWN


def test_a_policy_that_lets_the_stranger_relay_would_be_seen() -> None:
    policy = Policy(receive_for=(OWN,), relay_networks=(ip_network(CLIENT),), routing=ALL)
    away = [path for path in told(run([SESSIONS[True]], 0, policy, UNBOUNDED)) if leads_away(path)]
    assert any(not own_by_token(path) for path in away)
