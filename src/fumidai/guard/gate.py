# SPDX-License-Identifier: Apache-2.0
"""Who may come in, and how much he may do: the guard's limits for one client, by ``[guard]`` and by the access table.

    connection → Gate.turned_away → None, and Gate.let_in … Gate.gone
                                  └ a Stop: said as 421, and the connection is closed before any state is made
    MAIL, RCPT → Gate.stop_message, Gate.stop_recipient → None, or a Stop: 452, the client comes again
    a refusal, an error → Gate.refused, Gate.erred → None, or a Stop: 421, the client is sent away
    AUTH → Gate.stop_login → None, or a Stop: 421; a failed one → Gate.login_failed

``ClientConn:``, ``ClientRate:`` and ``GreetPause:`` of the access table stand in place of the numbers of ``[guard]``
for the clients that they name; 0 is no limit, as in sendmail.

Several workers share each number out among them, rounded up, because the system gives each about as many clients.

Limits: the counts are one process's (see ``crowd``), so a client's own share is only about right. A client that has no
address of its own (behind a gateway) shares the numbers of the address it comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from fumidai.guard.crowd import Crowd, Deed, Minute
from fumidai.guard.settings import GuardSettings
from fumidai.policy.access import AccessMap, Tag

IpAddress = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Stop:
    """That is too much.

    Attributes:
        rule: its name in the log.
        code, enhanced, text: the reply.
    """

    rule: str
    code: int
    enhanced: str
    text: str


# RFC 5321 §4.5.3.1.10 has 452 for too many recipients; RFC 3463 §3.8: X.7.0 is security in general.
CLIENT_FULL: Final = Stop("connections-per-client", 421, "4.7.0", "Too many connections from your address")
NET_FULL: Final = Stop("connections-per-net", 421, "4.7.0", "Too many connections from your network")
CONNECTION_RATE: Final = Stop("connection-rate", 421, "4.7.0", "Too many connections in a minute, come again later")
REFUSAL_RATE: Final = Stop("refusal-rate", 421, "4.7.0", "Too many refused recipients in a minute, come again later")
ERROR_RATE: Final = Stop("error-rate", 421, "4.7.0", "Too many errors in a minute, come again later")
MESSAGE_RATE: Final = Stop("message-rate", 452, "4.7.0", "Too many messages in a minute, come again later")
LOGIN_RATE: Final = Stop("login-rate", 421, "4.7.0", "Too many failed logins in a minute, come again later")
RECIPIENT_RATE: Final = Stop("recipient-rate", 452, "4.7.0", "Too many recipients in a minute, come again later")


class Gate:
    """The limits of one policy over the counts of one process.

    Args:
        crowd: the counts, which outlive a reload.
    """

    def __init__(self, settings: GuardSettings, access: AccessMap, crowd: Crowd) -> None:
        self._settings = settings
        self._access = access
        self._crowd = crowd
        self._workers = settings.workers
        crowd.most = settings.clients

    def is_proxy(self, peer: IpAddress) -> bool:
        """True for a peer that speaks for others."""
        proxies = self._settings.proxies
        return bool(proxies) and is_among(peer, proxies)

    def turned_away(self, client: IpAddress, now: float) -> Stop | None:
        """Why a client may not come in."""
        crowd, settings = self._crowd, self._settings
        if _reached(crowd.open_from(client), self._shared(Tag.CLIENT_CONN, client, settings.connections_per_client)):
            return CLIENT_FULL
        if _reached(crowd.open_near(client), self._share(settings.connections_per_net)):
            return NET_FULL
        minute = crowd.minute(client)
        return None if minute is None else self._too_much(client, minute, now)

    def _too_much(self, client: IpAddress, minute: Minute, now: float) -> Stop | None:
        """What a client has done too much of in the last minute."""
        settings = self._settings
        rate = self._shared(Tag.CLIENT_RATE, client, settings.connection_rate)
        if rate and minute.count(Deed.CONNECTION, now) >= rate:
            return CONNECTION_RATE
        if settings.refusal_rate and minute.count(Deed.REFUSED, now) >= self._share(settings.refusal_rate):
            return REFUSAL_RATE
        if settings.error_rate and minute.count(Deed.ERROR, now) >= self._share(settings.error_rate):
            return ERROR_RATE
        return None

    def let_in(self, client: IpAddress, now: float) -> None:
        """It comes in; ``gone`` has to follow."""
        self._crowd.enter(client, now)

    def gone(self, client: IpAddress) -> None:
        """Its connection is closed."""
        self._crowd.leave(client)

    def pause(self, client: IpAddress) -> float:
        """Seconds before the greeting."""
        return self._number(Tag.GREET_PAUSE, client, self._settings.greet_pause) / 1000

    def stop_message(self, client: IpAddress, now: float) -> Stop | None:
        """A message begins; why it may not."""
        return self._counted(client, Deed.MESSAGE, self._settings.message_rate, now, MESSAGE_RATE)

    def stop_recipient(self, client: IpAddress, now: float) -> Stop | None:
        """A recipient is named; why it may not."""
        return self._counted(client, Deed.RECIPIENT, self._settings.recipient_rate, now, RECIPIENT_RATE)

    def refused(self, client: IpAddress, now: float) -> Stop | None:
        """A recipient was refused; why the client has to go."""
        self._crowd.add(client, Deed.REFUSED, now)
        return REFUSAL_RATE if self._over(client, Deed.REFUSED, self._settings.refusal_rate, now) else None

    def erred(self, client: IpAddress, now: float) -> Stop | None:
        """A command was wrong in form or order; why the client has to go."""
        self._crowd.add(client, Deed.ERROR, now)
        return ERROR_RATE if self._over(client, Deed.ERROR, self._settings.error_rate, now) else None

    def login_failed(self, client: IpAddress, now: float) -> None:
        """It said to be a user and was not."""
        self._crowd.add(client, Deed.LOGIN, now)

    def stop_login(self, client: IpAddress, now: float) -> Stop | None:
        """It says to be a user; why it has to go without being asked."""
        return LOGIN_RATE if self._over(client, Deed.LOGIN, self._settings.login_rate, now) else None

    def _counted(self, client: IpAddress, deed: Deed, rate: int, now: float, stop: Stop) -> Stop | None:
        if not rate:
            return None
        if self._over(client, deed, rate, now):
            return stop
        self._crowd.add(client, deed, now)
        return None

    def _over(self, client: IpAddress, deed: Deed, rate: int, now: float) -> bool:
        return bool(rate) and self._crowd.count(client, deed, now) >= self._share(rate)

    def _shared(self, tag: Tag, client: IpAddress, otherwise: int) -> int:
        return self._share(self._number(tag, client, otherwise))

    def _share(self, number: int) -> int:
        """This process's part of a number; nought, which is no limit, stays nought."""
        return -(-number // self._workers)

    def _number(self, tag: Tag, client: IpAddress, otherwise: int) -> int:
        said = self._access.client_number(tag, client)
        return otherwise if said is None else said


def is_among(address: IpAddress, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """True if one of the networks holds the address."""
    return any(address in network for network in networks)


def _reached(number: int, most: int) -> bool:
    return bool(most) and number >= most
