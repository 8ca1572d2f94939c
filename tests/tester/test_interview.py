# SPDX-License-Identifier: Apache-2.0
"""A whole battery at servers that misbehave: no outcome is lost, no refusal is asked for twice, and it ends."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from fumidai.evidence.outcome import Reason, Word
from fumidai.evidence.result import Entry, RunResult
from fumidai.evidence.token import TokenKey
from fumidai.evidence.verdict import Verdict, VerdictReason
from fumidai.judge import verdict as judge_verdict
from fumidai.net.resolver import Resolver
from fumidai.policy.model import policy_for_domains
from fumidai.tester import budget, dialogue, door, pace
from fumidai.tester.pace import MOST_SESSIONS
from fumidai.trial.hosts import parse_target
from fumidai.trial.order import Order
from fumidai.trial.run import Trial, new_run_name
from tests.tester.servers import GREETING, Behaviour, Reader, Writer, say, serving, sound
from tests.trial.silent import silent, stopping

#: A declared policy: a test on the target's own machine says something only then.
POLICY_TEXT = '[policy]\nreceive_for = ["a.test"]\n'


async def ask(behaviour: Behaviour, tmp_path: Path, **settings: object) -> RunResult:
    """Run a battery at a server, without proof, from a declared stranger's place."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    async with serving(behaviour) as port:
        order = Order(
            targets=(parse_target(f"127.0.0.1:{port}"),),
            policy=policy_for_domains(["a.test"]),
            key=TokenKey(b"a key of the tests only"),
            declared=True,
            policy_text=POLICY_TEXT,
            domains=("a.test",),
            ehlo="tester.test",
            **settings,  # type: ignore[arg-type]
        )
        resolver = Resolver([], hosts=hosts)
        trial = Trial(order, new_run_name(time.time()), silent(), asyncio.Event(), resolver)
        await trial.find()
        await trial.ask()
        return trial.result("")


def only(result: RunResult) -> Entry:
    assert len(result.entries) == 1
    return result.entries[0]


def asked_twice(behaviour: Behaviour) -> list[bytes]:
    return [line for line, times in behaviour.refused.items() if times > 1]


def not_answered(entry: Entry) -> list[tuple[str, str, bytes]]:
    fine = {Word.REFUSED, Word.NOT_APPLICABLE}
    rows = [row for row in entry.tests if row.word not in fine and not row.allowed]
    return [(row.id, f"{row.word} {row.outcome.reason}", row.outcome.reply[:80]) for row in rows]


async def test_a_sound_server_is_closed(tmp_path: Path) -> None:
    behaviour = Behaviour()
    entry = only(await ask(behaviour, tmp_path))
    assert not_answered(entry) == []
    assert entry.verdict is Verdict.CLOSED
    assert asked_twice(behaviour) == []
    assert behaviour.peak <= MOST_SESSIONS


@pytest.mark.parametrize("limit", [1, 2, 5, 9])
@pytest.mark.parametrize("reply", [b"421 4.7.0 too many errors\r\n", b""])
async def test_a_server_that_cuts_after_some_errors(tmp_path: Path, limit: int, reply: bytes) -> None:
    behaviour = Behaviour(cut_after=limit, cut_reply=reply)
    entry = only(await ask(behaviour, tmp_path, battery="quick"))
    assert entry.verdict is Verdict.CLOSED
    assert not_answered(entry) == []


async def test_a_server_that_cuts_at_syntax_errors(tmp_path: Path) -> None:
    behaviour = Behaviour(cut_syntax=4)
    entry = only(await ask(behaviour, tmp_path, families=("quoted-local", "multi-at", "baseline")))
    assert entry.verdict is Verdict.CLOSED
    assert not_answered(entry) == []
    assert asked_twice(behaviour) == []


@pytest.mark.parametrize("most", [1, 2])
async def test_a_server_that_bears_few_connections(tmp_path: Path, most: int) -> None:
    behaviour = Behaviour(most=most)
    entry = only(await ask(behaviour, tmp_path))
    assert entry.verdict is Verdict.CLOSED
    assert not_answered(entry) == []
    assert asked_twice(behaviour) == []


async def test_a_server_that_counts_connections_over_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "WINDOW", 2.0)
    behaviour = Behaviour(rate=(10, 2.0))
    entry = only(await ask(behaviour, tmp_path))
    assert entry.verdict is Verdict.CLOSED
    assert not_answered(entry) == []
    assert asked_twice(behaviour) == []
    # It is found out once, and the number that the server bore is kept to from then on.
    assert behaviour.sessions <= 45


async def test_refusals_that_are_kept_back_longer_and_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("PUNISHMENT", 0.05), ("LONG", 0.15)):
        monkeypatch.setattr(dialogue, name, seconds)
    behaviour = Behaviour(punish=0.1)
    began = time.monotonic()
    entry = only(await ask(behaviour, tmp_path, battery="quick"))
    assert entry.verdict is Verdict.CLOSED
    assert not_answered(entry) == []
    # At most one for each session that was given up: its answer was on its way and nobody waited for it.
    assert len(asked_twice(behaviour)) <= 4
    assert not entry.findings
    # Nine refusals in one session would have taken fifty seconds.
    assert time.monotonic() - began < 10


async def test_a_second_answer_that_is_kept_back_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("PUNISHMENT", 0.2), ("LONG", 0.8), ("GRACE", 0.1), ("LEAST_GRACE", 0.1)):
        monkeypatch.setattr(dialogue, name, seconds)
    behaviour = Behaviour(punish=0.5)
    entry = only(await ask(behaviour, tmp_path, families=("baseline", "lexical"), max_time=60.0))
    found = {row.id: row for row in entry.tests}
    assert (found["lex-lf-only"].word, found["lex-lf-only"].outcome.code) == (Word.REFUSED, 550)


@pytest.mark.parametrize("everything", [False, True])
async def test_a_cut_that_a_row_is_to_blame_for_makes_no_shorter_sessions(tmp_path: Path, everything: bool) -> None:
    behaviour = Behaviour(hangs_up_on=b".>", everything=everything)
    families = ("baseline", "sender-claim", "percent-hack", "lexical", "encapsulated")
    entry = only(await ask(behaviour, tmp_path, families=families))
    cut = {row.id for row in entry.tests if row.outcome.reason is Reason.CLOSED}
    assert cut
    assert behaviour.sessions < 45


async def test_a_server_that_hangs_up_on_all_but_starttls_hears_only_tls(tmp_path: Path) -> None:
    behaviour = Behaviour(extra=(b"STARTTLS",), hangs_up_on=b"MAIL")
    result = await ask(behaviour, tmp_path)
    clear, inside = result.entries
    assert (clear.verdict, clear.verdict_reason) == (Verdict.CLOSED, VerdictReason.TLS_ONLY)
    assert {row.outcome.reason for row in clear.tests if row.word is Word.REFUSED} == {Reason.TLS}
    # STARTTLS is offered and does not work here, so what it does inside is not known, and that is the whole verdict.
    assert (inside.verdict, result.verdict) == (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert behaviour.sessions < 12


async def test_a_server_that_hangs_up_on_all_is_never_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "PAUSES", (0.05,) * 5)
    behaviour = Behaviour(hangs_up_on=b"MAIL")
    entry = only(await ask(behaviour, tmp_path, max_time=6.0))
    assert entry.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("max_time", "verdict"), [(30.0, Verdict.CLOSED), (3.0, Verdict.INCONCLUSIVE)])
async def test_connections_counted_over_a_long_time_need_the_time_given_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_time: float, verdict: Verdict
) -> None:
    monkeypatch.setattr(pace, "WINDOW", 0.5)
    monkeypatch.setattr(budget, "PAUSES", (0.1,) * 5)
    for module in (budget, door):
        monkeypatch.setattr(module, "LONG_PAUSES", (1.5, 2.0))
    behaviour = Behaviour(rate=(10, 1.5))
    entry = only(await ask(behaviour, tmp_path, max_time=max_time))
    assert entry.verdict is verdict
    assert asked_twice(behaviour) == []


async def test_a_server_that_drops_whoever_comes_too_often_has_refused_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hung up on again and again, and nobody else served meanwhile: no row has its refusal by that."""
    monkeypatch.setattr(budget, "PAUSES", (0.02,) * 5)
    monkeypatch.setattr(pace, "WINDOW", 0.1)
    behaviour = Behaviour(rate=(6, 600.0), drops_over_rate=True)
    families = ("baseline", "sender-claim", "identity-trust", "lexical")
    entry = only(await ask(behaviour, tmp_path, families=families, max_time=10.0))
    assert entry.verdict is Verdict.INCONCLUSIVE
    assert not [row.id for row in entry.tests if row.word is Word.REFUSED and not row.outcome.code]


@pytest.mark.parametrize("tests", [("lex-nul",), ("plain-foreign", "lex-nul", "lex-nul-suffix")])
async def test_a_row_that_is_hung_up_on_with_nobody_after_it_is_asked_once_more_beside_the_postmaster(
    tests: tuple[str, ...], tmp_path: Path
) -> None:
    behaviour = Behaviour(hangs_up_on=b"\0")
    entry = only(await ask(behaviour, tmp_path, tests=tests))
    last = {row.id: row for row in entry.tests}["lex-nul"]
    assert (last.word, last.outcome.reason) == (Word.REFUSED, Reason.CLOSED)


@pytest.mark.parametrize("at_rcpt", [False, True])
async def test_a_limit_of_connections_is_no_refusal_and_its_time_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_rcpt: bool
) -> None:
    """Ten in ten minutes, four hundred times as fast: named as what it is, and the time that is advised is enough."""
    monkeypatch.setattr(pace, "WINDOW", 0.15)
    monkeypatch.setattr(budget, "PAUSES", (0.0025, 0.0075, 0.025, 0.075, 0.15))
    monkeypatch.setattr(judge_verdict, "LIMIT_WINDOW", 3)
    for module in (budget, door):
        monkeypatch.setattr(module, "LONG_PAUSES", (0.75, 1.5))
    families = ("baseline", "sender-claim", "identity-trust", "session-state")
    # Nobody is let in again while it is asked, however slow the machine is.
    behaviour = Behaviour(rate=(10, 600.0), rate_at_rcpt=at_rcpt)
    entry = only(await ask(behaviour, tmp_path, families=families, max_time=2.0))
    assert (entry.verdict, entry.verdict_reason) == (Verdict.INCONCLUSIVE, VerdictReason.CONNECTION_LIMIT)
    assert not [row.id for row in entry.tests if row.word is Word.REFUSED and row.outcome.code == 421]
    wanted = float(entry.verdict_params["max_time"])
    behaviour = Behaviour(rate=(10, 1.5), rate_at_rcpt=at_rcpt)
    # The machine's own time is not as much faster as the server's clock.
    entry = only(await ask(behaviour, tmp_path, families=families, max_time=wanted + 6.0))
    assert not_answered(entry) == []
    assert entry.verdict is Verdict.CLOSED


async def test_without_pipelining_and_without_ehlo(tmp_path: Path) -> None:
    for behaviour in (Behaviour(pipelining=False), Behaviour(ehlo=False)):
        entry = only(await ask(behaviour, tmp_path))
        assert entry.verdict is Verdict.CLOSED
        assert asked_twice(behaviour) == []


async def test_a_server_that_announces_pipelining_and_loses_commands(tmp_path: Path) -> None:
    behaviour = Behaviour(loses=True)
    entry = only(await ask(behaviour, tmp_path, battery="quick", patience=0.3))
    assert not_answered(entry) == []
    assert entry.verdict is Verdict.CLOSED
    assert "pipelining-broken" in [finding.id for finding in entry.findings]


async def test_a_temporary_refusal_is_asked_again_after_the_hinted_time(tmp_path: Path) -> None:
    behaviour = Behaviour(defer=1)
    entry = only(await ask(behaviour, tmp_path, battery="quick"))
    assert entry.verdict is Verdict.CLOSED
    assert not_answered(entry) == []
    assert all(times == 2 for line, times in behaviour.asked.items() if b"postmaster" not in line)


async def test_a_server_that_never_says_more_than_later_is_deferred(tmp_path: Path) -> None:
    entry = only(await ask(Behaviour(defer=100), tmp_path, battery="quick", max_time=3.0))
    assert (entry.verdict, entry.verdict_reason) == (Verdict.INCONCLUSIVE, VerdictReason.DEFERRED)


async def test_a_tarpit_is_waited_for_and_ends_at_the_time_given(tmp_path: Path) -> None:
    began = time.monotonic()
    entry = only(await ask(Behaviour(slow=0.05), tmp_path, battery="quick", max_time=4.0, patience=0.5))
    assert time.monotonic() - began < 8.0
    assert entry.verdict is Verdict.INCONCLUSIVE
    assert all(row.outcome.reason is Reason.TIME_UP for row in entry.tests if row.word is Word.UNTESTED)


async def test_hanging_up_on_what_the_row_itself_altered_is_its_refusal(tmp_path: Path) -> None:
    entry = only(await ask(Behaviour(hangs_up_on=b"\0"), tmp_path, families=("lexical", "baseline")))
    nul = {row.id: row for row in entry.tests}["lex-nul"]
    assert (nul.word, nul.outcome.reason) == (Word.REFUSED, Reason.CLOSED)
    assert entry.verdict is Verdict.CLOSED


@pytest.mark.parametrize(
    ("words", "met", "reason"),
    [
        (b"421 4.7.0 Error: too many errors\r\n", Word.REFUSED, Reason.CLOSED),
        (b"421 4.3.2 Service shutting down\r\n", Word.UNTESTED, Reason.CLOSED),
        (b"421 4.7.0 You come too often\r\n", Word.UNTESTED, Reason.LIMIT),
    ],
)
async def test_a_421_is_no_refusal_unless_it_blames_what_was_said(
    words: bytes, met: Word, reason: Reason, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 5321 §3.8: it closes the channel for the server's own reasons."""
    monkeypatch.setattr(pace, "WINDOW", 0.1)
    monkeypatch.setattr(budget, "PAUSES", (0.01,) * 5)
    behaviour = Behaviour(hangs_up_on=b"\0", last_words=words)
    entry = only(await ask(behaviour, tmp_path, families=("lexical", "baseline")))
    nul = {row.id: row for row in entry.tests}["lex-nul"]
    assert (nul.word, nul.outcome.reason) == (met, reason)
    assert entry.verdict is (Verdict.CLOSED if met is Word.REFUSED else Verdict.INCONCLUSIVE)


async def test_hanging_up_on_a_clean_row_leaves_it_untested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "PAUSES", (0.05,) * 5)

    async def rude(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
        writer.write(GREETING)
        while line := await reader.readline():
            if line.startswith(b"MAIL"):
                return
            await say(behaviour, writer, b"250 mail.a.test\r\n")

    entry = only(await ask(Behaviour(talk=rude), tmp_path, tests=("plain-foreign",), max_time=8.0))
    assert entry.verdict is Verdict.INCONCLUSIVE
    assert [row.word for row in entry.tests] == [Word.UNTESTED]


async def test_everything_taken_is_promised_and_decoys_are_asked(tmp_path: Path) -> None:
    entry = only(await ask(Behaviour(everything=True), tmp_path, battery="quick"))
    assert (entry.verdict, entry.verdict_reason) == (Verdict.ACCEPTS, VerdictReason.PROMISED_AT_RCPT)
    assert all(row.decoy is not None for row in entry.tests if row.row_class == "L" and row.word is Word.ACCEPTED)


async def test_the_dialogue_of_2001_runs_in_one_session_with_its_labels(tmp_path: Path) -> None:
    behaviour = Behaviour()
    entry = only(await ask(behaviour, tmp_path, battery="maps"))
    assert behaviour.sessions == 2, "the controls, which that service had not, have a session of their own"
    assert (entry.verdict, len(entry.controls)) == (Verdict.CLOSED, 3)
    notes = [p.data.decode() for t in entry.transcripts for p in t.pieces() if p.direction.value == "#"]
    assert notes[0] == ":Relay test: #Quote test"
    assert notes[-1] == ":Relay test: #test 19"


async def test_an_interrupt_keeps_what_is_there(tmp_path: Path) -> None:
    stop = asyncio.Event()
    hosts = tmp_path / "hosts"
    hosts.write_text("")
    async with serving(Behaviour(slow=0.001)) as port:
        order = Order(
            targets=(parse_target(f"127.0.0.1:{port}"),),
            policy=policy_for_domains(["a.test"]),
            key=TokenKey(b"a key of the tests only"),
            declared=True,
            policy_text=POLICY_TEXT,
            domains=("a.test",),
            ehlo="tester.test",
        )
        trial = Trial(order, new_run_name(time.time()), stopping(stop, 20), stop, Resolver([], hosts=hosts))
        await trial.find()
        await trial.ask()
        entry = only(trial.result(""))
    assert entry.verdict_reason is VerdictReason.INTERRUPTED
    words = {row.word for row in entry.tests}
    assert Word.REFUSED in words
    assert Word.UNTESTED in words


REPLIES = {
    "garbage before the greeting": b"hello?\r\n\0\xff\r\n" + GREETING,
    "a teaser and then the greeting": b"220-wait for it\r\n220 mail.a.test ESMTP\r\n",
    "a greeting of a megabyte": b"220-" + b"x" * 900 + b"\r\n" + b"220-line\r\n" * 100_000 + GREETING,
}


@pytest.mark.parametrize("greeting", REPLIES.values(), ids=list(REPLIES))
async def test_odd_greetings_are_survived(tmp_path: Path, greeting: bytes) -> None:
    async def talk(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
        writer.write(greeting.removesuffix(GREETING))
        await writer.drain()
        if greeting.endswith(GREETING):
            await sound(behaviour, reader, writer)
            return
        while line := await reader.readline():
            await say(
                behaviour,
                writer,
                b"250 mail.a.test\r\n" if line[:4] in (b"EHLO", b"RSET") else b"550 5.7.1 no relaying\r\n",
            )

    entry = only(await ask(Behaviour(talk=talk), tmp_path, battery="quick", max_time=20.0))
    assert entry.verdict in {Verdict.CLOSED, Verdict.INCONCLUSIVE}
    assert entry.tests


HOPELESS = {
    "silence": b"",
    "an endless greeting": b"220-more\r\n" * 500_000,
    "a line of ten megabytes": b"220 " + b"x" * 10_000_000,
    "closed at once": None,
    "turned away": b"554 5.7.1 go away, you are listed\r\n",
}


@pytest.mark.parametrize("greeting", HOPELESS.values(), ids=list(HOPELESS))
async def test_a_server_without_a_greeting_is_never_closed(tmp_path: Path, greeting: bytes | None) -> None:
    async def talk(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
        if greeting is None:
            return
        writer.write(greeting)
        await reader.read()

    entry = only(await ask(Behaviour(talk=talk), tmp_path, battery="quick", patience=0.3, max_time=3.0))
    assert entry.verdict in {Verdict.UNREACHABLE, Verdict.INCONCLUSIVE}
    assert entry.tests == ()


async def test_a_refused_port_is_unreachable(tmp_path: Path) -> None:
    async with serving(Behaviour()) as port:
        pass
    order = Order(
        targets=(parse_target(f"127.0.0.1:{port}"),),
        policy=policy_for_domains(["a.test"]),
        key=TokenKey(b"a key of the tests only"),
        declared=True,
        policy_text=POLICY_TEXT,
        domains=("a.test",),
    )
    trial = Trial(order, new_run_name(time.time()), silent(), asyncio.Event(), Resolver([], hosts=tmp_path / "none"))
    await trial.find()
    await trial.ask()
    assert only(trial.result("")).verdict is Verdict.UNREACHABLE
