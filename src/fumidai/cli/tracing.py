# SPDX-License-Identifier: Apache-2.0
"""Trace what was named and print it.

The exit code is 0 once everything that could be read was traced, whatever it showed; 66 (EX_NOINPUT) where nothing
could be read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

from fumidai.cli.declared import load_policy
from fumidai.cli.screen import Screen, complaints, language, output, say
from fumidai.errors import UsageError
from fumidai.policy.model import Policy
from fumidai.received.weigh import Ours
from fumidai.report.escape import show
from fumidai.report.trace_json import Message, render_trace_json, render_trace_line
from fumidai.report.trace_text import render_trace_text
from fumidai.smtp.literal import is_domain_name
from fumidai.texts import N_
from fumidai.trace.crew import trace_all
from fumidai.trace.letter import Trouble, Why
from fumidai.trace.logs import look_up
from fumidai.trace.work import Question, Traced

EX_NOINPUT: Final = 66
_WHY: Final[Mapping[Why, str]] = {
    Why.MISSING: N_("{source}: there is no such file."),
    Why.UNREADABLE: N_("{source} can't be read: {why}."),
    Why.NO_FILE: N_("{source} is neither file nor folder."),
    Why.LOOP: N_("{source} leads back to a folder that was read already."),
}


def trace_paths(paths: Sequence[str], given: Mapping[str, Any]) -> int:
    """Trace and print.

    Raises:
        UsageError: no path was named, or an option can't be meant.
    """
    if not paths:
        raise UsageError(
            N_("It is not said what to trace."),
            mend=N_("Name a file, a mailbox or a folder; - reads standard input."),
        )
    question = Question(_ours(given["ours"], load_policy(given["policy"]).policy), _address(given["relay_address"]))
    screen = output()
    with tempfile.TemporaryDirectory(prefix="fumidai-trace-") as spool:
        if given["format_"] == "jsonl" and not given["logs"]:
            done = trace_all(paths, question, _line, Path(spool), given["jobs"])
            count = _print_lines((one for some in done for one in some.results), screen)
        else:
            shown = trace_all(paths, question, _message, Path(spool), 1)
            count = _print_messages((one for some in shown for one in some.results), screen, given)
    return EX_NOINPUT if count.told and not count.messages else 0


@dataclass(slots=True)
class _Count:
    """What was met so far."""

    messages: int = 0
    told: list[dict[str, str]] = field(default_factory=list)

    def tell(self, trouble: Trouble) -> None:
        """Say what could not be read; the rest goes on."""
        self.told.append({"source": trouble.source, "why": trouble.why.value, "text": trouble.text})
        complaints().write(say(_WHY[trouble.why], source=show(trouble.source), why=show(trouble.text)))


def _message(traced: Traced) -> Message:
    letter, origin = traced.letter, traced.letter.origin
    return Message(
        traced.trace,
        origin.source,
        letter.head.headers,
        origin.offset,
        origin.number,
        origin.how.value,
        letter.around,
        letter.span,
    )


def _line(traced: Traced) -> str:
    """A message as a line of JSON, made where it was traced."""
    return render_trace_line(_message(traced))


def _print_lines(found: Iterator[str | Trouble], screen: Screen) -> _Count:
    count = _Count()
    for one in found:
        if isinstance(one, Trouble):
            count.tell(one)
        else:
            count.messages += 1
            screen.write(one)
    return count


def _print_messages(found: Iterator[Message | Trouble], screen: Screen, given: Mapping[str, Any]) -> _Count:
    count = _Count()
    form = given["format_"] or "text"
    kept: list[Message] = []
    for one in _told(found, count):
        # What is printed as a whole, or joined with a log, has to be kept.
        if form == "json" or given["logs"]:
            kept.append(one)
        else:
            _print_message(one, screen, given, count)
    if given["logs"]:
        kept = _joined(kept, given["logs"])
    if form == "json":
        count.messages = len(kept)
        screen.write(render_trace_json(kept, count.told))
    else:
        for one in kept:
            _print_message(one, screen, given, count)
    return count


def _told(found: Iterator[Message | Trouble], count: _Count) -> Iterator[Message]:
    """The messages; troubles are told at once."""
    for one in found:
        if isinstance(one, Trouble):
            count.tell(one)
        else:
            yield one


def _print_message(message: Message, screen: Screen, given: Mapping[str, Any], count: _Count) -> None:
    if given["format_"] == "jsonl":
        screen.write(render_trace_line(message))
    else:
        between = "\n" if count.messages and not given["quiet"] else ""
        screen.write(between + _text(message, screen, given))
    count.messages += 1


def _joined(messages: Sequence[Message], logs: Sequence[str]) -> list[Message]:
    """The messages with what the logs tell of their queue ids."""
    ids = {step.hop.id for message in messages for step in message.trace.hops if step.hop.id}
    found = look_up(logs, ids)
    return [
        replace(
            message,
            logged={
                number: found[step.hop.id] for number, step in enumerate(message.trace.hops) if step.hop.id in found
            },
        )
        for message in messages
    ]


def _text(message: Message, screen: Screen, given: Mapping[str, Any]) -> str:
    return render_trace_text(
        message,
        language=language(),
        colour=screen.colour,
        width=screen.width,
        verbose=given["verbose"],
        quiet=given["quiet"],
        encodable=screen.encodable,
    )


def _ours(names: Sequence[str], policy: Policy) -> Ours | None:
    """The hosts to believe: those named, and those of the policy."""
    networks, hosts = list(policy.relay_networks), [host.name for host in policy.hosts]
    for name in names:
        try:
            networks.append(ip_network(name, strict=False))
        except ValueError:
            if not is_domain_name(name.removeprefix(".")):
                raise UsageError(N_("--ours {value} is neither a network nor a host name."), value=name) from None
            hosts.append(name)
    return Ours(tuple(networks), tuple(hosts)) if networks or hosts else None


def _address(text: str | None) -> str:
    try:
        return str(ip_address(text.strip("[]"))) if text else ""
    except ValueError:
        raise UsageError(N_("--relay-address {value} is no address."), value=text) from None
