# SPDX-License-Identifier: Apache-2.0
"""``fumidai.toml`` → ``Policy``: bytes in, a policy and warnings out, or one error that says where and how to mend.

    text → tomllib → tables → schema (pydantic: names and kinds) → checks of the meaning → Policy

What opens the world (a network of everybody, a proof domain that proves nothing, a key that nobody knows) is an
error; what is allowed but often wrong (a very wide network, a container bridge, a form of ambiguity switched off)
is a warning.

Limits: the file is given as text; opening it is for the command line.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final, NoReturn

from fumidai.errors import PolicyError
from fumidai.policy.access import AccessMap
from fumidai.policy.domains import pattern_key
from fumidai.policy.lines import Place, key_lines
from fumidai.policy.model import HeloCheck, Host, OnFailure, Policy, is_foreign, related
from fumidai.policy.networks import read_networks
from fumidai.policy.notice import Source, Warning_, nearest
from fumidai.policy.table import read_access
from fumidai.smtp.address import Path, parse_path
from fumidai.smtp.forms import ALL, Form
from fumidai.smtp.literal import domain_key, is_domain_name, numeric_address, parse_literal
from fumidai.texts import N_

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from fumidai.policy.schema import PolicyFile

__all__ = ["Warning_", "read_policy"]

_KINDS: Final = {
    "list_type": N_("This must be a list in brackets, not {given}."),
    "string_type": N_("This must be text in quotes, not {given}."),
    "bool_type": N_("This must be true or false, not {given}."),
    "model_type": N_("This must be a table, not {given}."),
    "dict_type": N_("This must be a table, not {given}."),
    "missing": N_("A name is missing here."),
}


def read_policy(text: str | bytes, file: str) -> tuple[Policy, tuple[Warning_, ...]]:
    """Read a policy file.

    Args:
        text: its content (UTF-8, a byte order mark is passed over).
        file: its name as the user gave it, for messages.

    Raises:
        PolicyError: it does not parse, names something unknown, or opens the world.
    """
    shown = _decode(text, file)
    tables = _parse(shown, file)
    source = Source(file, key_lines(shown))
    checked = _check_shape(tables, source)
    return _build(checked, tables, source), tuple(source.warnings)


def _decode(text: str | bytes, file: str) -> str:
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as problem:
            line = problem.object.count(b"\n", 0, problem.start) + 1
            raise PolicyError(
                N_("This line is not UTF-8."),
                file=file,
                line=line,
                key="",
                mend=N_("Save the file as UTF-8."),
            ) from None
    # tomllib takes only \n and \r\n, which is what it makes of it anyway.
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


_AT_LINE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def _parse(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        found = _AT_LINE.search(str(problem))
        line = int(found[1]) if found and found[1] else text.rstrip("\n").count("\n") + 1
        raise PolicyError(
            N_("This is not TOML: {problem}."),
            file=file,
            line=line,
            key="",
            mend=N_("Text stands in quotes, lists in [brackets], tables begin with [name]."),
            problem=_AT_LINE.sub("", str(problem)).rstrip("."),
        ) from None
    except RecursionError:
        raise PolicyError(N_("Brackets are nested too deep here."), file=file, line=0, key="") from None


def _check_shape(tables: dict[str, Any], source: Source) -> PolicyFile:
    from pydantic import ValidationError

    from fumidai.policy.schema import check_shape

    try:
        return check_shape(tables)
    except ValidationError as problem:
        _complain(problem, source)


def _complain(problem: ValidationError, source: Source) -> NoReturn:
    """Raise the first thing that is wrong with the shape."""
    from fumidai.policy.schema import KNOWN

    # A missing key last: it may be there, misspelled.
    first = min(problem.errors(), key=lambda error: (error["type"] == "missing", source.line(_place(error))))
    place, given = _place(first), first["input"]
    if first["type"] != "extra_forbidden":
        message = _KINDS.get(first["type"], N_("This does not belong here: {given}."))
        mend = N_("Put it in brackets: [{given}].") if first["type"] == "list_type" and isinstance(given, str) else ""
        raise source.error(place, message, mend=mend, given=_shown(given))
    table = tuple(part for part in place[:-1] if isinstance(part, str))
    raise source.unknown_key(place, KNOWN.get(table, []))


def _place(error: ErrorDetails) -> Place:
    # The branches of "text or number" stand behind the key of an access entry; they are no part of the file.
    loc = tuple(error["loc"])
    return loc[:2] if loc[:1] == ("access",) else loc


def _shown(value: object) -> str:
    kinds = {bool: "true" if value is True else "false", dict: "{…}", list: "[…]", str: f'"{value}"'}
    return kinds.get(type(value), str(value))


def _build(checked: PolicyFile, tables: dict[str, Any], source: Source) -> Policy:
    table = checked.policy
    policy = Policy(
        receive_for=_receive_for(table.receive_for, source),
        postmaster=table.postmaster,
        relay_networks=read_networks(table.relay.networks, ("policy", "relay", "networks"), source),
        authenticated=_users(table.relay.authenticated, source),
        access=AccessMap(read_access(checked.access, source)),
        routing=_routing(table.routing, source),
        hosts=tuple(_host(host.model_dump(), place, source) for place, host in enumerate(checked.host)),
        proof_domain=_domain(checked.proof.domain, ("proof", "domain"), source) if checked.proof.domain else "",
        refuse_listed=_zones(checked.blocklists.refuse, source),
        on_failure=_on_failure(checked.blocklists.on_failure, source),
        sender_must_resolve=table.sender_must_resolve,
        refuse_helo=_helo_checks(table.refuse_helo, source),
        sections=_sections(tables, source),
    )
    _check_postmaster(policy, source)
    _check_proof(policy, source)
    return policy


def _sections(tables: dict[str, Any], source: Source) -> dict[str, dict[str, object]]:
    """The tables of other rooms, as they stand."""
    from fumidai.policy.schema import SECTIONS

    kept: dict[str, dict[str, object]] = {}
    for name in SECTIONS:
        if name in tables:
            if not isinstance(tables[name], dict):
                raise source.error((name,), _KINDS["dict_type"], given=_shown(tables[name]))
            kept[name] = tables[name]
    return kept


def _receive_for(patterns: list[str], source: Source) -> tuple[str, ...]:
    place: Place = ("policy", "receive_for")
    if not patterns:
        source.warn(
            place,
            N_("No domain is declared: all mail but the postmaster's is foreign."),
            mend=N_('Name the domains that you receive for: receive_for = ["a.com"].'),
        )
    kept = (_pattern(pattern, (*place, count), source) for count, pattern in enumerate(patterns))
    return tuple(dict.fromkeys(kept))


def _pattern(pattern: str, place: Place, source: Source) -> str:
    if pattern.strip(".* ") == "":
        raise source.error(
            place,
            N_('"{entry}" would make every domain yours.'),
            mend=N_('Name each domain: "a.com", or ".a.com" for all below it.'),
            entry=pattern,
        )
    if pattern.startswith("*"):
        raise source.error(
            place,
            N_('"{entry}": there are no wildcards.'),
            mend=N_('A leading dot means everything below: "{near}".'),
            entry=pattern,
            near=pattern.lstrip("*"),
        )
    name = pattern.removeprefix(".")
    _domain(name, place, source, pattern)
    if pattern.startswith(".") and "." not in name.rstrip("."):
        source.warn(
            place,
            N_('"{entry}" takes mail for every domain below a top-level name.'),
            mend=N_('Name the domains that are yours, for example "a{entry}".'),
            entry=pattern,
        )
    return pattern_key(pattern)


def _domain(name: str, place: Place, source: Source, entry: str = "") -> str:
    """A domain or literal, in the form in which it is compared."""
    if parse_literal(name) is not None:
        return domain_key(name)
    mend = N_('A domain looks like "a.com".')
    near = ""
    if "@" in name:
        mend, near = N_('Give the domain alone: "{near}".'), name.rpartition("@")[2]
    elif numeric_address(name) is not None:
        mend, near = N_('An address stands in brackets: "{near}".'), f"[{name}]"
    elif is_domain_name(name):
        return domain_key(name)
    raise source.error(place, N_('"{entry}" is no domain.'), mend=mend, entry=entry or name, near=near)


def _users(users: list[str], source: Source) -> tuple[str, ...]:
    for count, user in enumerate(users):
        if not user.strip():
            raise source.error(
                ("policy", "relay", "authenticated", count),
                N_("A user's name can't be empty."),
                mend=N_('Name the user, or "*" for every authenticated one.'),
            )
    return tuple(dict.fromkeys(users))


def _routing(names: list[str] | None, source: Source) -> frozenset[Form]:
    if names is None:
        return ALL
    place: Place = ("policy", "routing")
    for count, name in enumerate(names):
        if name not in [form.value for form in Form]:
            near = nearest(name, list(Form))
            raise source.error(
                (*place, count),
                N_('Nobody knows the form "{entry}".'),
                mend=N_('Did you mean "{near}"?') if near else N_("Known here: {known}."),
                entry=name,
                near=near,
                known=", ".join(Form),
            )
    chosen = frozenset(map(Form, names))
    if chosen != ALL:
        source.warn(
            place,
            N_("These second readings of an address no longer count: {forms}."),
            mend=N_("Take this line out unless every server behind this one is known not to understand them."),
            forms=", ".join(form for form in Form if form not in chosen),
        )
    return chosen


def _helo_checks(words: list[str], source: Source) -> frozenset[HeloCheck]:
    for count, word in enumerate(words):
        if word not in [check.value for check in HeloCheck]:
            near = nearest(word, list(HeloCheck))
            raise source.error(
                ("policy", "refuse_helo", count),
                N_('Nobody knows the fault "{entry}" of a HELO.'),
                mend=N_('Did you mean "{near}"?') if near else N_("Known here: {known}."),
                entry=word,
                near=near,
                known=", ".join(HeloCheck),
            )
    return frozenset(map(HeloCheck, words))


def _host(fields: dict[str, str], count: int, source: Source) -> Host:
    return Host(**{**fields, "name": _domain(fields["name"], ("host", count, "name"), source)})


def _zones(zones: list[str], source: Source) -> tuple[str, ...]:
    place: Place = ("blocklists", "refuse")
    for count, entry in enumerate(zones):
        # Postfix writes zone=codes; here a list's name is nothing but its name.
        zone, equals, codes = entry.partition("=")
        if equals:
            raise source.error(
                (*place, count),
                N_('"{entry}" is no domain.'),
                mend=N_('Codes stand in a table of their own, [blocklists.codes]: "{zone}" = "{codes}".'),
                entry=entry,
                zone=zone,
                codes=codes,
            )
    return tuple(dict.fromkeys(_domain(zone, (*place, count), source) for count, zone in enumerate(zones)))


def _on_failure(word: str, source: Source) -> OnFailure:
    if word not in [choice.value for choice in OnFailure]:
        raise source.error(
            ("blocklists", "on_failure"),
            N_('"{entry}" is no answer to a failed look-up.'),
            mend=N_('Write "defer" (answer 451) or "ignore".'),
            entry=word,
        )
    return OnFailure(word)


def _check_postmaster(policy: Policy, source: Source) -> None:
    if not policy.postmaster:
        return
    place: Place = ("policy", "postmaster")
    path = parse_path(policy.postmaster.encode())
    if not isinstance(path, Path) or path.route:
        raise source.error(
            place,
            N_('"{entry}" is no mailbox.'),
            mend=N_('A mailbox looks like "postmaster@a.com".'),
            entry=policy.postmaster,
        )
    if path.domain and is_foreign(policy, path.domain):
        source.warn(
            place,
            N_("{domain} is not among receive_for, so mail to this postmaster is foreign."),
            mend=N_("Name a postmaster in a domain of yours."),
            domain=path.domain,
        )


def _check_proof(policy: Policy, source: Source) -> None:
    near = related(policy, policy.proof_domain) if policy.proof_domain else None
    if near is not None:
        raise source.error(
            ("proof", "domain"),
            N_(
                "{domain} lies too near to {near}: the server may rightly deliver there,"
                " so a proof would prove nothing."
            ),
            mend=N_("Use a name outside: any host name with an A record that leads to the sink will do."),
            domain=policy.proof_domain,
            near=near,
        )
