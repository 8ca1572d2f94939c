# SPDX-License-Identifier: Apache-2.0
"""Our own certificate and its key, read from files so that whatever is wrong with them is said in plain words.

    keys = load_keys(Path("cert.pem"), Path("key.pem"), now=time.time())
    keys.context      # for TlsTransport
    keys.doubts       # what deserves a warning: it is out of date, others may read the key

Limits: one certificate, in PEM, with the chain behind it; a key that needs a passphrase is refused, because nobody is
there to type it. Whether anybody trusts the certificate is not asked.
"""

from __future__ import annotations

import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fumidai.errors import UsageError
from fumidai.net.certificate import certificate_names, certificate_times
from fumidai.net.tls import serving_context, ssl_words
from fumidai.texts import N_

_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"
_KEY: Final = "PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that works and should not stay so: msgids with ``{path}``."""

    message: str
    mend: str
    path: str


@dataclass(frozen=True, slots=True)
class Keys:
    """A certificate and its key, in use.

    Attributes:
        names: the certificate's names; ``until``: end of its time in seconds since the epoch, None if it can't be told.
    """

    context: ssl.SSLContext
    names: tuple[str, ...]
    until: float | None
    doubts: tuple[Doubt, ...] = ()


def load_keys(certificate: Path, key: Path, *, now: float) -> Keys:
    """Read both.

    Args:
        key: may be the same file.
        now: seconds since the epoch.

    Raises:
        UsageError: one can't be read, is none, or they don't belong together.
    """
    head = _read(certificate)
    if _CERTIFICATE not in head:
        raise UsageError(
            N_("{path} holds no certificate."), mend=N_('A certificate in PEM begins with "{head}".'),
            path=certificate, head=_CERTIFICATE,
        )  # fmt: skip
    if _KEY not in (head if key == certificate else _read(key)):
        raise UsageError(
            N_("{path} holds no private key."), mend=N_('Name the file with the private key as key = "…".'), path=key
        )
    context = _context(certificate, key)
    try:
        der = ssl.PEM_cert_to_DER_cert(head[head.index(_CERTIFICATE) : head.index(_END) + len(_END)])
    except ValueError:
        der = b""
    times = certificate_times(der)
    return Keys(context, certificate_names(der), times[1] if times else None, _doubts(certificate, key, times, now))


def _read(file: Path) -> str:
    try:
        return file.read_text("latin-1")
    except OSError as problem:
        raise UsageError(
            N_("{path} can't be read: {reason}."), path=file, reason=problem.strerror or str(problem)
        ) from problem


class _Asked(Exception):
    """OpenSSL wants a passphrase; never leaves this file."""


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    def nobody() -> str:
        raise _Asked

    context = serving_context()
    try:
        context.load_cert_chain(certificate, key, password=nobody)
    except _Asked as problem:
        raise UsageError(
            N_("The private key in {path} is locked with a passphrase."),
            mend=N_("Take it off: openssl pkey -in {path} -out NEWFILE, and let only this user read that."),
            path=key,
        ) from problem
    except ssl.SSLError as problem:
        if problem.reason == "KEY_VALUES_MISMATCH":
            raise UsageError(
                N_("The private key in {key_file} does not belong to the certificate in {path}."),
                mend=N_("Its own certificate has to stand first in the file, the others of the chain after it."),
                path=certificate,
                key_file=key,
            ) from problem
        raise UsageError(
            N_("The certificate in {path} and the key in {key_file} can't be used: {reason}."),
            path=certificate,
            key_file=key,
            reason=ssl_words(problem),
        ) from problem
    return context


def _doubts(certificate: Path, key: Path, times: tuple[float, float] | None, now: float) -> tuple[Doubt, ...]:
    found = []
    if times and now >= times[1]:
        found.append((N_("The certificate in {path} is out of date."), N_("Get a new one, then reload."), certificate))
    if times and now < times[0]:
        found.append(
            (N_("The certificate in {path} is not valid yet."), N_("See that the clock is right."), certificate)
        )
    if key.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        found.append((N_("Everybody may read the private key in {path}."), N_("Say: chmod o-rwx {path}"), key))
    return tuple(Doubt(message, mend, str(path)) for message, mend, path in found)
