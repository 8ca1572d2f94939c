# SPDX-License-Identifier: Apache-2.0
"""The closed words of outcomes and reasons, as a reader's language says them in running text.

In JSON and as first word of a line they stay the English words of DESIGN §3; here is what stands behind a number:
"180 relaying denied, 14 address syntax".

Limits: a test asserts that each `Word` and each `Reason` stands here.
"""

from __future__ import annotations

from fumidai.evidence.outcome import Reason, Word
from fumidai.texts import N_

COUNTED: dict[Word, str] = {
    Word.DELIVERED: N_("{count} delivered"),
    Word.ACCEPTED: N_("{count} accepted"),
    Word.REFUSED: N_("{count} refused"),
    Word.DEFERRED: N_("{count} deferred"),
    Word.UNTESTED: N_("{count} untested"),
    Word.NOT_APPLICABLE: N_("{count} not applicable"),
}

REASONS: dict[Reason, str] = {
    Reason.RELAY: N_("relaying denied"),
    Reason.SENDER: N_("sender"),
    Reason.CLIENT: N_("our address"),
    Reason.HELO: N_("our HELO name"),
    Reason.AUTH: N_("wants a password"),
    Reason.USER: N_("no such user"),
    Reason.SYNTAX: N_("address syntax"),
    Reason.TLS: N_("wants TLS"),
    Reason.TESTER_BLOCKED: N_("it turned our tester away"),
    Reason.LIMIT: N_("a limit on errors, commands or connections"),
    Reason.TEMPORARY: N_("try again later"),
    Reason.CONTENT: N_("content"),
    Reason.PROTOCOL: N_("against the protocol"),
    Reason.CLOSED: N_("it closed the connection"),
    Reason.TIMEOUT: N_("no answer in time"),
    Reason.TIME_UP: N_("time was up"),
    Reason.INTERRUPTED: N_("stopped by hand"),
    Reason.UNRESOLVED: N_("our recipient's name leads nowhere for it"),
    Reason.UNCLEAR: N_("no reason given"),
    Reason.NO_DOMAIN: N_("no domain named (--domain)"),
    Reason.NO_LOCAL_USER: N_("no local user named (--local-user)"),
    Reason.NO_PROOF: N_("no proof domain (--proof-domain)"),
    Reason.NO_NAME: N_("the server has no name of its own"),
    Reason.NO_IPV4: N_("no IPv4 address to name"),
    Reason.NO_IPV6: N_("no IPv6 address to name"),
    Reason.NO_EXTENSION: N_("extension not offered"),
    Reason.NO_MX_DOMAIN: N_("no MX domain named (--mx-domain)"),
    Reason.NO_TLS: N_("no TLS"),
    Reason.OPT_IN: N_("only on request"),
    Reason.SLOW: N_("slow, only when named"),
    Reason.LATE_REFUSAL: N_("it refuses only after the message"),
    Reason.NOT_RUN_YET: N_("not part of this version"),
    Reason.FIRST_HOLE: N_("the family had its hole already (--first)"),
    Reason.SAME_QUESTION: N_("same question as another test"),
    Reason.NO_STATE: N_("the server can't be brought into that state"),
}
