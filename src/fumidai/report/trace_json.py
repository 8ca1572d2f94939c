# SPDX-License-Identifier: Apache-2.0
"""A trace as programs read it: one JSON document, or one line for each message (`jsonl`).

The shape is published as JSON Schema in `report/schema/trace-1.json` (`fumidai/trace/1`): new keys may come, those that
are there keep their name and meaning. Everything out of a message is escaped as it is in every report
(`report.escape`); the spans lead to the bytes. The output is ASCII. Dates are ISO 8601; a value that the lines don't
tell is null, except text, which is "".

Limits: of a raw line the first 2000 bytes are given and the rest counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from typing import Any

from fumidai.evidence.finding import Finding
from fumidai.logs.join import Logged
from fumidai.received.headers import Headers
from fumidai.received.hop import Span
from fumidai.received.read import spans
from fumidai.received.trace import Claim, Relay, Report, Source, Trace, TracedHop
from fumidai.report.escape import show

SCHEMA = "fumidai/trace/1"
RAW_LIMIT = 2000

Json = dict[str, Any]


def same_place(span: Span) -> Span:
    """The place of what stands in its source as it is."""
    return span


@dataclass(frozen=True, slots=True)
class Message:
    """One message to be shown.

    Attributes:
        trace: what is known of its way.
        file, offset, number, how: where it was found (`trace.letter.Origin`).
        headers: fields of its head; around: what stood around a pasted one.
        place: from a span in the message to one in its source.
        logged: by the index of a hop, what the log of its host tells of the message.
    """

    trace: Trace
    file: str
    headers: Headers
    offset: int = 0
    number: int = 0
    how: str = "message"
    around: Report | None = None
    place: Callable[[Span], Span] = same_place
    logged: Mapping[int, Logged] = field(default_factory=dict)


def message_json(message: Message) -> Json:
    """One message."""
    trace = message.trace
    return {
        "file": show(message.file),
        "offset": message.offset,
        "number": message.number,
        "found": message.how,
        "verdict": trace.verdict.value,
        "confidence": trace.confidence.value,
        "relay": _relay(trace.relay),
        "source": _source(trace.source),
        "border": {"rests_on": trace.border.value, "hop": trace.border_hop},
        "hops": [_hop(step, message.place, message.logged.get(number)) for number, step in enumerate(trace.hops)],
        "headers": {name: show(text(field.text)) for name, field in message.headers.items()},
        "filed": _filed(message.around),
        "findings": [_finding(finding) for finding in trace.findings],
    }


def render_trace_json(messages: Iterable[Message], troubles: Iterable[Mapping[str, str]] = ()) -> str:
    """The whole as one indented document, ended by LF."""
    document = {
        "schema": SCHEMA,
        "messages": [message_json(message) for message in messages],
        "troubles": [{key: show(value) for key, value in trouble.items()} for trouble in troubles],
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def render_trace_line(message: Message) -> str:
    """One message as a document of one line, ended by LF."""
    return json.dumps({"schema": SCHEMA, "messages": [message_json(message)]}, allow_nan=False) + "\n"


def published_trace_schema() -> Json:
    """The JSON Schema of what is written here."""
    data = resources.files(__package__ or "fumidai.report").joinpath("schema/trace-1.json").read_text("utf-8")
    schema: Json = json.loads(data)
    return schema


def text(latin: str) -> bytes | str:
    """Bytes that were read as Latin-1, as bytes again."""
    try:
        return latin.encode("latin-1")
    except UnicodeEncodeError:
        return latin


def _shown(latin: str) -> str:
    return show(text(latin))


def _relay(relay: Relay | None) -> Json | None:
    if relay is None:
        return None
    clock = relay.clock
    return {
        "name": _shown(relay.name),
        "ip": _shown(relay.ip),
        "masked": _shown(relay.masked),
        "told": relay.told,
        "entry": _shown(relay.entry),
        "software": _shown(relay.software),
        "version": _shown(relay.version),
        "clock_error": None if clock is None else {"at_least": clock.at_least, "at_most": clock.at_most},
        "hop": relay.own,
        "seen_by": relay.output,
    }


def _source(source: Source | None) -> Json | None:
    if source is None:
        return None
    return {
        "ip": _shown(source.ip),
        "rdns": _shown(source.rdns),
        "helo": _shown(source.helo),
        "ident": _shown(source.ident),
        "masked": _shown(source.masked),
        "auth": _shown(source.auth),
        "hop": source.hop,
    }


def _hop(step: TracedHop, place: Callable[[Span], Span], logged: Logged | None) -> Json:
    hop = step.hop
    client = hop.client
    return {
        "from": {
            "helo": _shown(client.helo),
            "rdns": _shown(client.rdns),
            "ip": _shown(client.ip),
            "ident": _shown(client.ident),
            "masked": _shown(client.masked),
        },
        "by": _shown(hop.by),
        "with": _shown(hop.with_),
        "id": _shown(hop.id),
        "for": _shown(hop.for_),
        "envelope_from": _shown(hop.envelope_from),
        "auth": _shown(hop.auth),
        "date": _date(hop.date),
        "kind": hop.kind.value,
        "family": hop.family,
        "software": _shown(hop.software),
        "version": _shown(hop.version),
        "config": _shown(hop.config),
        "trust": step.trust.value,
        "noise": step.noise,
        "claims": [_claim(claim) for claim in step.claims],
        "delay": step.delay,
        "span": list(place(hop.span)),
        "spans": {name: list(place(span)) for name, span in spans(hop).items()},
        "raw": show(hop.raw, limit=RAW_LIMIT),
        "log": None if logged is None else _logged(logged),
    }


def _logged(logged: Logged) -> Json:
    return {
        "id": show(logged.id),
        "family": logged.family,
        "ip": show(logged.ip),
        "rdns": show(logged.name),
        "helo": show(logged.helo),
        "user": show(logged.user),
        "local": show(logged.local),
        "protocol": show(logged.protocol),
        "envelope_from": None if logged.sender is None else show(logged.sender),
        "deliveries": [
            {"to": show(one.to), "relay": show(one.relay), "status": show(one.status)} for one in logged.deliveries
        ],
        "lines": [{"number": number, "text": show(line, limit=RAW_LIMIT)} for number, line in logged.lines],
    }


def _date(date: datetime | None) -> str | None:
    return date.isoformat() if date is not None else None


def _claim(claim: Claim) -> Json:
    return {"id": claim.id, "params": _params(claim.params)}


def _finding(finding: Finding) -> Json:
    return {
        "id": finding.id,
        "severity": finding.severity.value,
        "target": _shown(finding.target),
        "evidence": [_shown(one) for one in finding.evidence],
        "params": _params(finding.params),
    }


def _params(params: Mapping[str, str | int]) -> Json:
    return {name: value if isinstance(value, int) else _shown(value) for name, value in params.items()}


def _filed(around: Report | None) -> Json | None:
    if around is None or not around.filed_text:
        return None
    return {"date": _date(around.filed), "text": _shown(around.filed_text)}
