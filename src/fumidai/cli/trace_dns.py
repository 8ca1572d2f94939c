# SPDX-License-Identifier: Apache-2.0
"""``--dns``: what the DNS says today is added to each message on its way to the outputs.

Limits: one message after the other; a name that nobody answers for costs five seconds once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fumidai.cli.trace_outputs import Found, Output, found_of
from fumidai.net.resolver import Resolver
from fumidai.received.clues import domain_of
from fumidai.trace.checks import checked
from fumidai.trace.letter import Trouble


@dataclass(slots=True)
class Looked(Output):
    """Asks, and hands on."""

    outputs: Sequence[Output]
    loop: asyncio.Runner
    resolver: Resolver = field(default_factory=Resolver)

    def add(self, found: Found) -> None:
        if found.message is not None:
            to = domain_of(found.message.headers, "to")
            trace = checked(found.message.trace, self.resolver, self.loop, to)
            found = found_of(replace(found.message, trace=trace), line=bool(found.line), original=found.original)
        for output in self.outputs:
            output.add(found)

    def end(self, troubles: Sequence[Trouble]) -> None:
        for output in self.outputs:
            output.end(troubles)
