# SPDX-License-Identifier: Apache-2.0
"""``--dns`` on the way to the outputs: each message is asked about once, with the domain that its To names."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fumidai.cli.trace_dns import Looked
from fumidai.cli.trace_outputs import Found, Output, found_of
from fumidai.net.resolver import Resolver
from fumidai.received.read import read_head
from fumidai.received.weigh import weigh
from fumidai.report.trace_json import Message
from fumidai.trace.letter import Trouble
from tests.net.nameserver import name_server
from tests.trace.mail import spam


@dataclass(slots=True)
class Kept(Output):
    """Keeps what it gets."""

    found: list[Found] = field(default_factory=list)

    def add(self, found: Found) -> None:
        self.found.append(found)

    def end(self, troubles: Sequence[Trouble]) -> None:
        """Nothing to do."""


def test_the_exchanger_of_whom_it_was_for(tmp_path: Path) -> None:
    head = read_head(spam())
    message = Message(weigh(head.hops, head.headers), "f", head.headers)
    kept = Kept()
    table = {("example.net", "MX"): ["20 relay.a.test."], ("relay.a.test", "A"): ["192.0.2.25"]}
    with name_server(table) as port, asyncio.Runner() as loop:
        resolver = Resolver(["127.0.0.1"], port=port, deadline=2, hosts=tmp_path / "none")
        Looked([kept], loop, resolver).add(found_of(message, line=True, original=b"x"))
    (found,) = kept.found
    assert found.message is not None
    assert "dns-mail-exchanger" in {finding.id for finding in found.message.trace.findings}
    assert "dns-mail-exchanger" in found.line
    assert (found.original, found.row.verdict) == (b"x", "relay")
