# SPDX-License-Identifier: Apache-2.0
"""TLS as a filter between plain and encrypted bytes (``ssl.MemoryBIO``): no socket, no transport of its own.

asyncio's own TLS reserves 256 KiB for each connection; this needs about 40 KiB on any loop, and both sides of the
handshake stay visible. A tester's TLS is opportunistic (RFC 3207 §4.1, RFC 7435): no certificate is verified, and old
versions and weak ciphers are allowed, because the question is what the server does behind it, not whom it proves
to be. What was agreed upon is written down. A server of ours takes TLS 1.2 and later only.

Limits: no client certificates. The handshake's own bytes are not kept in the transcript.
See also: tls_served (a server's connection under it), serving_keys (where a server's context comes from).
"""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from fumidai.net.certificate import certificate_names

_CHUNK: Final = 64 * 1024
# OpenSSL's SSL_OP_LEGACY_SERVER_CONNECT; the ssl module names it from Python 3.12 on.
_LEGACY_SERVER_CONNECT: Final = 0x4


class TlsFailure(StrEnum):
    """Why there is no encryption."""

    HANDSHAKE = "handshake"
    CLOSED = "closed"
    TIMEOUT = "timeout"
    LEFTOVER = "leftover-plaintext"


@dataclass(frozen=True, slots=True)
class TlsResult:
    """What came of a handshake.

    Attributes:
        failure: None where the connection is encrypted now; else it is closed.
        version, cipher: as OpenSSL names them, for example ``TLSv1.3`` and ``TLS_AES_256_GCM_SHA384``.
        peer_names: names in the server's certificate, unverified; text of a peer.
        text: the library's words about the failure.
        leftover: the plain bytes that came after the server's 220 and before the handshake.
    """

    failure: TlsFailure | None = None
    version: str = ""
    cipher: str = ""
    peer_names: tuple[str, ...] = ()
    text: str = ""
    leftover: bytes = b""

    @property
    def encrypted(self) -> bool:
        """True where the handshake succeeded."""
        return self.failure is None


class TlsFilter:
    """One TLS session over bytes that somebody else carries.

    Args:
        server_name: the client's side: name to ask for; "" for none.
        serving: the server's side: the context with our certificate.

    Attributes:
        damage: the library's words where the peer's stream could not be decrypted, else "".
    """

    __slots__ = ("_incoming", "_object", "_outgoing", "damage")

    def __init__(self, server_name: str = "", *, serving: ssl.SSLContext | None = None) -> None:
        self.damage = ""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        if serving is None:
            self._object = _wrap(self._incoming, self._outgoing, server_name)
        else:
            self._object = serving.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def outgoing(self) -> bytes:
        """Encrypted bytes that have to be sent now."""
        return self._outgoing.read()

    def feed(self, data: bytes) -> None:
        """Encrypted bytes came."""
        self._incoming.write(data)

    def handshake(self) -> bool:
        """One step; True once done, False where more bytes are needed.

        Raises:
            ssl.SSLError: it failed.
        """
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def encrypt(self, data: bytes) -> bytes:
        """The encrypted form of ``data``, to be sent.

        Raises:
            ssl.SSLError: the session is over.
        """
        self._object.write(data)
        return self._outgoing.read()

    def decrypt(self) -> tuple[bytes, bool]:
        """All plain bytes that are there, and whether the session is over (``damage`` says why, if not by an alert)."""
        parts: list[bytes] = []
        try:
            while part := self._object.read(_CHUNK):
                parts.append(part)
        except ssl.SSLWantReadError:
            return b"".join(parts), False
        except ssl.SSLZeroReturnError:
            pass
        except ssl.SSLError as problem:
            # What came before the damage is still the peer's word.
            self.damage = self.damage or ssl_words(problem)
        return b"".join(parts), True

    def goodbye(self) -> bytes:
        """The closing alert (RFC 8446 §6.1); nobody waits for the peer's."""
        with contextlib.suppress(ssl.SSLError):
            self._object.unwrap()
        return self._outgoing.read()

    def result(self) -> TlsResult:
        """What was agreed upon, after the handshake."""
        cipher = self._object.cipher()
        der = self._object.getpeercert(binary_form=True)
        names = certificate_names(der) if der else ()
        return TlsResult(None, self._object.version() or "", cipher[0] if cipher else "", names)


def _wrap(incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, server_name: str) -> ssl.SSLObject:
    """A session that names the server (RFC 6066 §3) where its name can be said in that extension."""
    try:
        return opportunistic().wrap_bio(incoming, outgoing, server_hostname=server_name or None)
    except (TypeError, ValueError, ssl.SSLError):
        return opportunistic().wrap_bio(incoming, outgoing)


@lru_cache(maxsize=1)
def opportunistic() -> ssl.SSLContext:
    """The context of every test connection: takes any certificate, version and cipher that the library still has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.options |= _LEGACY_SERVER_CONNECT
    return context


def serving_context() -> ssl.SSLContext:
    """The context of a server, still without its certificate: TLS 1.2 and later, never renegotiated."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # RFC 8996 §2: TLS 1.0 and 1.1 must not be used.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A renegotiation costs the client nothing and us a handshake (CVE-2011-1473).
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    return context


def ssl_words(problem: ssl.SSLError) -> str:
    """The reason as OpenSSL names it, in plain words."""
    reason = getattr(problem, "reason", None) or str(problem)
    return reason.replace("_", " ").lower()
