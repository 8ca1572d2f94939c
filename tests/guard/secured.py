# SPDX-License-Identifier: Apache-2.0
"""What the tests of TLS and AUTH share: a certificate of our own, users with cheap hashes, a client inside TLS."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from hashlib import scrypt
from pathlib import Path

import trustme

from fumidai.guard.keyring import Keyring
from fumidai.guard.users import Users, load_users
from tests.guard.guarded import Client

PASSWORD = b"sesame: \xe9\xff"


@lru_cache(maxsize=1)
def authority() -> trustme.CA:
    return trustme.CA()


@lru_cache(maxsize=1)
def pair() -> trustme.LeafCert:
    return authority().issue_cert("gate.a.test", "127.0.0.1")


def serving(name: str = "gate.a.test") -> ssl.SSLContext:
    """What ``load_keys`` would give, for a certificate with this name."""
    from fumidai.net.tls import serving_context

    context = serving_context()
    (pair() if name == "gate.a.test" else authority().issue_cert(name)).configure_cert(context)
    return context


def trusting(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A client that verifies us, at most of this version."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    if version is not None:
        context.maximum_version = version
    return context


def files(folder: Path) -> tuple[Path, Path]:
    """Certificate and key as files."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in pair().cert_chain_pems))
    key.write_bytes(pair().private_key_pem.bytes())
    key.chmod(0o600)
    return certificate, key


def cheap(password: bytes) -> str:
    """A hash that costs nearly nothing."""
    salt = b"sixteen octets.."
    hashed = scrypt(password, salt=salt, n=16, r=1, p=1, dklen=32)
    return f"$scrypt$ln=4,r=1,p=1${b64(salt)}${b64(hashed)}"


def b64(data: bytes) -> str:
    return b64encode(data).decode().rstrip("=")


def users(folder: Path) -> Users:
    """taro and jiro, by way of a file."""
    file = folder / "users"
    file.write_text(f"# who may log in\n\ntaro:{cheap(PASSWORD)}\njiro@a.test:{cheap(b'other')}\n")
    file.chmod(0o600)
    return load_users(file)


def keyring(folder: Path | None = None) -> Keyring:
    return Keyring(serving(), users(folder) if folder else None)


@asynccontextmanager
async def calling_tls(
    port: int, *, implicit: bool = False, context: ssl.SSLContext | None = None
) -> AsyncIterator[Client]:
    """A client that was greeted and has introduced itself, inside TLS."""
    context = context or trusting()
    where = ("127.0.0.1", port)
    if implicit:
        reader, writer = await asyncio.open_connection(*where, ssl=context, server_hostname="gate.a.test")
    else:
        reader, writer = await asyncio.open_connection(*where)
    client = Client(reader, writer)
    try:
        greeting = await client.reply()
        assert greeting is not None
        assert greeting.code == 220
        if not implicit:
            assert await client.say(b"EHLO c.test") == 250
            assert await client.say(b"STARTTLS") == 220
            await writer.start_tls(context, server_hostname="gate.a.test")
        assert await client.say(b"EHLO c.test") == 250
        yield client
    finally:
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


def plain(user: bytes = b"taro", password: bytes = PASSWORD, behalf: bytes = b"") -> bytes:
    return b64encode(b"\0".join((behalf, user, password)))
