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
from collections import OrderedDict
from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final

IpAddress = IPv4Address | IPv6Address


class Deed(IntEnum):
    """What is counted over time."""

    CONNECTION = 0
    MESSAGE = 1
    RECIPIENT = 2
    REFUSED = 3
    ERROR = 4
    LOGIN = 5  # a failed one


#: Seconds that a slot lasts, and slots of a minute: six that are over and the one that runs.
SLOT: Final = 10.0
SLOTS: Final = 7
_DEEDS: Final = len(Deed)
#: Where the sums stand, behind the slots of all deeds.
_SUMS: Final = SLOTS * _DEEDS
_EMPTY: Final = bytes(4 * (_SUMS + _DEEDS))
#: A slot counts no further: seven of them still fit into 32 bits.
MOST_IN_SLOT: Final = 2**28
# Keys of IPv6 addresses and nets lie above all IPv4 ones.
_SIX: Final = 1 << 128
#: Addresses whose keys are remembered: each is asked for some six times for each connection.
_REMEMBERED: Final = 4096


@lru_cache(_REMEMBERED)
def client_key(address: IpAddress) -> int:
    """Whose rate it is: the address (IPv4) or its /64 (IPv6)."""
    return int(address) if address.version == 4 else _SIX | int(address) >> 64


@lru_cache(_REMEMBERED)
def net_key(address: IpAddress) -> int:
    """Whose connections are counted together: a /24 (IPv4) or a /64 (IPv6)."""
    return int(address) >> 8 if address.version == 4 else _SIX | int(address) >> 64


@lru_cache(_REMEMBERED)
def address_key(address: IpAddress) -> int:
    """An address as a number; cheaper to look up than the address itself."""
    return int(address) if address.version == 4 else _SIX | int(address)


class Minute:
    """What one client has done in the last minute."""

    __slots__ = ("_counts", "_slot")

    def __init__(self, now: float) -> None:
        self._counts = array("I", _EMPTY)
        self._slot = int(now // SLOT)

    def add(self, deed: Deed, now: float, number: int = 1) -> None:
        """Count so many more."""
        if now // SLOT > self._slot:
            self._advance(now)
        counts = self._counts
        at = deed * SLOTS + self._slot % SLOTS
        number = min(number, MOST_IN_SLOT - counts[at])
        counts[at] += number
        counts[_SUMS + deed] += number

    def count(self, deed: Deed, now: float) -> int:
        """How many there were in the last sixty seconds, and at most seventy."""
        if now // SLOT > self._slot:
            self._advance(now)
        return self._counts[_SUMS + deed]

    def _advance(self, now: float) -> None:
        slot, counts = int(now // SLOT), self._counts
        for gone in range(max(self._slot + 1, slot - SLOTS + 1), slot + 1):
            for deed in range(_DEEDS):
                at = deed * SLOTS + gone % SLOTS
                counts[_SUMS + deed] -= counts[at]
                counts[at] = 0
        self._slot = slot


class Crowd:
    """All clients.

    Args:
        most: clients that are remembered at once.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.connected = 0  #: how many connections are open
        self._addresses: dict[int, int] = {}
        self._nets: dict[int, int] = {}
        self._minutes: OrderedDict[int, Minute] = OrderedDict()

    @property
    def remembered(self) -> int:
        """How many clients are remembered."""
        return len(self._minutes)

    def open_from(self, address: IpAddress) -> int:
        """Open connections from an address."""
        return self._addresses.get(address_key(address), 0)

    def open_near(self, address: IpAddress) -> int:
        """Open connections from the net of an address."""
        return self._nets.get(net_key(address), 0)

    def enter(self, address: IpAddress, now: float) -> None:
        """A connection is let in; ``leave`` has to follow."""
        self.connected += 1
        key, net = address_key(address), net_key(address)
        self._addresses[key] = self._addresses.get(key, 0) + 1
        self._nets[net] = self._nets.get(net, 0) + 1
        self.add(address, Deed.CONNECTION, now)

    def leave(self, address: IpAddress) -> None:
        """A connection that was let in is gone."""
        self.connected -= 1
        _less(self._addresses, address_key(address))
        _less(self._nets, net_key(address))

    def add(self, address: IpAddress, deed: Deed, now: float, number: int = 1) -> None:
        """A client has done something."""
        key, minutes = client_key(address), self._minutes
        minute = minutes.get(key)
        if minute is None:
            minute = minutes[key] = Minute(now)
            while len(minutes) > self.most:
                minutes.popitem(last=False)
        else:
            minutes.move_to_end(key)
        minute.add(deed, now, number)

    def count(self, address: IpAddress, deed: Deed, now: float) -> int:
        """What a client has done in the last minute."""
        minute = self._minutes.get(client_key(address))
        return 0 if minute is None else minute.count(deed, now)

    def minute(self, address: IpAddress) -> Minute | None:
        """All that a client has done; None if it is not remembered."""
        return self._minutes.get(client_key(address))


def _less(counter: dict[int, int], key: int) -> None:
    """One less; a nought takes no room."""
    number = counter[key] - 1
    if number:
        counter[key] = number
    else:
        del counter[key]
