# SPDX-License-Identifier: Apache-2.0
"""The policy service on its sockets: as a Postfix asks, as others may, over a reload, with look-ups."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

import pytest

from fumidai.net.resolver import Resolver
from tests.guard.commanded import Command, commanding, free_port

HEAD = "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=203.0.113.7\n"


def asked(recipient: str, more: str = "client_name=unknown\nsasl_username=\n", state: str = "RCPT") -> bytes:
    head = HEAD.replace("=RCPT", f"={state}")
    return f"{head}sender=s@b.test\nrecipient={recipient}\ninstance=1.2.3\n{more}\n".encode()


class Asking:
    """One connection of a Postfix."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, request: bytes) -> str:
        self.writer.write(request)
        return await self.answer()

    async def answer(self) -> str:
        """The action; "" once the connection is closed."""
        async with asyncio.timeout(30):
            try:
                return (await self.reader.readuntil(b"\n\n")).decode().removeprefix("action=").strip()
            except (asyncio.IncompleteReadError, ConnectionError):
                return ""


@asynccontextmanager
async def asking(place: Path | int) -> AsyncIterator[Asking]:
    if isinstance(place, int):
        reader, writer = await asyncio.open_connection("127.0.0.1", place)
    else:
        reader, writer = await asyncio.open_unix_connection(str(place))
    try:
        yield Asking(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def policy(place: str, more: str = "", domain: str = "a.test") -> str:
    return f'[policy]\nreceive_for = ["{domain}"]\n[guard]\npolicy_service = {place}\n{more}'


@pytest.mark.parametrize("workers", [1, 2])
async def test_many_questions_on_one_connection(tmp_path: Path, workers: int) -> None:
    port, path = free_port(), tmp_path / "ask"
    places = f'["127.0.0.1:{port}", "unix:{path}"]'
    async with commanding(tmp_path, policy(places, f"workers = {workers}\n")) as command:
        for place in (port, path):
            async with asking(place) as postfix:
                assert await postfix.ask(asked("u@a.test")) == "DUNNO"
                assert await postfix.ask(asked("u@b.test")) == "550 5.7.1 Relaying denied"
                assert await postfix.ask(asked("u@b.test", state="DATA")) == "DUNNO"
                ambiguous = "550 5.7.1 Relaying denied: ambiguous address"
                assert await postfix.ask(asked("u%b.test@a.test")) == ambiguous
                # Several at once, cut anywhere: an answer for each, in order.
                data = asked("u@a.test") + asked("b.test!u@a.test") + asked("v@a.test")
                for start in range(0, len(data), 50):
                    postfix.writer.write(data[start : start + 50])
                    await asyncio.sleep(0)
                assert [await postfix.answer() for _ in range(3)] == ["DUNNO", ambiguous, "DUNNO"]
        command.signal(signal.SIGTERM)
        assert await command.end() == 0
    lines = command.decisions()
    assert {line["event"] for line in lines} == {"policy"}
    assert len(lines) == 12
    # Two workers write their lines when each of them has some, so the order is that of either, not of both.
    refused = next(line for line in lines if line["to"] == "<u@b.test>")
    assert refused == {
        "time": refused["time"],
        "event": "policy",
        "session": "1.2.3",
        "client": "203.0.113.7",
        "helo": "",
        "from": "<s@b.test>",
        "to": "<u@b.test>",
        "action": "refuse",
        "rule": "foreign-recipient",
        "why": "b.test is not ours, and 203.0.113.7 may not relay",
        "reply": "550 5.7.1 Relaying denied",
    }


async def test_one_worker_leaves_the_socket_to_the_others(tmp_path: Path) -> None:
    path = tmp_path / "ask"
    async with commanding(tmp_path, policy(f'"unix:{path}"', "workers = 2\n")) as command:
        os.kill(command.children()[0], signal.SIGTERM)
        await command.hear("ended with 0; another one starts")
        for _ in range(4):
            async with asking(path) as postfix:
                assert await postfix.ask(asked("u@a.test")) == "DUNNO"


async def test_who_may_relay_may_here_too(tmp_path: Path) -> None:
    port = free_port()
    text = (
        '[policy]\nreceive_for = ["a.test"]\n[policy.relay]\nnetworks = ["203.0.113.0/28"]\nauthenticated = ["joe"]\n'
        f'[guard]\npolicy_service = "127.0.0.1:{port}"\n'
    )
    async with commanding(tmp_path, text), asking(port) as postfix:
        assert await postfix.ask(asked("u@b.test")) == "DUNNO"
        far = asked("u@b.test").replace(b"203.0.113.7", b"203.0.113.99")
        assert (await postfix.ask(far)).startswith("550")
        assert await postfix.ask(far.replace(b"sasl_username=", b"sasl_username=joe")) == "DUNNO"
        assert (await postfix.ask(far.replace(b"sasl_username=", b"sasl_username=jim"))).startswith("550")
        nobody = asked("u@b.test").replace(b"client_address=203.0.113.7\n", b"")
        assert (await postfix.ask(nobody)).startswith("550"), "unknown never permits"


async def test_garbage_ends_the_connection_with_a_line_in_the_log(tmp_path: Path) -> None:
    port = free_port()
    async with commanding(tmp_path, policy(f'"127.0.0.1:{port}"')) as command:
        for data in (b"GET / HTTP/1.0\r\n\r\n", b"request=junk\n\n", b"x" * 100_000):
            async with asking(port) as stranger:
                assert await stranger.ask(data) == ""
        async with asking(port) as postfix:
            assert await postfix.ask(asked("u@a.test")) == "DUNNO"
        command.signal(signal.SIGTERM)
        assert await command.end() == 0
    assert [line.get("rule") for line in command.decisions()] == ["gibberish"] * 3 + ["own-domain"]


async def reloaded(command: Command, folder: Path, text: str) -> None:
    (folder / "fumidai.toml").write_text(text, encoding="utf-8")
    command.signal(signal.SIGHUP)
    await command.hear("Everything was read again")


async def test_a_reload_counts_for_the_next_question(tmp_path: Path) -> None:
    port = free_port()
    place = f'"127.0.0.1:{port}"'
    async with commanding(tmp_path, policy(place)) as command, asking(port) as postfix:
        assert await postfix.ask(asked("u@a.test")) == "DUNNO"
        await reloaded(command, tmp_path, policy(place, domain="b.test"))
        assert (await postfix.ask(asked("u@a.test"))).startswith("550"), "the same connection, another policy"
        assert await postfix.ask(asked("u@b.test")) == "DUNNO"


async def test_facts_are_looked_up_as_at_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that wants the sender's domain to exist asks for it; what can't be had puts the mail off."""
    from fumidai.guard.policy_service import PolicyService
    from fumidai.guard.run import Guard
    from fumidai.guard.settings import GuardSettings
    from fumidai.policy.model import Policy

    class Slow(Resolver):
        asked = 0

        async def exists(self, name: str) -> bool | None:
            self.asked += 1
            await asyncio.sleep(0.05)
            return {"b.test": True, "gone.test": False}.get(name)

    resolver = Slow()
    lines: list[str] = []
    chosen = Policy(receive_for=("a.test",), sender_must_resolve=True)
    guard = Guard(chosen, GuardSettings(), lines.append, resolver=resolver)
    server = await asyncio.get_running_loop().create_server(PolicyService(guard._duty), "127.0.0.1", 0)
    async with asking(server.sockets[0].getsockname()[1]) as postfix:
        for domain in ("b.test", "gone.test", "nobody-knows.test"):
            postfix.writer.write(asked("u@a.test").replace(b"s@b.test", b"s@" + domain.encode()))
        assert await postfix.answer() == "DUNNO"
        assert await postfix.answer() == "550 5.1.8 Domain of sender address does not exist"
        assert (await postfix.answer()).startswith("DEFER_IF_PERMIT 4.1.8 ")
    server.close()
    await guard.stop()
    assert resolver.asked == 3
    assert guard.counts.numbers()[("lookups", "sender-domain", "failed")] == 1
    assert ip_address("203.0.113.7").exploded in "".join(lines)
