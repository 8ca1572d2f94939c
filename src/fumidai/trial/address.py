# SPDX-License-Identifier: Apache-2.0
"""Ask everything of one address: each port, each domain, in clear and inside TLS, then what was put off.

In clear the battery runs whole; where STARTTLS is offered, ``quick`` runs again inside it, and where the server
wants TLS first the whole battery moves inside (DESIGN §3). What was refused for the moment is asked again for
all ports and TLS states together, after the time that the server hinted at, else 60 and 360 s after the last
first asking, as long as the time lasts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from fumidai.battery.row import Entry
from fumidai.evidence.endpoint import Endpoint, TlsState
from fumidai.evidence.outcome import Reason, Word
from fumidai.judge.record import Failure, Record
from fumidai.judge.rows import BASELINES
from fumidai.tester.interview import Interview

#: Seconds after the last first asking at which a temporary refusal is asked again, where no time was hinted.
RETRIES = (60.0, 360.0)
#: Times that is asked again at most. Where times are hinted at there may be more than two: a row with two recipients
#: behind a greylist is put off once for each.
ROUNDS = 4
#: The port on which TLS begins at once (RFC 8314 §3.3).
IMPLICIT_TLS_PORT = 465


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of an address.

    Attributes:
        ports: in order.
        domains: the first gets ``battery``, the others ``quick``; "" stands for no domain.
        battery, quick, inside: name and rows of the battery, of the short one, and of what is asked again inside
            STARTTLS (empty: nothing).
    """

    ports: tuple[int, ...]
    domains: tuple[str, ...]
    battery: tuple[str, Sequence[Entry]]
    quick: tuple[str, Sequence[Entry]]
    inside: tuple[str, Sequence[Entry]]


NewInterview = Callable[[Record, Sequence[Entry]], Interview]


@dataclass(slots=True)
class AddressRun:
    """All interviews of one address.

    Attributes:
        known: records of an earlier part of this run.
        interviews: in the order in which they were held.
        new_interview: makes one for a record and its rows.
    """

    endpoint: Endpoint
    asked: Asked
    new_interview: NewInterview
    deadline: float
    stop: asyncio.Event
    known: Mapping[tuple[Endpoint, str], Record] = field(default_factory=dict)
    interviews: list[Interview] = field(default_factory=list)

    @property
    def records(self) -> list[Record]:
        """What was learned, one record for each (port, TLS state, domain)."""
        return [interview.record for interview in self.interviews]

    async def ask(self) -> None:
        """Ask everything once, then what was put off."""
        for port in self.asked.ports:
            await self._ask_port(port)
        for number in range(ROUNDS):
            if not await self._ask_again(RETRIES[number] if number < len(RETRIES) else None):
                break

    async def _ask_port(self, port: int) -> None:
        """The first domain in clear and inside STARTTLS side by side, then the others."""
        state = TlsState.IMPLICIT if port == IMPLICIT_TLS_PORT else TlsState.CLEAR
        first, *others = self.asked.domains
        clear = self._plan(port, state, first, self.asked.battery)
        await asyncio.gather(self._hold(clear), self._ask_inside(port, clear))
        if clear.record.failure is not None:
            return
        offered = state is TlsState.CLEAR and "STARTTLS" in clear.record.extensions and self.asked.inside[1]
        for domain in others:
            await self._hold(self._plan(port, state, domain, self.asked.quick))
            if offered:
                await self._hold(self._plan(port, TlsState.STARTTLS, domain, self.asked.inside))

    async def _ask_inside(self, port: int, clear: Interview) -> None:
        """Ask again inside STARTTLS, once the baseline in clear tells whether the whole battery moves there."""
        await clear.baseline_known.wait()
        record = clear.record
        if record.endpoint.tls is not TlsState.CLEAR or record.failure is not None:
            return
        if "STARTTLS" in record.extensions and self.asked.inside[1] and not self.stop.is_set():
            rows = self.asked.battery if wants_tls(record) else self.asked.inside
            await self._hold(self._plan(port, TlsState.STARTTLS, record.domain, rows))

    def _plan(self, port: int, state: TlsState, domain: str, rows: tuple[str, Sequence[Entry]]) -> Interview:
        """An interview to be held."""
        name, entries = rows
        where = self.endpoint
        endpoint = Endpoint(where.target, where.name, where.address, port, state)
        earlier = self.known.get((endpoint, domain))
        interview = self.new_interview(earlier or Record(endpoint, domain, name), entries)
        self.interviews.append(interview)
        return interview

    async def _hold(self, interview: Interview) -> None:
        """Hold it, or go on with it where an earlier part of the run began it."""
        try:
            if not self.stop.is_set():
                await (interview.complete() if interview.record.ground else interview.first())
        finally:
            interview.baseline_known.set()

    async def _ask_again(self, after: float | None) -> bool:
        """Wait and ask again what was put off; False where nothing was, or no time is left for it.

        Args:
            after: seconds after the last first asking for what was put off without a time; None: no more.
        """
        waiting = [interview for interview in self.interviews if interview.deferred]
        if not waiting or self.stop.is_set():
            return False
        due = self._due(waiting, after)
        if due is None:
            return False
        await self._sleep_until(due)
        for interview in waiting:
            if not self.stop.is_set():
                await interview.again()
        return True

    def _due(self, waiting: Sequence[Interview], after: float | None) -> float | None:
        """When to ask all of them together: the latest of their times that lies before the end.

        A row that may be asked only after the end doesn't keep the others from being asked.
        """
        hints = [hint for interview in waiting for _, hint in interview.deferred]
        told = [time.monotonic() + hint + 1.0 for hint in hints if hint is not None]
        dues = [due for due in told if due < self.deadline]
        if len(told) < len(hints) and after is not None:
            dues.append(max(interview.last_first_asking for interview in waiting) + after)
        return max((due for due in dues if due < self.deadline), default=None)

    async def _sleep_until(self, due: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), max(0.0, due - time.monotonic()))


def wants_tls(record: Record) -> bool:
    """The server refused the plain question because TLS must come first (RFC 3207 §4: 530)."""
    for number, attempt in record.attempts.items():
        outcome = record.outcomes.get(number)
        if attempt.test.id in BASELINES and outcome is not None:
            return outcome.word is Word.REFUSED and outcome.reason is Reason.TLS
    return False


def silent_ports(records: Sequence[Record]) -> list[Record]:
    """Records of ports that refuse connections while another port of the address answers: not applicable."""
    if not any(record.failure is None for record in records):
        return []
    return [record for record in records if record.failure is Failure.REFUSED]
