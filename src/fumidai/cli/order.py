# SPDX-License-Identifier: Apache-2.0
"""From options to an order: read the policy, the targets and the proof, and refuse what can't be meant.

Everything that can be told before the first connection is told here: a policy that opens the world, a proof
domain that would prove nothing, a public host that nobody said he may test.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import click

from fumidai.cli.screen import complaints, say
from fumidai.errors import ProofDomainError, UsageError
from fumidai.evidence.vantage import is_private
from fumidai.policy.domains import above_or_below, match
from fumidai.policy.model import Policy, policy_for_domains, related, with_domains
from fumidai.policy.read import Warning_, read_policy
from fumidai.report.escape import show
from fumidai.store.state import token_key
from fumidai.texts import N_
from fumidai.trial.hosts import parse_target
from fumidai.trial.order import Listen, Order, ProofPlan
from fumidai.trial.scene import Scene

DEFAULT_POLICY = Path("fumidai.toml")
DEFAULTS: Mapping[str, Any] = {
    "battery": "full",
    "ports": "25",
    "wait": 120.0,
    "max_time": 600.0,
    "rate": 0.0,
    "concurrency": 4,
}


def make_order(
    given: Mapping[str, Any], targets: Sequence[str], settings_kept: Mapping[str, Any], *, earlier: Scene | None = None
) -> Order:
    """The order for some options.

    Args:
        settings_kept: what is kept in the run folder of the options.
        earlier: the run that is gone on with: its policy stands.

    Raises:
        UsageError: something that can't be meant (exit 64).
    """
    if earlier is not None:
        file, text = earlier.policy_file, earlier.policy_text
    else:
        file, text = load_policy(given["policy"])
    declared = bool(text)
    domains = tuple(_domain(name) for name in given["domains"])
    policy = (
        with_domains(_read(text, file, quiet=earlier is not None), domains) if declared else policy_for_domains(domains)
    )
    settings = {
        **DEFAULTS,
        **policy.sections.get("test", {}),
        **{k: v for k, v in given.items() if v not in (None, ())},
    }
    proof = _proof(settings, policy)
    if proof is not None:
        check_proof_domain(proof.domain, policy, targets)
    return Order(
        targets=tuple(parse_target(text) for text in targets),
        policy=policy,
        key=token_key(Path(given["key"]) if given["key"] else None),
        declared=declared,
        domains=domains or _asked_domains(policy),
        battery=settings["battery"],
        tests=tuple(part for part in (settings.get("tests") or "").split(",") if part),
        families=tuple(settings.get("families") or ()),
        first_hole=bool(settings["first"]),
        ports=_ports(str(settings["ports"])),
        only=_only(given),
        proof=proof,
        wait=_seconds("--wait", settings["wait"]),
        max_time=_seconds("--max-time", settings["max_time"], least=1.0),
        rcpt_only=bool(settings["rcpt_only"]),
        local_user=settings.get("local_user") or "",
        mx_domain=settings.get("mx_domain") or "",
        ehlo=_name("--ehlo", settings.get("ehlo") or ""),
        source=_address("--source", settings.get("source")),
        rate=_seconds("--rate", settings["rate"]),
        concurrency=_count("--concurrency", settings["concurrency"]),
        policy_text=text,
        policy_file=file,
        extra_domains=domains,
        settings=settings_kept,
    )


def load_policy(name: str | None) -> tuple[str, str]:
    """The declared policy's file name and text; both "" where there is none.

    Raises:
        UsageError: the named file can't be read.
    """
    path = Path(name) if name else DEFAULT_POLICY
    if not name and not path.is_file():
        return "", ""
    try:
        return str(path), path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise UsageError(
            N_("The policy {file} can't be read: {why}"), file=str(path), why=error.strerror or str(error)
        ) from error


def _read(text: str, file: str, *, quiet: bool) -> Policy:
    """Read the policy; warnings are printed.

    Raises:
        PolicyError: it is wrong.
    """
    policy, warnings = read_policy(text.encode("utf-8", "surrogateescape"), file)
    for warning in () if quiet else warnings:
        complaints().write(warning_text(warning))
    return policy


def warning_text(warning: Warning_) -> str:
    """A warning about a policy file as one line."""
    fields = {name: show(str(value)) for name, value in warning.params.items()}
    return f"{show(warning.place)}: {say(warning.message, **fields) if fields else say(warning.message)}"


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
            N_("Test {targets} ({count} public addresses)? Only test hosts you are responsible for."),
            targets=show(shown),
            count=len(public),
        )
        if click.confirm(question, default=False, err=True):
            return
    raise UsageError(
        N_("{targets}: a public host is tested only if it stands in the policy or you confirm it."),
        mend=N_("Add --yes if you are responsible for it, or name it under [[host]] in fumidai.toml."),
        targets=shown,
    )


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
            N_("{text} is no address to listen on."), mend=N_("Say ADDR:PORT, [v6]:PORT or :25."), text=text
        )
    return Listen(address, number)


def _asked_domains(policy: Policy) -> tuple[str, ...]:
    """Where no --domain says it: the first full name that the policy receives for."""
    return tuple(name for name in policy.receive_for if not name.startswith((".", "[")))[:1]


def _domain(text: str) -> str:
    name = text.strip().strip(".").lower()
    if not name or any(c.isspace() or not c.isprintable() or c in "@<>" for c in name):
        raise UsageError(N_("{text} is no domain."), text=text)
    return name


def _name(what: str, text: str) -> str:
    if any(c.isspace() or not c.isprintable() for c in text):
        raise UsageError(N_("{option}: {text} is no name."), option=what, text=text)
    return text


def _ports(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 0 < int(part) < 65536 for part in parts):
        raise UsageError(
            N_("--ports: {text} is no list of ports."), mend=N_("For example --ports 25,465,587."), text=text
        )
    return tuple(dict.fromkeys(int(part) for part in parts))


def _only(given: Mapping[str, Any]) -> int:
    if given["ipv4"] and given["ipv6"]:
        raise UsageError(N_("-4 and -6 exclude each other."))
    return 4 if given["ipv4"] else 6 if given["ipv6"] else 0


def _seconds(what: str, value: object, least: float = 0.0) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = -1.0
    if not least <= number < 1e7:
        raise UsageError(N_("{option}: {value} is out of range."), option=what, value=str(value))
    return number


def _count(what: str, value: object) -> int:
    number = int(_seconds(what, value, 1.0))
    if number > 50:
        raise UsageError(N_("{option}: {value} is out of range."), option=what, value=str(value))
    return number


def _address(what: str, text: str | None) -> IPv4Address | IPv6Address | None:
    if not text:
        return None
    try:
        return ip_address(text.strip("[]"))
    except ValueError as error:
        raise UsageError(N_("{option}: {text} is no address."), option=what, text=text) from error


def _is_name(target: str) -> bool:
    host = parse_target(target).host
    try:
        ip_address(host)
    except ValueError:
        return "/" not in host
    return False
