# SPDX-License-Identifier: Apache-2.0
"""``Policy`` → ``fumidai.toml``: the text from which ``read_policy`` makes the same policy again.

Used where a policy was found rather than written (read back out of a server's configuration, or made from
``--domain``) and somebody wants to keep it.

Limits: comments and the order of tables of a file that was read are not in a policy, so they are not written. Client
rules stand in files of their own (``hosts`` in ``[guard]``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time

from fumidai.policy.access import shown_key
from fumidai.policy.model import Host, Policy
from fumidai.smtp.forms import ALL

_BARE = re.compile(r"[A-Za-z0-9_-]+")
# TOML 1.0, "String": what a basic string can't hold as it is.
_ESCAPED = re.compile(r'[\x00-\x1f\x7f"\\]')


def write_policy(policy: Policy) -> str:
    """The policy as TOML."""
    return "\n".join("\n".join(table) + "\n" for table in _tables(policy))


def _tables(policy: Policy) -> Iterator[list[str]]:
    yield list(_policy_table(policy))
    yield [
        "[policy.relay]",
        f"networks = {_value([str(network) for network in policy.relay_networks])}",
        f"authenticated = {_value(policy.authenticated)}",
    ]
    if policy.access.sides:
        sides = policy.access.sides.items()
        yield ["[access]", *(f"{_value(shown_key(key))} = {_value(str(side))}" for key, side in sides)]
    yield from (list(_host_table(host)) for host in policy.hosts)
    if policy.proof_domain:
        yield ["[proof]", f"domain = {_value(policy.proof_domain)}"]
    for name, table in policy.sections.items():
        yield [f"[{_key(name)}]", *(f"{_key(key)} = {_value(value)}" for key, value in table.items())]


def _policy_table(policy: Policy) -> Iterator[str]:
    yield "[policy]"
    yield f"receive_for = {_value(policy.receive_for)}"
    if policy.postmaster:
        yield f"postmaster = {_value(policy.postmaster)}"
    if policy.routing != ALL:
        yield f"routing = {_value(sorted(policy.routing))}"
    if policy.sender_must_resolve:
        yield "sender_must_resolve = true"
    if policy.refuse_helo:
        yield f"refuse_helo = {_value(sorted(policy.refuse_helo))}"


def _host_table(host: Host) -> Iterator[str]:
    yield "[[host]]"
    for key in ("name", "mta", "owner", "note"):
        if getattr(host, key):
            yield f"{key} = {_value(getattr(host, key))}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: object) -> str:
    """A TOML value, tables inline; the kinds that tomllib gives, and tuples."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + _ESCAPED.sub(_escape, value) + '"'
        case Mapping():
            return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
        case Sequence():
            return "[" + ", ".join(map(_value, value)) + "]"
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            # Numbers; TOML spells infinity and not-a-number as Python does.
            return str(value)


def _escape(found: re.Match[str]) -> str:
    letter = found[0]
    return f"\\{letter}" if letter in '"\\' else f"\\u{ord(letter):04X}"
