# SPDX-License-Identifier: Apache-2.0
"""From options to an order: read the policy, the targets and the proof, and refuse what can't be meant.

Everything that can be told before the first connection is told here: an option that can't be meant, a proof domain
that would prove nothing, a public host that nobody said he may test.
"""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import click

from fumidai.battery.batteries import select
from fumidai.cli.declared import Declared
from fumidai.cli.screen import say
from fumidai.errors import ProofDomainError, UsageError
from fumidai.evidence.vantage import is_private
from fumidai.net.route import is_own
from fumidai.policy.domains import above_or_below, match
from fumidai.policy.model import Policy, policy_for_domains, related, with_domains
from fumidai.report.escape import show
from fumidai.smtp.literal import is_domain_name, parse_literal
from fumidai.store.state import token_key
from fumidai.tester.pace import MOST_SESSIONS
from fumidai.texts import N_
from fumidai.trial.hosts import parse_target
from fumidai.trial.order import Listen, Order, ProofPlan

DEFAULTS: Mapping[str, Any] = {
    "battery": "full",
    "ports": "25",
    "wait": 120.0,
    "max_time": 600.0,
    "rate": 0.0,
    "concurrency": MOST_SESSIONS,
}


def make_order(
    given: Mapping[str, Any], targets: Sequence[str], declared: Declared, settings_kept: Mapping[str, Any]
) -> Order:
    """The order for some options.

    Args:
        given: options, those of the policy file among them.
        settings_kept: what is kept in the run folder of the options.

    Raises:
        UsageError: something that can't be meant (exit 64).
    """
    settings = {**DEFAULTS, **{name: value for name, value in given.items() if value not in (None, ())}}
    domains = tuple(_domain(name) for name in settings.get("domains") or ())
    policy = with_domains(declared.policy, domains) if declared else policy_for_domains(domains)
    specs = tuple(parse_target(text) for text in targets)
    tests = tuple(part.strip() for part in (settings.get("tests") or "").split(",") if part.strip())
    families = tuple(settings.get("families") or ())
    select(settings["battery"], tests or None, families or None)
    proof = _proof(settings, policy)
    if proof is not None:
        check_proof_domain(proof.domain, policy, targets)
    return Order(
        targets=specs,
        policy=policy,
        key=token_key(Path(settings["key"]) if settings.get("key") else None),
        declared=bool(declared),
        domains=domains or _asked_domains(policy),
        battery=settings["battery"],
        tests=tests,
        families=families,
        first_hole=bool(settings.get("first")),
        ports=_ports(str(settings["ports"])),
        only=_only(settings),
        proof=proof,
        wait=_number("--wait", settings["wait"]),
        max_time=_number("--max-time", settings["max_time"], least=1.0),
        rcpt_only=bool(settings.get("rcpt_only")),
        local_user=_mailbox("--local-user", settings.get("local_user") or ""),
        mx_domain=_domain(settings["mx_domain"]) if settings.get("mx_domain") else "",
        ehlo=_name("--ehlo", settings.get("ehlo") or ""),
        source=_address("--source", settings.get("source")),
        rate=_number("--rate", settings["rate"]),
        concurrency=_count("--concurrency", settings["concurrency"], most=50),
        policy_text=declared.text,
        policy_file=declared.file,
        extra_domains=domains,
        settings=settings_kept,
    )


def read_targets(name: str) -> list[str]:
    """The targets of a file (``-``: standard input): one a line, ``#`` begins a comment.

    Raises:
        UsageError: it can't be read, or a line holds no target; the line is named.
    """
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            N_("The list of targets {file} can't be read: {why}."),
            file=name,
            why=getattr(error, "strerror", None) or error,
        ) from error
    found = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        target = line.partition("#")[0].strip()
        if target:
            found.append(_listed(target, f"{name}:{number}"))
    return found


def _listed(target: str, place: str) -> str:
    try:
        parse_target(target)
    except UsageError as error:
        raise UsageError(N_("{place}: {target} is no target."), mend=error.mend, place=place, target=target) from error
    return target


def check_proof_domain(domain: str, policy: Policy, targets: Sequence[str]) -> None:
    """Refuse a proof domain that a sound server may rightly deliver to (DESIGN §2).

    Raises:
        ProofDomainError: it lies at, under or above a domain of the policy or the target itself.
    """
    own = related(policy, domain) or above_or_below(domain, [t.partition(":")[0] for t in targets if _is_name(t)])
    if own is None:
        return
    raise ProofDomainError(
        N_(
            "{domain} belongs with {own}, which the server receives for: it may rightly deliver there, "
            "so a proof would prove nothing."
        ),
        mend=N_("Use a name outside: any host name with an A record that leads to the sink will do."),
        domain=domain,
        own=own,
    )


def confirm_public(
    order: Order, addresses: Sequence[IPv4Address | IPv6Address], names: Sequence[str], *, yes: bool
) -> None:
    """Public targets need to be in the policy or confirmed (DESIGN §8).

    Raises:
        UsageError: nobody confirmed it.
    """
    public = [address for address in addresses if not is_private(address)]
    if yes or not public or _all_declared(order, names):
        return
    shown = ", ".join(dict.fromkeys(spec.text for spec in order.targets))
    if sys.stdin.isatty() and sys.stderr.isatty():
        question = say(
            N_("Test {targets}? Public addresses: {count}. Only test hosts you are responsible for."),
            targets=show(shown),
            count=len(public),
        )
        if _agreed(question):
            return
    raise UsageError(
        N_("{targets}: a public host is tested only if it stands in the policy or you confirm it."),
        mend=N_("Add --yes if you are responsible for it, or name it under [[host]] in fumidai.toml."),
        targets=shown,
    )


def _agreed(question: str) -> bool:
    """Ask; Ctrl-C ends the program here, where nothing has begun, whatever the event loop makes of it elsewhere."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return click.confirm(question, default=False, err=True)
    finally:
        signal.signal(signal.SIGINT, before)


def _all_declared(order: Order, names: Sequence[str]) -> bool:
    if not order.declared:
        return False
    hosts = {host.name.lower() for host in order.policy.hosts}
    own = frozenset(order.policy.receive_for)
    return all(
        name.lower() in hosts or match(own, name) or above_or_below(name, [d for d in own if not d.startswith("[")])
        for name in names
    )


def _proof(settings: Mapping[str, Any], policy: Policy) -> ProofPlan | None:
    domain = settings.get("proof_domain") or policy.proof_domain
    sinks = tuple(parse_listen(text) for text in settings.get("sinks") or ())
    maildir = Path(settings["proof_maildir"]) if settings.get("proof_maildir") else None
    if sinks and maildir:
        raise UsageError(N_("--sink and --proof-maildir exclude each other."))
    if not (sinks or maildir):
        if settings.get("proof_domain"):
            raise UsageError(
                N_("--proof-domain {domain} needs a place where its mail comes in."),
                mend=N_("Add --sink :25 to listen here, or --proof-maildir DIR to read a Maildir."),
                domain=domain,
            )
        return None
    if not domain:
        raise UsageError(
            N_("A sink needs a proof domain: a name whose mail comes here."),
            mend=N_("Add --proof-domain NAME; the host name your provider gave this machine will do."),
        )
    if maildir and not maildir.is_dir():
        raise UsageError(N_("The proof Maildir {folder} is no folder."), folder=str(maildir))
    return ProofPlan(_domain(domain), sinks, maildir)


def parse_listen(text: str) -> Listen:
    """Read ADDR:PORT, [v6]:PORT or :PORT.

    Raises:
        UsageError: it has none of these forms.
    """
    host, _, port = text.rpartition(":")
    try:
        number = int(port)
        address = ip_address(host.strip("[]")) if host else None
    except ValueError:
        number, address = 0, None
    if not 0 < number < 65536:
        raise UsageError(
            N_("{value} is no address to listen on."), mend=N_("Say ADDR:PORT, [v6]:PORT or :25."), value=text
        )
    return Listen(address, number)


def _asked_domains(policy: Policy) -> tuple[str, ...]:
    """Where no --domain says it: the first full name that the policy receives for."""
    return tuple(name for name in policy.receive_for if not name.startswith((".", "[")))[:1]


def _domain(text: str) -> str:
    """A domain, or an address literal in its place (RFC 5321 §4.1.3)."""
    name = text.strip().strip(".").lower()
    if not is_domain_name(name) and parse_literal(name) is None:
        raise UsageError(
            N_("{value} is no domain."), mend=N_("Say what stands after the @, for example example.com."), value=text
        )
    return name


def _mailbox(what: str, text: str) -> str:
    local, at, domain = text.strip("<>").rpartition("@")
    if text and not (local and at and _printable(text) and is_domain_name(domain)):
        raise UsageError(N_("{option}: {value} is no mail address."), option=what, value=text)
    return text.strip("<>")


def _name(what: str, text: str) -> str:
    if not _printable(text):
        raise UsageError(N_("{option}: {value} is no name."), option=what, value=text)
    return text


def _printable(text: str) -> bool:
    """What can stand in a command line of SMTP without ending it."""
    return all(c.isascii() and c.isprintable() and not c.isspace() for c in text)


def _ports(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 0 < int(part) < 65536 for part in parts):
        raise UsageError(
            N_("--ports: {value} is no list of ports."), mend=N_("For example --ports 25,465,587."), value=text
        )
    return tuple(dict.fromkeys(int(part) for part in parts))


def _only(settings: Mapping[str, Any]) -> int:
    four, six = settings.get("ipv4"), settings.get("ipv6")
    if four and six:
        raise UsageError(N_("-4 and -6 exclude each other."))
    return 4 if four else 6 if six else 0


def _number(what: str, value: object, least: float = 0.0) -> float:
    try:
        number = float(str(value))
    except ValueError:
        raise UsageError(N_("{option}: {value} is no number."), option=what, value=str(value)) from None
    if not math.isfinite(number) or not least <= number < 1e7:
        raise UsageError(N_("{option}: {value} is out of range."), option=what, value=str(value))
    return number


def _count(what: str, value: object, *, most: int) -> int:
    number = _number(what, value, 1.0)
    if number > most or number != int(number):
        raise UsageError(
            N_("{option}: {value} is out of range."),
            mend=N_("A whole number from 1 to {most}."),
            option=what,
            value=str(value),
            most=most,
        )
    return int(number)


def _address(what: str, text: str | None) -> IPv4Address | IPv6Address | None:
    if not text:
        return None
    try:
        address = ip_address(text.strip("[]"))
    except ValueError as error:
        raise UsageError(N_("{option}: {value} is no address."), option=what, value=text) from error
    if not is_own(address):
        raise UsageError(N_("{option}: {value} is no address of this machine."), option=what, value=text)
    return address


def _is_name(target: str) -> bool:
    host = parse_target(target).host
    try:
        ip_address(host)
    except ValueError:
        return "/" not in host
    return False
