# SPDX-License-Identifier: Apache-2.0
"""Every input that a fuzz target has kept, and a short walk from there; and that the targets can fail at all."""

from __future__ import annotations

import random

import pytest

from fumidai.guard.delegation import RequestReader
from fumidai.smtp.data import DataReader
from fumidai.smtp.proxy import ProxyReader
from fumidai.smtp.reply import ReplyReader
from fumidai.smtp.server import ServerMachine
from fuzz import campaign, fuzz_data, fuzz_delegation, fuzz_log, fuzz_proxy, fuzz_reply, fuzz_server, fuzz_trace

TARGETS = {
    "reply": fuzz_reply.target,
    "server": fuzz_server.target,
    "data": fuzz_data.target,
    "proxy": fuzz_proxy.target,
    "delegation": fuzz_delegation.target,
    "trace": fuzz_trace.target,
    "log": fuzz_log.target,
}
FILES = [(name, path) for name in TARGETS for path in campaign.corpus(name)]


@pytest.mark.parametrize(("name", "path"), FILES, ids=[f"{name}/{path.name}" for name, path in FILES])
def test_kept_input(name, path):
    TARGETS[name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_changed_inputs(name):
    dice = random.Random(name)
    seeds = [path.read_bytes() for path in campaign.corpus(name)]
    for _ in range(300):
        TARGETS[name](campaign.changed(dice.choice(seeds), dice))


@pytest.mark.parametrize(
    ("name", "broken", "method"),
    [
        ("reply", ReplyReader, "push"),
        ("server", ServerMachine, "receive"),
        ("data", DataReader, "feed"),
        ("proxy", ProxyReader, "feed"),
        ("delegation", RequestReader, "push"),
    ],
)
def test_a_target_sees_a_reader_that_minds_how_it_is_cut(name, broken, method, monkeypatch):
    sound = getattr(broken, method)
    # Loses the last byte of long pieces: harmless byte by byte, harmful in one piece.
    monkeypatch.setattr(broken, method, lambda self, data: sound(self, data[:-1] if len(data) > 8 else data))
    with pytest.raises(AssertionError):
        run_corpus(name)


def run_corpus(name: str) -> None:
    for path in campaign.corpus(name):
        TARGETS[name](path.read_bytes())
