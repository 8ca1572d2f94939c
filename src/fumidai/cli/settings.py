# SPDX-License-Identifier: Apache-2.0
"""Options out of the policy file: what a command's table (``[test]``, ``[sink]``) says where nothing else was given.

    [test]
    proof-domain = "proof.example.net"
    sink = [":25"]
    ports = [25, 465]
    wait = 300

Keys are the options' long names; a value is checked for its kind here and for its meaning where the option itself is.
The command line and the environment come first: an option that is given there hides its key.

Limits: what names the file or the run itself (``--policy``, ``--resume``, ``--debug``) is no setting.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import click

from fumidai.policy.notice import Source
from fumidai.texts import N_

_NEVER = frozenset({"policy", "resume", "debug", "targets_file"})
#: What a command line that is made anew leaves out: the targets stand in it themselves.
_NOT_AGAIN = frozenset({"targets_file", "resume"})
#: Options whose value is a list with commas between.
_LISTS = frozenset({"ports", "tests"})


def with_settings(
    given: Mapping[str, Any],
    table: Mapping[str, object],
    section: str,
    parameters: Sequence[click.Parameter],
    source: Source,
) -> dict[str, Any]:
    """The options with the file's settings under them.

    Args:
        given: by parameter name; None or () where an option was not given.
        table: the section's keys and values.

    Raises:
        PolicyError: nobody knows a key, or its value is of the wrong kind.
    """
    known = {key: one for one in parameters if isinstance(one, click.Option) for key in _keys(one)}
    merged = dict(given)
    for key, value in table.items():
        option = known.get(key.replace("_", "-"))
        if option is None or option.name is None:
            raise source.unknown_key((section, key), list(known))
        meant = _value(option, value, (section, key), source)
        if given.get(option.name) in (None, ()):
            merged[option.name] = meant
    return merged


def command_line(name: str, settings: Mapping[str, Any], parameters: Sequence[click.Parameter]) -> str:
    """The command that these settings stand for, to be typed (or pasted) again."""
    words = ["fumidai", name, *map(str, settings.get("targets") or ())]
    for one in parameters:
        value = settings.get(one.name or "")
        if not isinstance(one, click.Option) or value in (None, (), [], False) or one.name in _NOT_AGAIN:
            continue
        long = max(one.opts, key=len)
        if one.is_flag:
            words.append(long)
        else:
            for each in value if isinstance(value, list | tuple) else [value]:
                words += [long, str(each)]
    return shlex.join(words)


def _keys(option: click.Option) -> list[str]:
    """How an option is called in a file: its long names."""
    return [name.removeprefix("--") for name in option.opts if name.startswith("--") and option.name not in _NEVER]


def _value(option: click.Option, value: object, place: tuple[str, str], source: Source) -> object:
    """A value of the file in the form in which the command line gives it."""
    if option.is_flag:
        if not isinstance(value, bool):
            raise source.error(place, N_("This must be true or false, not {given}."), given=_shown(value))
        return value
    if isinstance(value, bool | dict):
        raise source.error(place, N_("This must be text or a number, not {given}."), given=_shown(value))
    if option.multiple or option.name in _LISTS:
        parts = [str(one) for one in value] if isinstance(value, list) else [str(value)]
        return tuple(parts) if option.multiple else ",".join(parts)
    if isinstance(value, list):
        raise source.error(place, N_("This is one value, not a list."))
    if option.count:
        if not isinstance(value, int):
            raise source.error(place, N_("This must be a number, not {given}."), given=_shown(value))
        return value
    if isinstance(option.type, click.Choice) and value not in option.type.choices:
        raise source.error(place, N_("This is one of {choices}."), choices=", ".join(option.type.choices))
    return str(value)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
