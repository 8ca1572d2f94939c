# SPDX-License-Identifier: Apache-2.0
"""How many clients there are, and what each has done in the last minute: the tables behind the guard's limits.

Open connections are counted by address and by net (an IPv4 /24, an IPv6 /64). What happens over time is counted by
*client*: an IPv4 address or an IPv6 /64, because that is what one customer of a provider has.

A minute is seven slots of ten seconds: the one that runs and the six before it. So what happened within any sixty
seconds is counted whole, and what is older than seventy is forgotten.

Time comes in as an argument (any clock of seconds that never goes back); nothing here waits or raises.

Limits: of the clients that are not connected the ``most`` last seen are remembered; who comes with more addresses than
that is counted anew. Tables are one process's.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeVar

IpAddress = IPv4Address | IPv6Address
_Key = TypeVar("_Key")


class Deed(IntEnum):
    """What is counted over time."""

    CONNECTION = 0
    MESSAGE = 1
    RECIPIENT = 2
    REFUSED = 3
    ERROR = 4


#: Seconds that a slot lasts, and slots of a minute: six that are over and the one that runs.
SLOT: Final = 10.0
SLOTS: Final = 7
_EMPTY: Final = bytes(4 * SLOTS * len(Deed))
_MOST: Final = 2**32 - 1
# Keys of IPv6 nets lie above all IPv4 addresses.
_SIX: Final = 1 << 64


def client_key(address: IpAddress) -> int:
    """Whose rate it is: the address (IPv4) or its /64 (IPv6)."""
    return int(address) if address.version == 4 else _SIX | int(address) >> 64


def net_key(address: IpAddress) -> int:
    """Whose connections are counted together: a /24 (IPv4) or a /64 (IPv6)."""
    return int(address) >> 8 if address.version == 4 else _SIX | int(address) >> 64


class Minute:
    """What one client has done in the last minute."""

    __slots__ = ("_counts", "_slot")

    def __init__(self, now: float) -> None:
        self._counts = array("I", _EMPTY)
        self._slot = int(now // SLOT)

    def add(self, deed: Deed, now: float, number: int = 1) -> None:
        """Count so many more."""
        self._advance(now)
        at = deed * SLOTS + self._slot % SLOTS
        self._counts[at] = min(self._counts[at] + number, _MOST)

    def count(self, deed: Deed, now: float) -> int:
        """How many there were in the last sixty seconds, and at most seventy."""
        self._advance(now)
        return sum(self._counts[deed * SLOTS : (deed + 1) * SLOTS])

    def _advance(self, now: float) -> None:
        slot = int(now // SLOT)
        if slot == self._slot:
            return
        for gone in range(max(self._slot + 1, slot - SLOTS + 1), slot + 1):
            for deed in range(len(Deed)):
                self._counts[deed * SLOTS + gone % SLOTS] = 0
        self._slot = max(slot, self._slot)


class Crowd:
    """All clients.

    Args:
        most: clients that are remembered at once.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._addresses: Counter[IpAddress] = Counter()
        self._nets: Counter[int] = Counter()
        self._minutes: OrderedDict[int, Minute] = OrderedDict()

    @property
    def remembered(self) -> int:
        """How many clients are remembered."""
        return len(self._minutes)

    @property
    def connected(self) -> int:
        """How many connections are open."""
        return self._addresses.total()

    def open_from(self, address: IpAddress) -> int:
        """Open connections from an address."""
        return self._addresses[address]

    def open_near(self, address: IpAddress) -> int:
        """Open connections from the net of an address."""
        return self._nets[net_key(address)]

    def enter(self, address: IpAddress, now: float) -> None:
        """A connection is let in; ``leave`` has to follow."""
        self._addresses[address] += 1
        self._nets[net_key(address)] += 1
        self.add(address, Deed.CONNECTION, now)

    def leave(self, address: IpAddress) -> None:
        """A connection that was let in is gone."""
        _less(self._addresses, address)
        _less(self._nets, net_key(address))

    def add(self, address: IpAddress, deed: Deed, now: float, number: int = 1) -> None:
        """A client has done something."""
        key = client_key(address)
        minute = self._minutes.get(key)
        if minute is None:
            minute = self._minutes[key] = Minute(now)
        self._minutes.move_to_end(key)
        minute.add(deed, now, number)
        while len(self._minutes) > self.most:
            self._minutes.popitem(last=False)

    def count(self, address: IpAddress, deed: Deed, now: float) -> int:
        """What a client has done in the last minute."""
        minute = self._minutes.get(client_key(address))
        return 0 if minute is None else minute.count(deed, now)


def _less(counter: Counter[_Key], key: _Key) -> None:
    """One less; a nought takes no room."""
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
