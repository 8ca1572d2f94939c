# SPDX-License-Identifier: Apache-2.0
"""How much of what clients have sent may wait in this process, all of them together.

A client's input waits behind a question that is being asked (of the DNS, of the server behind), and behind a server
that takes it slower than it comes. Each client is held back after one reading; thousands of them at once are still too
much, so whoever would bring the sum over the bound is told to come again.

Limits: what lies in the system's own socket buffers is not counted, nor is the little that every connection has.
"""

from __future__ import annotations


class Buffered:
    """The sum, and its bound.

    Attributes:
        most: octets; ``total``: that wait now.
    """

    __slots__ = ("most", "total")

    def __init__(self, most: int) -> None:
        self.most = most
        self.total = 0

    def change(self, before: int, after: int) -> int:
        """A client's share has changed; gives what it is now."""
        self.total += after - before
        return after

    @property
    def full(self) -> bool:
        """True once the sum is over the bound."""
        return self.total > self.most
