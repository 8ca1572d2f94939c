# SPDX-License-Identifier: Apache-2.0
"""The verdict as a sentence about the world, for each verdict and the reason it rests on.

A sentence has one or more wordings, the one that says most first; the first whose fields are all known is said. The
last wording of each needs nothing but what every entry has (`name`, `server`, `at`). Each inconclusive one ends
alike, because "not proven open" must never be read as "safe". An advice says what would settle it.

Fields: `name` the host, `at` address and port, `server` both, `source` where we came from, `seen` the address that the
server believed, `count` the tests concerned, `total` those that were asked, `refused`, `taken`, `time` the end of the
proof window, `token` what to look for; what the judge adds in `verdict_params` outranks what is derived here.

Limits: a pair of verdict and reason that stands nowhere in the table is printed as its two words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fumidai.evidence.endpoint import TlsState
from fumidai.evidence.outcome import Word
from fumidai.evidence.result import Entry, TestRow
from fumidai.evidence.verdict import Verdict, VerdictReason
from fumidai.report.escape import raw
from fumidai.report.voice import Voice
from fumidai.texts import N_

V, R = Verdict, VerdictReason

SENTENCES: dict[tuple[Verdict, VerdictReason], tuple[str, ...]] = {
    (V.OPEN, R.DELIVERED): (
        N_("{name} relays at least for its neighbours: a message of ours, sent from {neighbour_at}, came out of it."),
        N_("A stranger's message came out of {name}, by way of {only}."),
        N_("A stranger's message came out of {name}."),
    ),
    (V.OPEN, R.LOST_CLIENT_ADDRESS): (
        N_("{name} takes strangers for its own network: we came from {source}, it saw {seen}."),
        N_("{name} takes strangers for its own network, and a stranger's message came out of it."),
    ),
    (V.REFLECTS, R.BOUNCED): (N_("{name} sends its bounces to forged senders (backscatter). No relaying was seen."),),
    (V.ACCEPTS, R.PROMISED): (
        N_(
            "{name} took mail for a stranger; nothing had arrived by {time}. "
            "Not cleared: look for {token} in its queue and log."
        ),
        N_("{name} took mail for a stranger; nothing has arrived. Not cleared: look for it in its queue and log."),
    ),
    (V.ACCEPTS, R.PROMISED_AT_RCPT): (
        N_(
            "{name} promised to take mail for a stranger; nothing was sent, "
            "so only a proof can tell whether it would leave."
        ),
    ),
    (V.UNREACHABLE, R.NO_CONNECTION): (
        N_("{refused_by} refused the connection. Either no mail server listens there, or a firewall turns us away."),
        N_("No connection to {at}. The server may be down, or this line may block outbound port 25."),
    ),
    (V.UNREACHABLE, R.NO_GREETING): (
        N_("{spoke_at} took the connection, but what it said is no greeting of a mail server."),
        N_("{dropped_at} took the connection and closed it without a word: it lets only some in, or is overloaded."),
        N_("{flood_at} began a greeting that has no end, so nothing could be asked."),
        N_("{overdue_at} had not finished its greeting when time was up, so nothing could be asked."),
        N_("{at} took the connection but never greeted: it is overloaded, or it is no mail server."),
    ),
    (V.CLOSED, R.ALL_REFUSED): (
        N_(
            "{server} refused all {refused} relay attempts made from {neighbour_at}, next door to it: what it says to "
            "strangers farther off was not tried, nor were stolen passwords and web forms."
        ),
        N_(
            "{server} refused {refused} of {total} relay attempts made from {source}; the other {taken} it took for "
            "mailboxes of its own, and nothing came out. Stolen passwords and web forms were not tried."
        ),
        N_(
            "{server} refused the one relay attempt ({single}) made from {source}. "
            "Stolen passwords and web forms were not tried."
        ),
        N_(
            "{server} refused all {refused} relay attempts made from {source}. "
            "Stolen passwords and web forms were not tried."
        ),
        N_("{server} refused every relay attempt. Stolen passwords and web forms were not tried."),
    ),
    (V.CLOSED, R.TLS_ONLY): (
        N_("{server} takes no mail before STARTTLS, so nothing can be relayed there in the clear."),
    ),
    (V.INCONCLUSIVE, R.TRUSTED_VANTAGE): (
        N_(
            "{name} was asked from {source}, a place that it may rightly trust; "
            "whether it relays is unknown. That does not mean safe."
        ),
    ),
    (V.INCONCLUSIVE, R.TRUE_SOURCE_UNKNOWN): (
        N_(
            "{name} took us for one of its own ({seen}), and behind this NAT we can't tell whether we are; "
            "whether it relays is unknown. That does not mean safe."
        ),
        N_(
            "{name} took us for one of its own, and behind this NAT we can't tell whether we are; "
            "whether it relays is unknown. That does not mean safe."
        ),
    ),
    (V.INCONCLUSIVE, R.NO_ROUTE): (
        N_("There is no route from here to {server}; whether it relays is unknown. That does not mean safe."),
    ),
    (V.INCONCLUSIVE, R.TESTER_BLOCKED): (
        N_(
            "{unheard_by} greeted us and then hung up or fell silent before it answered our HELO; "
            "whether it relays is unknown. That does not mean safe."
        ),
        N_("{name} turned our tester away; whether it relays is unknown. That does not mean safe."),
    ),
    (V.INCONCLUSIVE, R.BASELINE_UNTESTED): (
        N_(
            "{name} turned the plainest attempt away for something other than relaying; "
            "whether it relays is unknown. That does not mean safe."
        ),
    ),
    (V.INCONCLUSIVE, R.UNRESOLVED_RECIPIENT): (
        N_(
            "{name} disliked the name that we wrote to, not that it is foreign; "
            "whether it relays is unknown. That does not mean safe."
        ),
    ),
    (V.INCONCLUSIVE, R.POSTMASTER_REFUSED): (
        N_(
            "{name} refuses its own postmaster too, so its other refusals say little; "
            "whether it relays is unknown. That does not mean safe."
        ),
    ),
    (V.INCONCLUSIVE, R.NO_DOMAIN): (
        N_(
            "No domain was named that {name} receives for, so part of the tests could not be asked; "
            "whether it relays is unknown. That does not mean safe."
        ),
    ),
    (V.INCONCLUSIVE, R.UNSETTLED): (
        N_(
            "{name} took addresses ({count}) that may be mailboxes of its own or a way out; "
            "whether it relays is unknown. That does not mean safe."
        ),
        N_(
            "{name} took addresses that may be mailboxes of its own or a way out; "
            "whether it relays is unknown. That does not mean safe."
        ),
    ),
    (V.INCONCLUSIVE, R.UNTESTED): (
        N_(
            "{name} gave no usable answer to {count} of {total} tests; "
            "whether it relays is unknown. That does not mean safe."
        ),
        N_("{name} gave no usable answer; whether it relays is unknown. That does not mean safe."),
    ),
    (V.INCONCLUSIVE, R.DEFERRED): (
        N_(
            "{name} put {count} of {total} tests off to the end; whether it relays is unknown. That does not mean safe."
        ),
        N_("{name} put us off to the end; whether it relays is unknown. That does not mean safe."),
    ),
    (V.INCONCLUSIVE, R.CONNECTION_LIMIT): (
        N_(
            "{name} counts connections: it let {let_in} in and then no more for now, with {count} of {total} tests "
            "still to ask; whether it relays is unknown. That does not mean safe."
        ),
        N_(
            "{name} counts connections and let no more in for now; "
            "whether it relays is unknown. That does not mean safe."
        ),
    ),
    (V.INCONCLUSIVE, R.TIME_UP): (
        N_(
            "Time was up with {count} of {total} tests still to ask {name}; "
            "whether it relays is unknown. That does not mean safe."
        ),
        N_("Time was up before {name} had answered; whether it relays is unknown. That does not mean safe."),
    ),
    (V.INCONCLUSIVE, R.INTERRUPTED): (
        N_(
            "Stopped by hand with {count} of {total} tests still to ask {name}; "
            "whether it relays is unknown. That does not mean safe."
        ),
        N_("Stopped by hand before {name} had answered; whether it relays is unknown. That does not mean safe."),
    ),
    (V.INCONCLUSIVE, R.TLS_FAILED): (
        N_(
            "TLS with {server} failed, so nothing could be asked inside it; "
            "whether it relays is unknown. That does not mean safe."
        ),
    ),
}

#: Seconds that are advised where a server counts connections and let too few in to tell how long it will take.
_LONG_TIME = 3600

ADVICE: dict[VerdictReason, str] = {
    R.PROMISED: N_("If it is in the queue, it is on its way out: hold the queue before it leaves."),
    R.PROMISED_AT_RCPT: N_(
        "Give a proof: --proof-domain NAME --sink :25, where NAME has an MX or A record that leads here "
        "(the host name your provider gave this machine will do)."
    ),
    R.NO_CONNECTION: N_("Try from a server outside, with no line of a home or office in between."),
    R.NO_GREETING: N_(
        "Is it the right port? On the host itself, look whether its mail server runs and whom it lets in."
    ),
    R.TRUSTED_VANTAGE: N_("Test from a server outside, or declare in a policy file who may relay."),
    R.TRUE_SOURCE_UNKNOWN: N_("Test from a machine that has a public address of its own."),
    R.NO_ROUTE: N_("Test it from a machine that has a route there, or leave it out with -4 or -6."),
    R.TESTER_BLOCKED: N_(
        "If a list refused us (its reply names it), that is normal for home lines: test from a server outside."
    ),
    R.BASELINE_UNTESTED: N_("Test from an address with a proper reverse name, and with a sender domain that exists."),
    R.UNRESOLVED_RECIPIENT: N_(
        "Name a foreign domain of yours: --proof-domain NAME --rcpt-only. Nothing will be sent."
    ),
    R.POSTMASTER_REFUSED: N_("A server must take mail for postmaster (RFC 5321 §4.5.1). Is the domain the right one?"),
    R.NO_DOMAIN: N_("Name one: --domain NAME."),
    R.UNSETTLED: N_(
        "Only a proof can settle it: --proof-domain NAME --sink :25, where NAME has an MX or A record that leads here "
        "(the host name your provider gave this machine will do)."
    ),
    R.DEFERRED: N_("It may be greylisting us. Ask again later: fumidai test --resume {run}"),
    R.CONNECTION_LIMIT: N_(
        "--battery quick makes do with few connections. To go on where this run stopped, with the time that this "
        "server's limit wants: fumidai test --resume {run} --max-time {max_time}"
    ),
    R.TIME_UP: N_("Go on where this run stopped, and give it longer: fumidai test --resume {run} --max-time 1800"),
    R.INTERRUPTED: N_("Go on where this run stopped: fumidai test --resume {run}"),
}

#: Behind the sentence of a closed server: how far its refusals were heard.
UNTRIED = N_(
    "It said no only after it had taken the recipients, so the attempts that need a mailbox of its own ({untried}) "
    "were not made. To make them: --local-user ADDRESS, where ADDRESS may get test messages."
)

LOOK_AT_ITS_LOG = N_("It may know us from an earlier test, or hear only some: look for our address in its log.")

LOOK_AT_HOME = N_(
    "A proof was asked for and nothing came. Look for these addresses in its log: a mailbox, or still in the queue?"
)

FALLBACK = N_("{name}: {verdict} ({reason}).")
INCONCLUSIVE_FALLBACK = N_("{name}: {reason}; whether it relays is unknown. That does not mean safe.")


def verdict_sentence(
    entry: Entry, voice: Voice, *, until: float = 0.0, extra: Mapping[str, object] | None = None
) -> str:
    """The sentence for an entry's verdict.

    Args:
        until: end of the proof window in seconds since the epoch, 0 if there was none.
        extra: fields that outrank what the entry says of itself.
    """
    fields = {**sentence_fields(entry, voice, until), **(extra or {})}
    texts = SENTENCES.get((entry.verdict, entry.verdict_reason))
    if texts is None:
        fallback = INCONCLUSIVE_FALLBACK if entry.verdict is Verdict.INCONCLUSIVE else FALLBACK
        return voice.say(fallback, **{**fields, "verdict": entry.verdict, "reason": entry.verdict_reason})
    said = voice.best(texts, fields)
    if entry.verdict is Verdict.CLOSED and fields.get("untried"):
        said = voice.together([said, voice.say(UNTRIED, untried=fields["untried"])])
    return said


def untried_sentence(entry: Entry, voice: Voice) -> str:
    """What a closed server that says no late leaves open."""
    return voice.say(UNTRIED, untried=entry.verdict_params["untried"])


def advice(entry: Entry, voice: Voice, run: str = "RUN") -> str:
    """What would settle it, or "" where nothing needs to be said; ``run`` is the id of the run."""
    text = ADVICE.get(entry.verdict_reason)
    if entry.verdict_reason is R.UNSETTLED and entry.verdict_params.get("sent"):
        text = LOOK_AT_HOME
    if entry.verdict_reason is R.TESTER_BLOCKED and entry.verdict_params.get("how") == "no-hello":
        text = LOOK_AT_ITS_LOG
    wanted = entry.verdict_params.get("max_time", _LONG_TIME)
    return voice.say(text, run=run, max_time=wanted) if text else ""


def sentence_fields(entry: Entry, voice: Voice, until: float = 0.0) -> dict[str, object]:
    """The fields that an entry itself can fill, and the judge's own over them.

    A field that says nothing ("" or a time of 0) is left out, so that a plainer wording is said.
    """
    given: dict[str, object] = dict(entry.verdict_params)
    time = given.pop("time", given.pop("until", until))
    fields: dict[str, object] = {**_places(entry), **_numbers(entry), "token": _token(entry)}
    fields.update(given)
    if given.get("neighbour"):
        fields["neighbour_at"] = entry.source
    if given.get("how") == "refused":
        fields["refused_by"] = fields["at"]
    elif given.get("how") == "no-hello":
        fields["unheard_by"] = fields["name"]
    elif given.get("how") in ("spoke", "dropped", "flood", "overdue"):
        fields[f"{given['how']}_at"] = fields["at"]
    if isinstance(time, str):
        fields["time"] = time
    elif isinstance(time, int | float) and time:
        fields["time"] = voice.clock(time)
    return {name: value for name, value in fields.items() if value != ""}


def server_name(entry: Entry) -> str:
    """The host name, or address and port where no name is known."""
    endpoint = entry.endpoint
    return str(endpoint) if endpoint.name in ("", str(endpoint.address)) else endpoint.name


def _places(entry: Entry) -> dict[str, object]:
    at, name = str(entry.endpoint), server_name(entry)
    return {
        "name": name,
        "at": at,
        "server": at if name == at else f"{name} ({at})",
        "source": entry.source,
        "seen": entry.client_address_seen,
    }


def _numbers(entry: Entry) -> dict[str, object]:
    counts = counts_of([entry])
    total = sum(counts.values()) - counts[Word.NOT_APPLICABLE]
    taken = counts[Word.ACCEPTED] + counts[Word.DELIVERED]
    concerned = {
        R.DEFERRED: counts[Word.DEFERRED],
        R.UNSETTLED: sum(_unsettled(row) for row in entry.tests),
    }.get(entry.verdict_reason, counts[Word.UNTESTED])
    fields: dict[str, object] = {"total": total, "refused": counts[Word.REFUSED]}
    if total == 1:
        asked = (row.id for row in entry.tests if row.word is not Word.NOT_APPLICABLE and not row.allowed)
        fields["single"] = next(asked)
    return fields | ({"taken": taken} if taken else {}) | ({"count": concerned} if concerned else {})


def counts_of(entries: Iterable[Entry]) -> dict[Word, int]:
    """Outcomes of relay attempts, every word present. What the policy permits (its postmaster) is none."""
    counted = dict.fromkeys(Word, 0)
    for entry in entries:
        for row in entry.tests:
            counted[row.word] += not row.allowed
    return counted


def _unsettled(row: TestRow) -> bool:
    return row.word is Word.ACCEPTED and not row.allowed


def _token(entry: Entry) -> object:
    """What to look for in the queue: the recipient of the first test that was taken and is not allowed."""
    taken = (row for row in entry.tests if row.word is Word.ACCEPTED and not row.allowed)
    return next((raw(row.rcpt_to.strip("<>")) for row in taken), "")


def tls_note(state: TlsState) -> str:
    """A word for the state in which a battery ran, "" in the clear."""
    return {TlsState.CLEAR: "", TlsState.STARTTLS: N_("inside STARTTLS"), TlsState.IMPLICIT: N_("inside TLS")}[state]
