# SPDX-License-Identifier: Apache-2.0
"""The question at the door: may this client send to this recipient? Asked of ``decide``, after what it needs to know.

Most policies need no look-up, and then the answer is there at once. Where blocklists, names or sender domains count,
they are looked up in the background, each once for as long as its answer is kept; what the client alone makes necessary
is begun as soon as it has come (``expect``). What could not be had is a failed fact, and the policy says what follows
from that.

Limits: a name or a sender's domain is kept five minutes, a failure ten seconds; what blocklists say, see ``net.dnsbl``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Coroutine, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from fumidai.dnsbl.settings import BlocklistSettings
from fumidai.guard.counts import Counts
from fumidai.guard.lists import Lists, Note
from fumidai.net.memory import Memory
from fumidai.net.resolver import Resolver
from fumidai.policy.case import FALSE_NAME
from fumidai.policy.decide import decide
from fumidai.policy.model import Policy
from fumidai.policy.needs import Stage, needs
from fumidai.policy.request import UNKNOWN, Decision, Fact, FactKind, Need, Request, Unknown
from fumidai.policy.rules import Rule
from fumidai.report.escape import encodable_in, show

IpAddress = IPv4Address | IPv6Address

#: Seconds for all look-ups of one recipient.
DEADLINE: Final = 10.0
_KEPT: Final = 300.0
_FAILURE_KEPT: Final = 10.0
_MOST: Final = 10_000
#: Clients of whom it is remembered what they make necessary.
_CLIENTS: Final = 4096
_FAILED: Final = Fact(failed=True)
#: Characters of a listing in a reply.
_LONGEST: Final = 300
_OF_LISTS: Final = frozenset({Rule.LISTED_CLIENT, Rule.BLOCKLIST_MISSING})
_ASCII: Final = encodable_in("ascii")


class Door:
    """Decides recipients.

    Args:
        resolver: asked for names.
        deadline: seconds for all look-ups of one recipient.
        counts: where look-ups are counted.
        blocklists: how the policy's lists are asked.
        note: told of each change of a list's health, as an event and its fields.
    """

    def __init__(
        self,
        policy: Policy,
        resolver: Resolver,
        *,
        deadline: float = DEADLINE,
        counts: Counts | None = None,
        blocklists: BlocklistSettings | None = None,
        note: Note = lambda event, fields: None,
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._deadline = deadline
        self._counts = counts or Counts()
        self._looks_up = bool(policy.asks)
        blocklists = blocklists or BlocklistSettings()
        self._lists = Lists(policy.refuse_listed, blocklists, resolver, note, self._counts)
        self._in_words = partial(in_words, name=blocklists.name)
        self._names: Memory[Need, Fact] = Memory(_MOST)
        self._tasks: set[asyncio.Task[None]] = set()
        # What a client alone makes necessary hangs on nothing else, and most come again.
        self._of_client = lru_cache(_CLIENTS)(partial(_needs_of_client, policy))

    def start(self) -> None:
        """Begin to look after the blocklists' health."""
        self._lists.start()

    def expect(self, client: IpAddress, name: str | None | Unknown = UNKNOWN) -> None:
        """A client has come: begin what can be looked up before it says anything."""
        if self._looks_up:
            missing = [need for need in self._of_client(client, name) if self._peek(need) is None]
            if missing:
                self._begin(self._look_up_all(missing))

    def decide(self, request: Request) -> Decision | None:
        """The decision; None where something has to be looked up first (``ask``)."""
        if not self._looks_up:
            return decide(self._policy, request)
        at_hand = AtHand(self._policy.asks, self._peek)
        decision = decide(self._policy, request, at_hand)
        return self._in_words(decision) if at_hand.complete else self._decide_by_needs(request)

    def _decide_by_needs(self, request: Request) -> Decision | None:
        """As ``decide``: something that was asked for is not there, but it may not be what the answer hangs on."""
        facts: dict[Need, Fact] = {}
        for need in needs(self._policy, request, Stage.RCPT):
            fact = self._peek(need)
            if fact is None:
                return None
            facts[need] = fact
        return self._in_words(decide(self._policy, request, facts))

    def ask(self, request: Request, tell: Callable[[Decision], None]) -> None:
        """Look up what is needed and tell the decision, later."""
        self._begin(self._find_out(request, tell))

    def rest(self) -> None:
        """Another door has taken over: finish what is being looked up, begin nothing of itself."""
        self._lists.rest()

    def close(self) -> None:
        """Give up what is being looked up."""
        for task in self._tasks:
            task.cancel()
        self._lists.close()
        self._names.close()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _find_out(self, request: Request, tell: Callable[[Decision], None]) -> None:
        wanted = needs(self._policy, request, Stage.RCPT)
        facts = {need: fact for need in wanted if (fact := self._peek(need)) is not None}
        missing = [need for need in wanted if need not in facts]
        found = await asyncio.gather(*map(self._look_up, missing))
        tell(self._in_words(decide(self._policy, request, {**facts, **dict(zip(missing, found, strict=True))})))

    async def _look_up_all(self, wanted: Iterable[Need]) -> None:
        await asyncio.gather(*map(self._look_up, wanted))

    def _peek(self, need: Need) -> Fact | None:
        return self._lists.peek(need.subject) if need.kind is FactKind.DNSBL else self._names.peek(need)

    async def _look_up(self, need: Need) -> Fact:
        """A fact; one that is not there in time has failed for this decision, and may serve the next."""
        try:
            async with asyncio.timeout(self._deadline):
                if need.kind is FactKind.DNSBL:
                    fact = await self._lists.ask(need.subject)
                else:
                    fact = await self._names.get(need, partial(self._ask, need))
        except TimeoutError:
            fact = _FAILED
        self._counts.looked_up(need.kind.value, "failed" if fact.failed else "found" if fact.value else "none")
        return fact

    async def _ask(self, need: Need) -> tuple[Fact, float]:
        if need.kind is FactKind.CLIENT_NAME:
            fact = await self._client_name(ip_address(need.subject))
        else:
            exists = await self._resolver.exists(need.subject)
            fact = _FAILED if exists is None else Fact("yes" if exists else "")
        return fact, _FAILURE_KEPT if fact.failed else _KEPT

    async def _client_name(self, client: IpAddress) -> Fact:
        """The name that leads back to the address; "" where there is none, ``FALSE_NAME`` where it doesn't."""
        reverse = await self._resolver.ptr(client)
        if reverse.failed or not reverse.name:
            return _FAILED if reverse.failed else Fact("")
        back = await self._resolver.addresses(reverse.name)
        if client in back.addresses:
            return Fact(reverse.name)
        return _FAILED if back.failed else Fact(FALSE_NAME)


def _needs_of_client(policy: Policy, client: IpAddress, name: str | None | Unknown) -> tuple[Need, ...]:
    return needs(policy, Request(client=client, client_name=name), Stage.CONNECT)


class AtHand(Mapping[Need, Fact]):
    """What is known now, looked at only when it is asked for: most recipients are decided without ``needs``.

    A decision that found all it asked for is the one that it would have been with the facts that ``needs`` names.

    Args:
        asks: the kinds of look-ups that can matter; others are not there.
        peek: gives what is known.

    Attributes:
        complete: nothing was asked for that is not known.
    """

    __slots__ = ("_asks", "_peek", "complete")

    def __init__(self, asks: Container[FactKind], peek: Callable[[Need], Fact | None]) -> None:
        self._asks = asks
        self._peek = peek
        self.complete = True

    def __getitem__(self, need: Need) -> Fact:
        fact = self._peek(need) if need.kind in self._asks else None
        if fact is None:
            self.complete = self.complete and need.kind not in self._asks
            raise KeyError(need)
        return fact

    def __iter__(self) -> Iterator[Need]:
        """Nobody can tell what will be asked for."""
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True


def in_words(decision: Decision, name: Callable[[str], str]) -> Decision:
    """The decision; of a listed client with the list's name and reason, as text that is safe in a reply (Law 6).

    Args:
        name: what a zone is called before others; a customer's key is no part of it.
    """
    if decision.rule not in _OF_LISTS:
        return decision
    said: Mapping[str, str] = decision.params
    called = name(said["zone"])
    why = decision.why.replace(said["zone"], called)
    if decision.rule != Rule.LISTED_CLIENT:
        return replace(decision, why=why)
    listing = show(said["listing"], encodable=_ASCII, limit=_LONGEST)
    # RFC 5782 §2.1: the text of a listing is what a server that refuses mail for it would say.
    text = f"{said['client']} is listed at {called}, {listing}"
    return replace(decision, text=text, why=f"{why}, {listing}")
