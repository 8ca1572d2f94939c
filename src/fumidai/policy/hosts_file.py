# SPDX-License-Identifier: Apache-2.0
"""hosts.allow and hosts.deny, hosts_access(5) and hosts_options(5), read into ``HostsTables``.

tcpwrappers warn of a line that they don't understand and go on without it, so that a slip of the pen in hosts.deny
opens the door. Here whatever has no certain meaning is an error that names file and line, and nothing is loaded:
unknown options, networks with bits beyond their mask, a last line without its end (which tcpwrappers pass over),
comments behind a rule (which are patterns to them), netgroups, ident.

    allow, deny, twist /bin/echo TEXT   are honoured
    severity, banners, spawn, setenv, umask, user, group, nice, linger, keepalive   do nothing in a guard: warned of
    aclexec, rfc931, any other twist   are errors: the answer would hang on a program or on the client's own word

A line about other services only (``sshd: …``) is passed over unread: the files are often shared.

Limits: nothing is run. A name in a rule is not looked up. Which address of ours a client came to is not known where
the rules are asked, so ``smtp@192.0.2.25`` is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from fumidai.errors import PolicyError
from fumidai.policy.hosts_access import (
    SERVICES,
    Daemon,
    HostsRule,
    HostsTables,
    How,
    Items,
    Listed,
    Masked,
    Pattern,
    Text,
    Word,
)
from fumidai.policy.notice import Warning_, nearest
from fumidai.texts import N_

#: The content of a file that a rule names; raises OSError or PolicyError.
Include = Callable[[str], str]

_HONOURED: Final = ("allow", "deny", "twist")
_LEFT_OUT: Final = ("severity", "banners", "spawn", "setenv", "umask", "user", "group", "nice", "linger", "keepalive")
_REFUSED: Final = ("aclexec", "rfc931")
_WITHOUT_VALUE: Final = ("allow", "deny", "keepalive")
_MAY_HAVE_VALUE: Final = ("nice",)
_LAST: Final = ("allow", "deny", "twist")
_ECHO: Final = re.compile(r"""(?:(?:/usr)?/bin/)?echo\s+(["']?)([^|&;<>()$`\\"'*?\[\]#~%\x00-\x1f]*)\1""")
_REPLY: Final = re.compile(r"([45][0-9]{2})[ -](?:([45]\.[0-9]{1,3}\.[0-9]{1,3}) )?(.*)")
_GLOB: Final = re.compile(r"[A-Za-z0-9._*?-]+")
_NUMERIC: Final = re.compile(r"[0-9./]+")
_FIELD_END: Final = re.compile(r"(?:\[[^\]\s]*\]|[^:])*")
_BETWEEN_OPTIONS: Final = re.compile(r"(?<!\\):")
#: Files within files.
_DEEPEST: Final = 8


@dataclass(frozen=True, slots=True)
class _Reader:
    """One file, what is warned of, and how named files are read."""

    file: str
    include: Include | None
    server_ends: bool
    services: tuple[str, ...]
    warnings: list[Warning_] = field(default_factory=list)

    def error(self, line: int, message: str, *, mend: str = "", **params: object) -> PolicyError:
        return PolicyError(message, file=self.file, line=line, key="", mend=mend, **params)


def read_hosts(
    allow: str,
    deny: str,
    *,
    allow_file: str = "hosts.allow",
    deny_file: str = "hosts.deny",
    include: Include | None = None,
    server_ends: bool = False,
    services: tuple[str, ...] = SERVICES,
) -> tuple[HostsTables, tuple[Warning_, ...]]:
    """Read both files; a file that is not there is given as "".

    Args:
        allow, deny: their content.
        allow_file, deny_file: their names as the user gave them, for messages.
        include: reads files that rules name (``/etc/mail/partners``); None: such rules are errors.
        server_ends: rules may ask for our end of the connection (``smtp@192.0.2.25``); a ``Request`` does not tell it.
        services: our names in the files, in any case.

    Raises:
        PolicyError: something has no certain meaning.
    """
    warnings: list[Warning_] = []
    granting = _Reader(allow_file, include, server_ends, services, warnings)
    denying = _Reader(deny_file, include, server_ends, services, warnings)
    rules = (*_rules(granting, allow, grants=True), *_rules(denying, deny, grants=False))
    return HostsTables(rules, services), tuple(warnings)


def _rules(reader: _Reader, text: str, *, grants: bool) -> Iterator[HostsRule]:
    for number, line in _lines(reader, text):
        if not line.startswith("#") and line.strip():
            rule = _rule(reader, number, line, grants)
            if rule is not None:
                yield rule


def _lines(reader: _Reader, text: str) -> Iterator[tuple[int, str]]:
    """Lines with the number of their first one; a backslash before the end joins the next."""
    number, first, whole = 0, 1, ""
    *lines, last = text.split("\n")
    for number, line in enumerate(lines, 1):
        whole += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield first, whole
            first, whole = number + 1, ""
    if last.strip() or whole:
        raise reader.error(
            number + 1,
            N_("The last line has no end, so tcpwrappers would pass it over."),
            mend=N_("End it with Enter."),
        )


def _rule(reader: _Reader, line: int, text: str, grants: bool) -> HostsRule | None:
    """The rule of a line; None where it is about other services."""
    daemons, clients, options = _fields(text)
    if clients is None:
        raise reader.error(
            line,
            N_("There is no colon in this line."),
            mend=N_("A rule is SERVICES : CLIENTS, for example smtp : 192.0.2."),
        )
    services = _items(reader, line, daemons, lambda word: _daemon(reader, line, word))
    rule = HostsRule(services, Items(()), grants, f"{reader.file}:{line}")
    if not rule.may_concern(reader.services):
        return None
    rule = replace(rule, clients=_items(reader, line, clients, lambda word: _pattern(reader, line, word)))
    return rule if options is None else _with_options(reader, line, rule, options)


def _fields(text: str) -> tuple[str, str | None, str | None]:
    """Services, clients and options; a colon inside brackets ends nothing."""
    parts: list[str | None] = []
    at = 0
    for _ in range(2):
        found = _FIELD_END.match(text, at)
        end = found.end() if found and at <= len(text) else at
        parts.append(text[at:end] if at <= len(text) else None)
        at = end + 1
    return parts[0] or "", parts[1], text[at:] if at <= len(text) else None


def _items(reader: _Reader, line: int, text: str, read: Callable[[str], Pattern | Daemon]) -> Items:
    """A list: a EXCEPT b EXCEPT c is a EXCEPT (b EXCEPT c)."""
    groups: list[list[str]] = [[]]
    for word in re.split(r"[,\s]+", text.strip()):
        if word.upper() == "EXCEPT":
            groups.append([])
        elif word:
            groups[-1].append(word)
    if not all(groups):
        raise reader.error(line, N_("A list in this line is empty."), mend=N_("Name a client, or ALL."))
    *others, last = groups
    items = Items(tuple(map(read, last)))
    for group in reversed(others):
        items = Items(tuple(map(read, group)), items)
    return items


def _daemon(reader: _Reader, line: int, word: str) -> Daemon:
    """``name`` or ``name@server``."""
    # tcpwrappers look for the sign from the second character on.
    cut = word.find("@", 1)
    name = word if cut < 0 else word[:cut]
    if not _GLOB.fullmatch(name):
        raise reader.error(line, N_('"{word}" is no name of a service.'), word=word)
    called = Word.ALL if name.upper() in (Word.ALL, Word.KNOWN) else _text(name)
    daemon = Daemon(called, None if cut < 0 else _pattern(reader, line, word[cut + 1 :]))
    if cut >= 0 and not reader.server_ends and daemon.is_one_of(reader.services):
        raise reader.error(
            line,
            N_('"{word}": rules for one address of this server are not asked here.'),
            mend=N_("Name the service alone."),
            word=word,
        )
    return daemon


def _pattern(reader: _Reader, line: int, word: str, depth: int = 0) -> Pattern:
    """A client, or a server behind ``@``."""
    if word.startswith("/"):
        return _listed(reader, line, word, depth)
    if "@" in word:
        raise reader.error(
            line,
            N_('"{word}": netgroups and user names (ident) are not asked: a client can say what it likes.'),
            mend=N_("Name clients by address or host name."),
            word=word,
        )
    if word.upper() in tuple(Word):
        return Word(word.upper())
    if "/" in word or word.startswith("["):
        return _masked(reader, line, word)
    if not (_GLOB.fullmatch(word) and _means_something(word)):
        raise _no_client(reader, line, word)
    return _text(word)


def _means_something(word: str) -> bool:
    """False for numbers that are neither an address nor a part of one: they would never match."""
    if word.strip(".*?-_") == "":
        return word.strip("*?") == "" and word != ""
    if _NUMERIC.fullmatch(word) and not word.startswith(".") and not word.endswith("."):
        return _is_ipv4(word)
    return True


def _no_client(reader: _Reader, line: int, word: str) -> PolicyError:
    if word.startswith("#"):
        return reader.error(
            line,
            N_("A comment stands on a line of its own: here it would be taken for clients."),
            mend=N_("Put it on the line before."),
        )
    return reader.error(
        line,
        N_('"{word}" is no client.'),
        mend=N_("Clients look like 192.0.2.7, 192.0.2., 192.0.2.0/24, [2001:db8::]/32, host.a.com, .a.com or ALL."),
        word=word,
    )


def _text(word: str) -> Text:
    text = word.lower()
    if "*" in text or "?" in text:
        return Text(text, How.GLOB)
    numeric = _NUMERIC.fullmatch(text) is not None
    if text.startswith("."):
        return Text(text, How.SUFFIX, numeric)
    return Text(text, How.PREFIX if text.endswith(".") else How.EXACT, numeric)


def _listed(reader: _Reader, line: int, path: str, depth: int) -> Listed:
    """The patterns of a file: words between blanks."""
    problem = N_("rules may not name files here")
    if depth >= _DEEPEST:
        raise reader.error(line, N_("{path} leads from file to file without end."), path=path)
    if reader.include is not None:
        try:
            words = reader.include(path).split()
            return Listed(tuple(_pattern(reader, line, word, depth + 1) for word in words))
        except OSError as error:
            problem = error.strerror or str(error)
    raise reader.error(line, N_("{path} can't be read: {problem}"), path=path, problem=problem)


def _masked(reader: _Reader, line: int, word: str) -> Masked:
    """``net/mask``, ``net/length``, ``[net]/length`` or ``[address]``."""
    net, slash, mask = word.partition("/")
    try:
        found = _six(net, mask if slash else "128") if net.startswith("[") else _four(net, mask)
    except ValueError:
        found = None
    if found is None:
        raise _no_client(reader, line, word)
    if found.network & found.mask != found.network:
        raise reader.error(
            line,
            N_('"{word}" has bits set beyond its mask, so it would match nobody.'),
            mend=N_("Write the network's first address before the slash."),
            word=word,
        )
    return found


def _six(net: str, length: str) -> Masked | None:
    """An IPv6 network; bits beyond its length don't count (libwrap)."""
    address = IPv6Address(net.removeprefix("[").removesuffix("]"))
    if not net.endswith("]") or not _is_length(length, 128) or address.ipv4_mapped or address.scope_id:
        return None
    mask = _ones(int(length), 128)
    return Masked(6, int(address) & mask, mask)


def _four(net: str, mask: str) -> Masked | None:
    if _is_length(mask, 32):
        # A length of 0 is no mask to tcpwrappers.
        return Masked(4, int(IPv4Address(net)), _ones(int(mask), 32)) if int(mask) else None
    # hosts_access(5): 255.255.255.255 is not a valid mask.
    bits = int(IPv4Address(mask))
    return Masked(4, int(IPv4Address(net)), bits) if bits != _ones(32, 32) else None


def _is_length(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= most


def _ones(length: int, width: int) -> int:
    return ((1 << length) - 1) << (width - length)


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _with_options(reader: _Reader, line: int, rule: HostsRule, text: str) -> HostsRule:
    """The rule as its options change it."""
    options = [option.replace("\\:", ":").strip() for option in _BETWEEN_OPTIONS.split(text)]
    for place, option in enumerate(options):
        key, value = _key_and_value(option)
        _check_option(reader, line, key, value, last=place == len(options) - 1)
        rule = _with_option(reader, line, rule, key, value)
    return rule


def _key_and_value(option: str) -> tuple[str, str]:
    """``keyword value`` or ``keyword = value``."""
    key, _, value = re.sub(r"\s*=\s*|\s+", "\0", option, count=1).partition("\0")
    return key.lower(), value.strip()


def _check_option(reader: _Reader, line: int, key: str, value: str, *, last: bool) -> None:
    """Raise what is wrong with an option's form."""
    known = [*_HONOURED, *_LEFT_OUT, *_REFUSED]
    if key not in known:
        near = nearest(key, known)
        mend = N_('Did you mean "{near}"?') if near else N_("Known here: {known}.")
        message = N_('Nobody knows the option "{option}".') if key else N_("An option is empty.")
        raise reader.error(line, message, mend=mend, option=key, near=near, known=", ".join(known))
    if key in _REFUSED:
        raise reader.error(line, N_('"{option}" would let a program or the client itself decide.'), option=key)
    if key in _WITHOUT_VALUE and value:
        raise reader.error(line, N_('The option "{option}" takes no value.'), option=key)
    if not value and key not in (*_WITHOUT_VALUE, *_MAY_HAVE_VALUE):
        raise reader.error(line, N_('The option "{option}" needs a value.'), option=key)
    if key in _LAST and not last:
        raise reader.error(line, N_('The option "{option}" must be the last one.'), option=key)


def _with_option(reader: _Reader, line: int, rule: HostsRule, key: str, value: str) -> HostsRule:
    if key in ("allow", "deny"):
        return replace(rule, grants=key == "allow")
    if key == "twist":
        return _twisted(reader, line, rule, value)
    message = N_('The option "{option}" does nothing here.')
    reader.warnings.append(Warning_(message, reader.file, line, "", params={"option": key}))
    return rule


def _twisted(reader: _Reader, line: int, rule: HostsRule, command: str) -> HostsRule:
    """``twist /bin/echo 550 text``: the service is replaced by these words, so the client is denied."""
    said = _ECHO.fullmatch(command)
    if said is None:
        raise reader.error(
            line,
            N_("No program is run for a client: {command}"),
            mend=N_("Of twist only /bin/echo with plain words is known."),
            command=command,
        )
    words = _REPLY.fullmatch(said[2].strip())
    code, enhanced, text = (words[1], words[2] or "", words[3]) if words else ("0", "", said[2].strip())
    if enhanced and not enhanced.startswith(code[0]):
        enhanced = ""
    return replace(rule, grants=False, code=int(code), enhanced=enhanced, text=text)
