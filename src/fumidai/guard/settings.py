# SPDX-License-Identifier: Apache-2.0
"""``[guard]`` of the policy file: where to listen, what stands behind, and how much is borne.

    [guard]
    listen       = ["0.0.0.0:25"]
    backend      = "smtp://127.0.0.1:2525"   # or "lmtp://…", "maildir:///var/mail/{domain}/{local}"
    line_endings = "refuse"                  # or "normalize"
    hosts        = ["/etc/hosts.allow", "/etc/hosts.deny"]   # who may connect, hosts_access(5)
    certificate  = "cert.pem"                # STARTTLS is offered
    listen_tls   = ["0.0.0.0:465"]           # TLS from the first byte on
    users        = "users"                   # a password file, or "backend"

What nobody knows, or what can't be meant, is an error that names file, line and key: a guard that overlooks a
mistyped line would guard something else.

Limits: the backend's place is read for its form only; whether something answers there is seen when mail comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from fumidai.dnsbl.settings import BlocklistSettings, read_blocklists
from fumidai.guard.decision_log import LogFormat
from fumidai.guard.declared_proxies import read_proxies
from fumidai.policy.hosts_access import SERVICES
from fumidai.policy.lines import Place
from fumidai.policy.model import Network, Policy
from fumidai.policy.notice import Source
from fumidai.smtp.literal import is_domain_name
from fumidai.texts import N_

SECTION: Final = "guard"
#: ``users``: ask the server behind.
ASK_BACKEND: Final = "backend"
_EXAMPLE: Final = N_('For example: backend = "smtp://127.0.0.1:2525".')


class LineEndings(StrEnum):
    """What becomes of a message with a bare CR, a bare LF or a NUL in it."""

    REFUSE = "refuse"
    NORMALIZE = "normalize"


class ProxyProtocol(StrEnum):
    """Whether a declared proxy has to say first, in a PROXY header, for whom it speaks; else it does so by XCLIENT."""

    REQUIRED = "required"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Place_:
    """Where to listen: None is all addresses of both families; with a ``path`` it is a Unix socket."""

    address: IPv4Address | IPv6Address | None
    port: int
    path: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """What stands behind.

    Attributes:
        scheme: ``smtp``, ``lmtp`` or ``maildir``.
        host, port: where, for the first two (a literal without brackets).
        path: for ``maildir`` (and an ``lmtp`` socket) the pattern or file, from its slash on.
        url: as written.
    """

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """How a guard is set up. Sizes are octets, times seconds.

    Attributes:
        listen: places; ``listen_tls``: places where TLS comes first; ``backend``: what stands behind.
        name: ours, in greeting and Received line; "" for the machine's host name.
        hosts: files in the form of hosts.allow and hosts.deny, in this order; none where nobody is asked.
        services: our names in these files.
        line_endings: see ``LineEndings``; ``log_format``: see ``LogFormat``.
        message_size: greatest message; ``recipients``: most in one transaction.
        connections, connections_per_client: at once.
        connections_per_net: at once from an IPv4 /24 or an IPv6 /64; 0: no limit.
        connection_rate, message_rate, recipient_rate, refusal_rate, error_rate, login_rate: of one client in a minute;
            0: no limit.
        clients: that are remembered for the rates; ``buffer``: octets of all clients that may wait.
        errors: commands of a wrong form or order before a client is sent away; ``refusals``: refused recipients.
        hops: most hosts that may have handed a message on; ``header_size``: of its greatest header.
        greet_pause: milliseconds before the greeting.
        proxies: networks of peers that speak for others; ``proxy_protocol``: see ``ProxyProtocol``; ``proxy_time``:
            for their header.
        command_time: for one command; ``crowded_time``: the same, while nine of ten connections are taken.
        body_time: without a piece of a body; ``least_rate``: octets a second that a body has to come with, after five
            minutes; ``message_time``: for all of a body.
        certificate, key: files in PEM, "" for none; one file may hold both.
        users: password file, or ``backend`` (it is asked), "" for no AUTH.
        handshake_time: for a TLS handshake.
        auth_failures: failed logins before a client is sent away; ``auth_delay``: before the first of them is
            answered, doubled with each.
        grace: time to end what is being sent when the service stops.
        policy_service: where a Postfix may ask; ``metrics``: where Prometheus may.
        workers: processes; ``user``: who to become once all is open, "" for nobody else.
        blocklists: how the policy's lists are asked; from ``[blocklists]``.
    """

    listen: tuple[Place_, ...] = ()
    backend: Target = field(default_factory=lambda: Target(""))
    name: str = ""
    hosts: tuple[str, ...] = ()
    services: tuple[str, ...] = SERVICES
    line_endings: LineEndings = LineEndings.REFUSE
    log_format: LogFormat = LogFormat.JSON
    message_size: int = 52_428_800
    recipients: int = 1000
    connections: int = 5000
    connections_per_client: int = 100
    connections_per_net: int = 400
    connection_rate: int = 0
    message_rate: int = 0
    recipient_rate: int = 0
    refusal_rate: int = 1000
    error_rate: int = 300
    login_rate: int = 30
    clients: int = 20_000
    buffer: int = 67_108_864
    errors: int = 20
    refusals: int = 100
    hops: int = 50
    header_size: int = 1_048_576
    greet_pause: int = 0
    proxies: tuple[Network, ...] = ()
    proxy_protocol: ProxyProtocol = ProxyProtocol.REQUIRED
    proxy_time: float = 5.0
    command_time: float = 300.0
    crowded_time: float = 10.0
    body_time: float = 180.0
    least_rate: float = 500.0
    message_time: float = 3600.0
    listen_tls: tuple[Place_, ...] = ()
    certificate: str = ""
    key: str = ""
    users: str = ""
    handshake_time: float = 30.0
    auth_failures: int = 3
    auth_delay: float = 1.0
    grace: float = 30.0
    policy_service: tuple[Place_, ...] = ()
    metrics: tuple[Place_, ...] = ()
    workers: int = 1
    user: str = ""
    blocklists: BlocklistSettings = field(default_factory=BlocklistSettings)


#: Whole numbers, with the least and the most that can be meant.
_NUMBERS: Final[Mapping[str, tuple[int, int]]] = {
    "message_size": (1000, 2**40),
    # RFC 5321 §4.5.3.1.8: at least 100 recipients must be taken.
    "recipients": (1, 100_000),
    "connections": (1, 1_000_000),
    "connections_per_client": (1, 1_000_000),
    "connections_per_net": (0, 1_000_000),
    "connection_rate": (0, 1_000_000),
    "message_rate": (0, 1_000_000),
    "recipient_rate": (0, 1_000_000),
    "refusal_rate": (0, 1_000_000),
    "error_rate": (0, 1_000_000),
    "login_rate": (0, 1_000_000),
    "clients": (100, 10_000_000),
    "buffer": (1_000_000, 2**40),
    "greet_pause": (0, 300_000),
    "proxy_time": (1, 60),
    "errors": (1, 1_000_000),
    "refusals": (1, 1_000_000),
    "hops": (1, 1000),
    "header_size": (1000, 2**40),
    "command_time": (1, 3600),
    "crowded_time": (1, 3600),
    "body_time": (1, 3600),
    "least_rate": (0, 1_000_000),
    "message_time": (60, 86_400),
    "handshake_time": (1, 600),
    "auth_failures": (1, 100),
    "auth_delay": (0, 60),
    "grace": (0, 600),
    "workers": (1, 256),
}
_KNOWN: Final = [one.name for one in fields(GuardSettings) if one.name != "blocklists"]


def read_settings(policy: Policy, source: Source) -> GuardSettings:
    """Read ``[guard]``, and see that this guard can do what the policy wants.

    Raises:
        PolicyError: something in it can't be meant.
    """
    table = policy.sections.get(SECTION, {})
    for key in table:
        if key not in _KNOWN:
            raise source.unknown_key((SECTION, key), _KNOWN)
    served = "listen" in table or "listen_tls" in table
    if "backend" not in table and (served or "policy_service" not in table):
        raise source.error((SECTION,), N_("It is not said what stands behind the guard."), mend=_EXAMPLE)
    values: dict[str, object] = {key: _READERS[key](value, (SECTION, key), source) for key, value in table.items()}
    values["blocklists"] = read_blocklists(policy, source)
    settings = GuardSettings(**values)  # type: ignore[arg-type]  # each reader gives what its field holds
    _check_secrecy(settings, policy, source)
    return settings


def _check_secrecy(settings: GuardSettings, policy: Policy, source: Source) -> None:
    """What would never be offered, or would permit nothing, was not meant."""
    if not settings.certificate:
        for key in ("key", "listen_tls", "users"):
            if getattr(settings, key):
                raise source.error(
                    (SECTION, key),
                    N_("Without a certificate there is no TLS, and without TLS this does nothing."),
                    mend=N_('Name a file in PEM: certificate = "/etc/ssl/mail.pem" (and key, if it holds no key).'),
                )
    if settings.users == ASK_BACKEND and settings.backend.scheme != "smtp":
        raise source.error(
            (SECTION, "users"),
            N_("Only an SMTP server behind can be asked for passwords, and {backend} is none."),
            mend=N_("Name a password file; its lines are made by: fumidai guard --hash-password NAME"),
            backend=settings.backend.url,
        )
    if settings.users and not policy.authenticated:
        source.warn(
            (SECTION, "users"),
            N_("To be logged in permits nobody anything yet: [policy.relay] authenticated names no user."),
            mend=N_('authenticated = ["*"] lets all of them send out.'),
        )


def _listen(value: object, place: Place, source: Source) -> tuple[Place_, ...]:
    entries = value if isinstance(value, list) else [value]
    return tuple(_listen_place(entry, (*place, count), source) for count, entry in enumerate(entries))


def _service(value: object, place: Place, source: Source) -> tuple[Place_, ...]:
    """Places of the policy service: as for ``listen``, and ``unix:/PATH``."""
    entries = value if isinstance(value, list) else [value]
    return tuple(_service_place(entry, (*place, count), source) for count, entry in enumerate(entries))


def _service_place(value: object, place: Place, source: Source) -> Place_:
    path = value.removeprefix("unix:") if isinstance(value, str) and value.startswith("unix:") else ""
    if not path:
        return _listen_place(value, place, source)
    # unix(7): sun_path has 108 octets, the last one a NUL.
    if not path.startswith("/") or "\0" in path or len(path.encode("utf-8", "surrogateescape")) > 107:
        message = N_("{value} is no place for a socket.")
        raise source.error(place, message, mend=N_("Say unix:/PATH, with at most 107 octets."), value=value)
    return Place_(None, 0, path)


def _user(value: object, place: Place, source: Source) -> str:
    if not (isinstance(value, str) and value):
        raise source.error(place, N_("This is the name of a user."))
    return value


def _listen_place(value: object, place: Place, source: Source) -> Place_:
    host, colon, port = str(value).rpartition(":")
    try:
        number = int(port)
        address = ip_address(host.removeprefix("[").removesuffix("]")) if host else None
    except ValueError:
        number, address = -1, None
    if not (isinstance(value, str) and colon and 0 <= number < 65536):
        raise source.error(
            place,
            N_("{value} is no address to listen on."),
            mend=N_("Say ADDR:PORT, [v6]:PORT or :25."),
            value=value,
        )
    return Place_(address, number)


def read_target(value: object, place: Place, source: Source) -> Target:
    """Read a backend's place.

    Raises:
        PolicyError: it has no form that is known.
    """
    text = value if isinstance(value, str) else ""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme == "smtp" and host and plain and parts.path in ("", "/"):
        return Target("smtp", host, port or 25, url=text)
    if parts.scheme == "lmtp" and plain and (bool(host) != (parts.path not in ("", "/"))):
        return Target("lmtp", host, port or 24, "" if host else parts.path, text)
    if text.startswith("maildir:///"):
        return Target("maildir", path=text.removeprefix("maildir://"), url=text)
    raise source.error(place, N_("{value} is no backend."), mend=_EXAMPLE, value=value)


def _hosts(value: object, place: Place, source: Source) -> tuple[str, ...]:
    paths = _words(value)
    if len(paths) != 2:
        raise source.error(
            place,
            N_("This names two files: who is let in, and who is not."),
            mend=N_('For example: hosts = ["/etc/hosts.allow", "/etc/hosts.deny"].'),
        )
    return paths


def _services(value: object, place: Place, source: Source) -> tuple[str, ...]:
    names = _words(value)
    if not names:
        raise source.error(
            place,
            N_("These are the names that rules may use for this guard."),
            mend=N_('For example: services = ["smtp", "25"].'),
        )
    return names


def _words(value: object) -> tuple[str, ...]:
    """The texts of a list; none where it isn't one."""
    entries = value if isinstance(value, list) else []
    return tuple(entries) if all(isinstance(entry, str) and entry.strip() for entry in entries) else ()


def _name(value: object, place: Place, source: Source) -> str:
    if not (isinstance(value, str) and is_domain_name(value)):
        raise source.error(place, N_("{value} is no name of a host."), value=value)
    return value


def _file(value: object, place: Place, source: Source) -> str:
    if not (isinstance(value, str) and value and "\0" not in value):
        raise source.error(place, N_("{value} is no name of a file."), value=value)
    return value


def _number(value: object, place: Place, source: Source) -> int:
    least, most = _NUMBERS[str(place[-1])]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        message = N_("This is a whole number from {least} to {most}, not {value}.")
        raise source.error(place, message, least=least, most=most, value=value)
    return value


def _word(kind: type[StrEnum]) -> Callable[[object, Place, Source], StrEnum]:
    def read(value: object, place: Place, source: Source) -> StrEnum:
        if value not in list(kind):
            raise source.error(place, N_("This is one of {choices}."), choices=", ".join(kind))
        return kind(str(value))

    return read


_READERS: Final[Mapping[str, Callable[[object, Place, Source], object]]] = {
    "listen": _listen,
    "listen_tls": _listen,
    "certificate": _file,
    "key": _file,
    "users": _file,
    "backend": read_target,
    "name": _name,
    "hosts": _hosts,
    "services": _services,
    "line_endings": _word(LineEndings),
    "log_format": _word(LogFormat),
    "policy_service": _service,
    "metrics": _listen,
    "user": _user,
    "proxies": read_proxies,
    "proxy_protocol": _word(ProxyProtocol),
    **dict.fromkeys(_NUMBERS, _number),
}
