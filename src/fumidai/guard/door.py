# SPDX-License-Identifier: Apache-2.0
"""The question at the door: may this client send to this recipient? Asked of ``decide``, after what it needs to know.

Most policies need no look-up, and then the answer is there at once. Where names or sender domains count, they are
looked up in the background, each once for as long as its answer is kept; what could not be had is a failed fact, and
the policy says what follows from that.

Limits: blocklists are not asked yet (``settings`` refuses a policy that relies on them). An answer is kept five
minutes, a failure ten seconds.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from fumidai.guard.counts import Counts
from fumidai.net.resolver import Resolver
from fumidai.policy.case import FALSE_NAME
from fumidai.policy.decide import decide
from fumidai.policy.model import Policy
from fumidai.policy.needs import Stage, needs
from fumidai.policy.request import Decision, Fact, FactKind, Need, Request

IpAddress = IPv4Address | IPv6Address

#: Seconds for all look-ups of one recipient.
DEADLINE: Final = 10.0
_KEPT: Final = 300.0
_FAILURE_KEPT: Final = 10.0
_MOST: Final = 10_000
_FAILED: Final = Fact(failed=True)


@dataclass(frozen=True, slots=True)
class _Known:
    fact: Fact
    until: float


class Door:
    """Decides recipients.

    Args:
        resolver: asked for names.
        deadline: seconds for all look-ups of one recipient.
        counts: where look-ups are counted.
    """

    def __init__(
        self, policy: Policy, resolver: Resolver, *, deadline: float = DEADLINE, counts: Counts | None = None
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._deadline = deadline
        self._counts = counts or Counts()
        self._looks_up = bool(policy.asks)
        self._known: OrderedDict[Need, _Known] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def decide(self, request: Request) -> Decision | None:
        """The decision; None where something has to be looked up first (``ask``)."""
        if not self._looks_up:
            return decide(self._policy, request)
        wanted = needs(self._policy, request, Stage.RCPT)
        facts = self._facts(wanted)
        return decide(self._policy, request, facts) if len(facts) == len(wanted) else None

    def ask(self, request: Request, tell: Callable[[Decision], None]) -> None:
        """Look up what is needed and tell the decision, later."""
        task = asyncio.get_running_loop().create_task(self._find_out(request, tell))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Give up what is being looked up."""
        for task in self._tasks:
            task.cancel()

    async def _find_out(self, request: Request, tell: Callable[[Decision], None]) -> None:
        wanted = needs(self._policy, request, Stage.RCPT)
        known = self._facts(wanted)
        missing = [need for need in wanted if need not in known]
        found = await asyncio.gather(*(self._look_up(need) for need in missing))
        facts = {**known, **dict(zip(missing, found, strict=True))}
        tell(decide(self._policy, request, facts))

    def _facts(self, wanted: Sequence[Need]) -> Mapping[Need, Fact]:
        now = asyncio.get_running_loop().time()
        kept = ((need, self._known.get(need)) for need in wanted)
        return {need: known.fact for need, known in kept if known is not None and known.until > now}

    async def _look_up(self, need: Need) -> Fact:
        try:
            async with asyncio.timeout(self._deadline):
                fact = await self._asked(need)
        except TimeoutError:
            fact = _FAILED
        self._counts.looked_up(need.kind.value, "failed" if fact.failed else "found" if fact.value else "none")
        now = asyncio.get_running_loop().time()
        self._known[need] = _Known(fact, now + (_FAILURE_KEPT if fact.failed else _KEPT))
        self._known.move_to_end(need)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return fact

    async def _asked(self, need: Need) -> Fact:
        match need.kind:
            case FactKind.CLIENT_NAME:
                return await self._client_name(ip_address(need.subject))
            case FactKind.SENDER_DOMAIN:
                exists = await self._resolver.exists(need.subject)
                return _FAILED if exists is None else Fact("yes" if exists else "")
            case _:
                return _FAILED

    async def _client_name(self, client: IpAddress) -> Fact:
        """The name that leads back to the address; "" where there is none, ``FALSE_NAME`` where it doesn't."""
        reverse = await self._resolver.ptr(client)
        if reverse.failed or not reverse.name:
            return _FAILED if reverse.failed else Fact("")
        back = await self._resolver.addresses(reverse.name)
        if client in back.addresses:
            return Fact(reverse.name)
        return _FAILED if back.failed else Fact(FALSE_NAME)
