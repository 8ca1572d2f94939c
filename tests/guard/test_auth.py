# SPDX-License-Identifier: Apache-2.0
"""AUTH before the guard: only inside TLS, only with the right words, and then the policy says who may send out."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import struct
import threading
import time
from base64 import b64encode
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fumidai.guard.decision_log import sentence
from fumidai.guard.keyring import Keyring
from fumidai.guard.users import load_users, users_of
from tests.guard.faulty import behind
from tests.guard.guarded import OWN, Client, Running, calling, guarding, without_trace
from tests.guard.secured import PASSWORD, calling_tls, cheap, keyring, plain, serving, trusting

RELAY = replace(OWN, authenticated=("taro",))
NAME, WORD = b64encode(b"taro"), b64encode(PASSWORD)


def logins(running: Running) -> list[tuple[str, str, str]]:
    running.guard._log.flush()
    return [(one["user"], one["action"], one["reply"]) for one in running.lines if one["event"] == "auth"]


async def words(client: Client) -> list[bytes]:
    client.writer.write(b"EHLO c.test\r\n")
    answer = await client.reply()
    assert answer is not None
    return list(answer.lines)


@pytest.mark.parametrize(
    "said",
    [
        [b"AUTH PLAIN " + plain()],
        [b"auth plain", plain()],
        [b"AUTH PLAIN " + plain(behalf=b"taro")],
        [b"AUTH LOGIN", NAME, WORD],
        [b"AUTH LOGIN " + NAME, WORD],
    ],
    ids=["initial", "asked", "for-himself", "login", "login-initial"],
)
async def test_who_knows_his_password_may_send_out_and_nobody_else(said: list[bytes], tmp_path: Path) -> None:
    async with (
        behind() as backend,
        guarding(backend.port, policy=RELAY, keyring=keyring(tmp_path)) as running,
        calling_tls(running.port) as client,
    ):
        await client.say(b"MAIL FROM:<s@a.test>")
        assert await client.say(b"RCPT TO:<v@b.test>") == 550
        await client.say(b"RSET")
        codes = [await client.say(line) for line in said]
        assert codes == [334] * (len(said) - 1) + [235]
        assert await client.say(b"AUTH PLAIN " + plain()) == 503
        assert await client.say(b"MAIL FROM:<s@a.test> AUTH=<>") == 250
        assert await client.say(b"AUTH PLAIN " + plain()) == 503
        assert await client.say(b"RCPT TO:<v@b.test>") == 250
        assert await client.say(b"DATA") == 354
        assert await client.say(b"x: y\r\n.") == 250
    (taken,) = backend.taken
    assert taken.recipients == [b"<v@b.test>"]
    assert b" with ESMTPSA id " in taken.message
    assert PASSWORD not in taken.message
    assert not any(b"AUTH" in heard for heard in backend.heard), "whose mail it is, is our affair"
    assert without_trace(taken.message) == b"x: y\r\n"
    assert logins(running) == [("taro", "permit", "235 2.7.0")]
    assert running.lines[-2]["rule"] == "authenticated"
    assert running.lines[-2]["user"] == "taro"


async def test_a_user_whom_the_policy_does_not_name_sends_nothing_out(tmp_path: Path) -> None:
    async with guarding(1, policy=RELAY, keyring=keyring(tmp_path)) as running, calling_tls(running.port) as client:
        assert await client.say(b"AUTH PLAIN " + plain(b"jiro@a.test", b"other")) == 235
        await client.say(b"MAIL FROM:<s@a.test>")
        assert await client.say(b"RCPT TO:<v@b.test>") == 550
        assert await client.say(b"RCPT TO:<v%b.test@a.test>") == 550


async def test_it_is_offered_inside_tls_only(tmp_path: Path) -> None:
    async with guarding(1, policy=RELAY, keyring=keyring(tmp_path)) as running:
        async with calling(running.port) as client:
            assert not any(line.startswith(b"AUTH") for line in await words(client))
            for line in (b"AUTH PLAIN " + plain(), b"AUTH LOGIN", b"AUTH", b"AUTH CRAM-MD5"):
                assert await client.say(line) == 538
            assert await client.say(b"MAIL FROM:<s@a.test> AUTH=<>") == 555
            assert await client.say(b"MAIL FROM:<s@a.test>") == 250
            assert await client.say(b"RCPT TO:<v@b.test>") == 550
        async with calling_tls(running.port) as client:
            assert b"AUTH PLAIN LOGIN" in await words(client)
        assert logins(running) == []
    async with guarding(1, keyring=Keyring(serving())) as running, calling_tls(running.port) as client:
        assert not any(line.startswith(b"AUTH") for line in await words(client))
        assert await client.say(b"AUTH PLAIN " + plain()) == 502


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ([b"AUTH"], [504]),
        ([b"AUTH CRAM-MD5"], [504]),
        ([b"AUTH XOAUTH2 " + NAME], [504]),
        ([b"AUTH PLAIN !!!!"], [501]),
        ([b"AUTH PLAIN ="], [501]),
        ([b"AUTH PLAIN", b""], [334, 501]),
        ([b"AUTH PLAIN", b"*"], [334, 501]),
        ([b"AUTH PLAIN", b"dGFybw"], [334, 501]),
        ([b"AUTH PLAIN " + b64encode(b"taro")], [501]),
        ([b"AUTH PLAIN " + plain() + b" x"], [501]),
        ([b"AUTH PLAIN " + plain(b"")], [501]),
        ([b"AUTH PLAIN " + plain(password=b"")], [501]),
        ([b"AUTH PLAIN " + plain(b"\xff\xfe")], [501]),
        ([b"AUTH PLAIN " + plain(b"taro\n")], [501]),
        ([b"AUTH PLAIN " + plain(behalf=b"jiro@a.test")], [535]),
        ([b"AUTH LOGIN", b"*"], [334, 501]),
        ([b"AUTH LOGIN", NAME, b"*"], [334, 334, 501]),
        ([b"AUTH LOGIN", b"?"], [334, 501]),
        ([b"AUTH LOGIN", b""], [334, 501]),
        ([b"AUTH LOGIN", NAME, b""], [334, 334, 501]),
        ([b"AUTH PLAIN", b"A" * 5000], [334, 500]),
        ([b"AUTH PLAIN", b"\0"], [334, 500]),
        ([b"AUTH PLAIN " + plain(password=b"wrong")], [535]),
        ([b"AUTH PLAIN " + plain(password=PASSWORD + b" ")], [535]),
        ([b"AUTH PLAIN " + plain(b"Taro")], [535]),
        ([b"AUTH PLAIN " + plain(b"nobody")], [535]),
        ([b"AUTH LOGIN", NAME, b64encode(b"wrong")], [334, 334, 535]),
    ],
)
async def test_anything_else_is_no_login_and_the_session_goes_on(
    said: list[bytes], codes: list[int], tmp_path: Path
) -> None:
    async with (
        guarding(1, policy=RELAY, keyring=keyring(tmp_path), auth_delay=0) as running,
        calling_tls(running.port) as client,
    ):
        assert [await client.say(line) for line in said] == codes
        assert await client.say(b"MAIL FROM:<s@a.test>") == 250, "what comes next is a command again"
        assert await client.say(b"RCPT TO:<v@b.test>") == 550
        assert await client.say(b"RSET") == 250
        assert await client.say(b"AUTH PLAIN " + plain()) == 235


async def test_who_guesses_waits_longer_and_longer_and_is_sent_away(tmp_path: Path) -> None:
    async with guarding(1, keyring=keyring(tmp_path), auth_delay=0.1) as running, calling_tls(running.port) as client:
        took = []
        for guess in (b"a", b"b", b"c"):
            began = time.monotonic()
            code = await client.say(b"AUTH PLAIN " + plain(password=guess))
            took.append((code, time.monotonic() - began))
        assert await client.reply() is None
    assert [code for code, _ in took] == [535, 535, 421]
    assert [seconds >= least for (_, seconds), least in zip(took, (0.1, 0.2, 0.4), strict=True)] == [True] * 3
    assert logins(running) == [("taro", "refuse", "535 5.7.8")] * 3
    assert running.rules()[-1] == "too-many-logins"


async def test_a_login_is_a_sentence_for_people_too(tmp_path: Path) -> None:
    async with guarding(1, keyring=keyring(tmp_path), auth_delay=0) as running, calling_tls(running.port) as client:
        await client.say(b"AUTH PLAIN " + plain("\u202etaro".encode()))
        await client.say(b"AUTH PLAIN " + plain("太郎".encode()))
        await client.say(b"AUTH PLAIN " + plain())
    sentences = [sentence("auth", line) for line in running.lines if line["event"] == "auth"]
    assert sentences == [
        "refused 127.0.0.1  login of 太郎: name or password is wrong (password)",
        "permitted 127.0.0.1  login of taro: name and password belong together (password)",
    ], "what turns a terminal's letters round is no name"


async def test_guesses_are_counted_over_all_connections_of_a_client(tmp_path: Path) -> None:
    async with guarding(1, keyring=keyring(tmp_path), auth_delay=0, login_rate=4) as running:
        codes = []
        for _ in range(3):
            async with calling_tls(running.port) as client:
                codes += [await client.say(b"AUTH PLAIN " + plain(password=b"guess")) for _ in range(2)]
        assert codes == [535, 535, 535, 535, 421, 0]
        async with calling_tls(running.port) as client:
            assert await client.say(b"AUTH PLAIN " + plain()) == 421, "not even the right one is heard"
        async with calling_tls(running.port) as client:
            assert await client.say(b"MAIL FROM:<s@b.test>") == 250, "mail for us still comes in"
    assert running.rules()[-1] == "login-rate"


async def test_what_comes_behind_a_login_waits_for_its_answer(tmp_path: Path) -> None:
    async with (
        guarding(1, policy=RELAY, keyring=keyring(tmp_path), auth_delay=0.1) as running,
        calling_tls(running.port) as client,
    ):
        said = b"AUTH PLAIN " + plain(password=b"no") + b"\r\nMAIL FROM:<>\r\nRCPT TO:<v@b.test>\r\nRSET\r\n"
        client.writer.write(said + b"AUTH LOGIN\r\n" + NAME + b"\r\n" + WORD + b"\r\nNOOP\r\nQUIT\r\n")
        codes = []
        while (answer := await client.reply()) is not None:
            codes.append(answer.code)
    assert codes == [535, 250, 550, 250, 334, 334, 235, 250, 221]


class Gate:
    """A hash whose comparison lasts until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.running = 0

    def fits(self, password: bytes) -> bool:
        self.running += 1
        return self.go.wait(20) and password == PASSWORD


async def test_nobody_waits_for_the_comparison_of_another(tmp_path: Path) -> None:
    gate = Gate()
    held = Keyring(serving(), users_of({"taro": gate}))  # type: ignore[dict-item]  # it has all that a hash has
    async with guarding(1, keyring=held) as running:
        async with calling_tls(running.port) as gone:
            gone.writer.write(b"AUTH PLAIN " + plain() + b"\r\n")
            await gone.writer.drain()
            plug = gone.writer.get_extra_info("socket")
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no end
            gone.writer.transport.abort()
        await running.empty()
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(calling_tls(running.port)) for _ in range(4)]
            answers = [asyncio.create_task(client.say(b"AUTH PLAIN " + plain())) for client in clients]
            async with calling(running.port) as other:
                assert await other.say(b"NOOP") == 250
            assert not any(answer.done() for answer in answers)
            assert gate.running <= 2, "and they are no more than can be borne"
            gate.go.set()
            assert await asyncio.gather(*answers) == [235] * 4
        assert len(logins(running)) == 4, "who had left is no user"


async def test_more_than_can_be_compared_are_put_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fumidai.guard.password_login._MOST_WAITING", 0)
    async with guarding(1, keyring=keyring(tmp_path)) as running, calling_tls(running.port) as client:
        assert await client.say(b"AUTH PLAIN " + plain()) == 454
        assert await client.say(b"NOOP") == 250
    assert logins(running) == [("taro", "defer", "454 4.7.0")]


async def test_users_are_exchanged_while_clients_are_there(tmp_path: Path) -> None:
    async with (
        guarding(1, keyring=keyring(tmp_path), auth_delay=0) as running,
        calling_tls(running.port) as client,
    ):
        file = tmp_path / "others"
        file.write_text(f"saburo:{cheap(b'three')}\n")
        await running.guard.take_over(OWN, running.guard._settings, Keyring(serving(), load_users(file)))
        assert await client.say(b"AUTH PLAIN " + plain()) == 535
        assert await client.say(b"AUTH PLAIN " + plain(b"saburo", b"three")) == 235


DIALOGUE = (
    b"AUTH LOGIN\r\n" + NAME + b"\r\n" + WORD + b"\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<v@b.test>\r\nDATA\r\n"
    b"Subject: number %d\r\n\r\n.\r\n"
)


async def test_every_prefix_of_a_login_and_a_message(tmp_path: Path) -> None:
    """Cut off anywhere, nothing goes out but the whole message, and nobody is a user before his last letter."""
    async with (
        behind() as backend,
        guarding(backend.port, policy=RELAY, keyring=keyring(tmp_path), connections_per_client=500) as running,
    ):
        length = len(DIALOGUE % 100)

        async def cut(end: int) -> None:
            async with calling_tls(running.port) as client:
                said = (DIALOGUE % (100 + end))[:end]
                client.writer.write(said)
                for _ in range(min(said.count(b"\r\n"), 6) + (end == length)):
                    assert await client.reply() is not None

        for start in range(0, length + 1, 20):
            await asyncio.gather(*(cut(end) for end in range(start, min(start + 20, length + 1))))
        await running.empty()
        await asyncio.sleep(0.1)
    numbers = [taken.message.partition(b"number ")[2][:3] for taken in backend.taken]
    assert numbers == [b"%d" % (100 + length)]
    last = DIALOGUE.index(WORD) + len(WORD) + 2
    assert len(logins(running)) == length + 1 - last


@pytest.mark.parametrize("method", ["auth_plain", "auth_login"])
async def test_the_standard_library_logs_in(method: str, tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text(f"taro:{cheap(b'plain letters')}\n")

    def send(port: int) -> dict[str, Any]:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as server:
            server.starttls(context=trusting())
            server.ehlo()
            server.user, server.password = "taro", "plain letters"
            server.auth(method.removeprefix("auth_").upper(), getattr(server, method))
            return server.sendmail("s@a.test", ["v@b.test"], "Subject: x\n\nhello\n")

    held = Keyring(serving(), load_users(file))
    async with behind() as backend, guarding(backend.port, policy=RELAY, keyring=held) as running:
        assert await asyncio.to_thread(send, running.port) == {}
    assert len(backend.taken) == 1
