# SPDX-License-Identifier: Apache-2.0
"""What one may do after a trace: told, never done.

Only commands that there are, and only such as can be pasted: a name out of a message stands in one if it is a plain
host name, and a file if its name is plainly printable.

Whom to tell is a hint, never an address that anything is sent to: abuse@ of the host's site (RFC 2142 §4), and only if
the host's name was looked up and leads back, for a stranger may call himself as he likes.

Limits: a relay is to be tested by whoever answers for it; we say so and can't see who reads. A site is a guess
(`received.site`), and who has the address may be somebody else than who has the name.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from fumidai.received.site import confirmed_name, site
from fumidai.received.trace import Relay, TraceVerdict
from fumidai.report.escape import show
from fumidai.report.trace_json import Message
from fumidai.report.voice import Voice
from fumidai.smtp.literal import is_domain_name
from fumidai.texts import N_


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: a label, the command to paste, and what to know of it."""

    label: str
    command: str
    text: str = ""


def next_steps(message: Message, voice: Voice) -> tuple[Step, ...]:
    """The steps that this trace gives reason for, in the reader's language."""
    relay = message.trace.relay
    if message.trace.verdict is TraceVerdict.RELAY and relay is not None:
        return (*_of_relay(message, relay, voice), _report(message, voice))
    if message.trace.verdict is TraceVerdict.DIRECT:
        return (_report(message, voice),)
    return ()


def _of_relay(message: Message, relay: Relay, voice: Voice) -> Iterator[Step]:
    file = file_word(message.file, voice)
    if not relay.ip:
        offered = [finding.params["address"] for finding in message.trace.findings if finding.id == "address-offered"]
        # Of several nobody can say which: the reporter has to.
        address, text = (offered[0], voice.say(N_("if the reporter agrees"))) if len(offered) == 1 else ("ADDRESS", "")
        yield Step(voice.say(N_("Name it:")), f"fumidai trace {file} --relay-address {address}", text)
    target = relay.ip or (relay.name if _is_plain(relay.name) else "")
    if target:
        yield Step(voice.say(N_("Test it:")), f"fumidai test {target}", voice.say(N_("if you answer for it")))


def _is_plain(name: str) -> bool:
    """A host name of ASCII letters: what was read out of a message byte by byte may hold any other character."""
    return name.isascii() and "." in name and not name.startswith("-") and is_domain_name(name)


def _report(message: Message, voice: Voice) -> Step:
    site = _site_to_tell(message)
    hint = N_("for abuse@{site}? (RFC 2142)")
    text = voice.say(hint, site=site) if site else voice.say(N_("an abuse report"))
    return Step(voice.say(N_("Report:")), f"fumidai trace {file_word(message.file, voice)} -o report.arf", text)


def _site_to_tell(message: Message) -> str:
    """The site of the host that handed the message to our border; "" where its name is what anybody may have said."""
    number = message.trace.border_hop
    name = confirmed_name(message.trace.hops[number].hop) if number is not None else ""
    found = site(name) if name else ""
    return found if _is_plain(found) else ""


def file_word(name: str, voice: Voice) -> str:
    """A file's name as a word of a shell's command; FILE where it can't be written as one, or not on this screen."""
    if name == "-" or not name.isprintable() or show(name) != name or voice.show(name) != name:
        return "FILE"
    return shlex.quote(f"./{name}" if name.startswith("-") else name)
