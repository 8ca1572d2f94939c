# SPDX-License-Identifier: Apache-2.0
"""Judge one endpoint: record and proofs in, a whole result entry out.

This is the straight line of DESIGN §4: outcomes and proofs and the policy's ``decide`` become rows, rows become a
verdict, and everything wrong becomes findings.
"""

from __future__ import annotations

from collections.abc import Sequence

from fumidai.dialects.software import identify
from fumidai.evidence.proof import Proof, ProofKind
from fumidai.evidence.result import Entry, Software
from fumidai.judge.findings import find
from fumidai.judge.late import refuses_late
from fumidai.judge.record import Record
from fumidai.judge.rows import Decide, control_rows, weigh_all
from fumidai.judge.vantage import Sight, Vantage, decisive_sight
from fumidai.judge.verdict import Case, rule
from fumidai.received.read import client_seen, read_received


def judge(record: Record, proofs: Sequence[Proof], decide: Decide, vantage: Vantage, *, interrupted: bool) -> Entry:
    """The result entry of one endpoint.

    Args:
        proofs: any proofs of the run; those of other records are passed over.
        decide: the declared policy's answer to a request.
        interrupted: the user stopped the run before everything was asked.
    """
    own = _own_proofs(record, proofs)
    weighed = weigh_all(record, own, decide, late_refusal=refuses_late(record))
    seen = _seen(record, own)
    lost = decisive_sight(vantage, seen)[0] is Sight.LOST
    sending = record.ground is not None and record.ground.sending
    case = Case(record, weighed, own, vantage, seen, sending, lost, interrupted)
    software = _software(record)
    ruling = rule(case)
    return Entry(
        endpoint=record.endpoint,
        domain=record.domain,
        verdict=ruling.verdict,
        verdict_reason=ruling.reason,
        verdict_params=ruling.params,
        software=software,
        banner=record.greeting,
        extensions=tuple(sorted(record.extensions)),
        client_address_seen=decisive_sight(vantage, seen)[1],
        source=record.sources[0] if record.sources else "",
        seconds=record.seconds,
        connections=record.connections,
        round_trips=record.round_trips,
        controls=control_rows(record, own),
        tests=tuple(item.row for item in weighed),
        findings=find(case, software),
        transcripts=tuple(record.transcripts),
    )


def _own_proofs(record: Record, proofs: Sequence[Proof]) -> tuple[Proof, ...]:
    known = record.all_attempts()
    return tuple(proof for proof in proofs if proof.attempt in known)


def _seen(record: Record, proofs: Sequence[Proof]) -> tuple[str, ...]:
    """Addresses the server wrote down for us: in its replies, and in the Received line of what it delivered."""
    names = [name for name in (record.endpoint.name, record.ground.host if record.ground else "") if name]
    told = list(record.seen_addresses)
    for proof in proofs:
        if proof.kind is ProofKind.DELIVERY:
            address = client_seen(read_received(proof.arrival.message), names)
            if address and address not in told:
                told.append(address)
    return tuple(told)


def _software(record: Record) -> Software:
    replies = [o.reply.decode("latin-1") for o in record.outcomes.values() if o.reply]
    return identify(record.greeting.decode("latin-1"), record.hello, replies[:50])
