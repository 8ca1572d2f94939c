# SPDX-License-Identifier: Apache-2.0
"""What a hostile or broken server can do to a tester, each as one conversation for ``tests.tester.servers``.

Limits: a conversation ends when its client hangs up or its server is stopped.
"""

from __future__ import annotations

import asyncio

from tests.tester.servers import Behaviour, Reader, Writer, sound


async def silent(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """Take the connection and say nothing until the client leaves."""
    await reader.read()


async def garbage_first(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """Noise with control characters and bytes that are no UTF-8, then a sound server."""
    writer.write(b"\x00\xff\xfe\x1b[2J\x1b]0;pwned\x07 hello\r\n\r\nSSH-2.0-OpenSSH_9.2\r\n")
    await sound(behaviour, reader, writer)


async def garbage_only(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """Another protocol altogether."""
    writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    await reader.read()


async def endless_greeting(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """A greeting whose last line never comes."""
    while not writer.is_closing():
        writer.write(b"220-and on it goes\r\n" * 2000)
        await writer.drain()


async def long_line(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """A greeting of one line of ten megabytes."""
    writer.write(b"220 ")
    for _ in range(160):
        writer.write(b"x" * 65536)
        await writer.drain()
    writer.write(b"\r\n")
    await reader.read()


async def big_reply(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """A reply of one megabyte to EHLO, then a sound server."""
    writer.write(b"220 mail.a.test ESMTP\r\n")
    await reader.readline()
    for _ in range(1000):
        writer.write(b"250-" + b"X" * 1020 + b"\r\n")
    writer.write(b"250 PIPELINING\r\n")
    await writer.drain()
    await _go_on(behaviour, reader, writer)


async def nul_and_high_bytes(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """NUL, escape sequences, raw C1, EUC-JP and bidi overrides in every reply."""
    writer.write(b"220 mail.a.test \x00\x1b[31mred\x1b[0m \x9b2J \xb4\xc1\xbb\xfa \xe2\x80\xae ESMTP\x07\r\n")
    while line := await reader.readline():
        code = _sound_answer(line)[:3]
        writer.write(code + b" 5.7.1 \x00\x1b]0;owned\x07Relaying \x80\xff denied \x1b[2J\r\n")
        if code == b"221":
            return


async def dribbling(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """One character a second, for ever."""
    text = b"220 mail.a.test ESMTP and so on and so on"
    for index in range(10_000):
        writer.write(text[index % len(text) : index % len(text) + 1])
        await writer.drain()
        await asyncio.sleep(1.0)


async def tls_garbage(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """Offer STARTTLS, agree to it, and then answer the handshake with nonsense."""
    await _with_starttls(reader, writer, b"220 2.0.0 Go ahead\r\n", b"\x00garbage, no TLS record\r\n")


async def tls_refused(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """Offer STARTTLS and refuse it."""
    await _with_starttls(reader, writer, b"454 4.7.0 TLS not available due to local problem\r\n", b"")


async def drops(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """Hang up at once, without a word."""


async def hangs_up_after_hello(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """Greet, hear EHLO, and hang up."""
    writer.write(b"220 mail.a.test ESMTP\r\n")
    await reader.readline()


async def blocks(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """Turn the tester away by a blocklist."""
    writer.write(b"554 5.7.1 Service unavailable; client [127.0.0.1] blocked using zen.blocklist.test\r\n")
    await reader.read()


async def _with_starttls(reader: Reader, writer: Writer, answer: bytes, then: bytes) -> None:
    writer.write(b"220 mail.a.test ESMTP\r\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"EHLO":
            writer.write(b"250-mail.a.test Hello [127.0.0.1]\r\n250-PIPELINING\r\n250 STARTTLS\r\n")
        elif verb == b"STAR":
            writer.write(answer)
            if then:
                writer.write(then)
                await writer.drain()
                return
        else:
            writer.write(_sound_answer(line))
        if verb == b"QUIT":
            return


async def _go_on(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """Behave as a sound server after the first exchange."""
    while line := await reader.readline():
        writer.write(_sound_answer(line))
        if line[:4].upper() == b"QUIT":
            return


def _sound_answer(line: bytes) -> bytes:
    verb, path = line[:4].upper(), line.lower().partition(b":")[2].strip()
    if verb == b"RCPT" and path not in (b"<postmaster>", b"<postmaster@a.test>", b"<postmaster@[127.0.0.1]>"):
        return b"550 5.7.1 Relaying denied\r\n"
    return b"221 2.0.0 Bye\r\n" if verb == b"QUIT" else b"250 2.0.0 Ok\r\n"
