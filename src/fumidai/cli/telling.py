# SPDX-License-Identifier: Apache-2.0
"""Tell the demo's story: four acts, each with the command that one would type, and what was really seen."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

from fumidai.cli.output import Wanted, render
from fumidai.cli.screen import Screen, output, say
from fumidai.demo.story import HOST, PROOF, RELAY, OldHost, first_delivery, raise_the_curtain, shown_header
from fumidai.evidence.result import RunResult
from fumidai.evidence.token import TokenKey
from fumidai.evidence.verdict import Verdict, exit_code
from fumidai.net.loop import run
from fumidai.report.escape import show
from fumidai.report.width import wrap
from fumidai.texts import N_

GUARD = "fumidai guard --policy fumidai.toml"
COMMAND = f"fumidai test {HOST} --policy fumidai.toml --proof-domain {PROOF} --sink :25"

_ACTS = (
    N_("1. A mail host that nobody remembers"),
    N_("2. Is it a stepping stone?"),
    N_("3. It has to stay: a guard takes its place"),
    N_("4. Is it still one?"),
)
_FIXTURE = N_(
    "It listens on {address}. It is a fixture inside this program that behaves as a sendmail of 1998 did: it relays "
    "for anybody and understands %, ! and routes. Nothing leaves this machine."
)
_CAME_OUT = N_("What came out of it, as our sink holds it:")
_MOVED = N_(
    "The old server goes on unchanged, on another port. In its place listens the guard: it holds every recipient "
    "against this policy before the old server hears of it, and keeps no mail itself (fumidai.toml):"
)
_REFUSED = N_("The guard refused {count} recipients. Three of them, as its log tells it:")
_OURS = N_("Now yours:")
_WRONG = N_("The story did not come out as it should: before {before}, after {after}. This is a fault of ours.")


def tell() -> int:
    """Tell the story; 0 where it came out as it should, else 70 (EX_SOFTWARE)."""
    with tempfile.TemporaryDirectory(prefix="fumidai-demo-") as name:
        before, after = run(_play(output(), Path(name)))
    if (before.verdict, after.verdict) != (Verdict.OPEN, Verdict.CLOSED):
        output().write(say(_WRONG, before=before.verdict.value, after=after.verdict.value))
        return 70
    output().write(f"{say(_OURS)}\n  fumidai test mail.example.com --domain example.com")
    return 0


async def _play(screen: Screen, folder: Path) -> tuple[RunResult, RunResult]:
    key = TokenKey(secrets.token_bytes(32))
    async with raise_the_curtain(folder, key) as host:
        _first_act(screen, host)
        before = await _test(screen, host, folder / "before", 1)
        _evidence(screen, before)
        _act(screen, 2)
        await _guard(screen, host)
        after = await _test(screen, host, folder / "after", 3)
        _decisions(screen, host)
    return before, after


def _first_act(screen: Screen, host: OldHost) -> None:
    _act(screen, 0)
    screen.write(f"  {host.banner}")
    _paragraph(screen, say(_FIXTURE, address=f"{RELAY}:{host.port}"))


async def _test(screen: Screen, host: OldHost, base: Path, act: int) -> RunResult:
    _act(screen, act)
    screen.write(f"  $ {COMMAND}\n\n")
    result = await host.test(base)
    wanted = Wanted("text", (), 0, quiet=False, fail_on=None, exit_zero=False, again=COMMAND)
    screen.write(render(result, "text", wanted, screen, exit_code(result.verdicts.values())))
    screen.write("\n")
    return result


async def _guard(screen: Screen, host: OldHost) -> None:
    text = await host.put_guard_in_front()
    _paragraph(screen, say(_MOVED))
    screen.write("".join(f"    {line}".rstrip() + "\n" for line in text.splitlines()) + "\n")
    screen.write(f"  $ {GUARD}\n\n")


def _decisions(screen: Screen, host: OldHost) -> None:
    """What the guard refused, one line for each of the first three rules."""
    refused = [line for line in host.decisions if line.startswith("refused ")]
    kinds = {line.rpartition("(")[2]: line for line in reversed(refused)}
    if not kinds:
        return
    _paragraph(screen, say(_REFUSED, count=len(refused)))
    for line in list(kinds.values())[:3]:
        screen.write("\n".join(wrap(show(line, encodable=screen.encodable), screen.width, first="    ", rest="      ")))
    screen.write("\n")


def _evidence(screen: Screen, result: RunResult) -> None:
    proof = first_delivery(result)
    if proof is None:
        return
    screen.write(f"  {say(_CAME_OUT)}\n")
    for line in shown_header(proof):
        screen.write("\n".join(wrap(show(line, encodable=screen.encodable), screen.width, first="    ", rest="      ")))
    screen.write("\n")


def _act(screen: Screen, number: int) -> None:
    title = say(_ACTS[number])
    screen.write(f"{title}\n{'-' * min(len(title) * 2 if not title.isascii() else len(title), screen.width)}")


def _paragraph(screen: Screen, text: str) -> None:
    screen.write("\n".join(wrap(text, screen.width, first="  ", rest="  ")) + "\n\n")
