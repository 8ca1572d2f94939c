# SPDX-License-Identifier: Apache-2.0
"""How much one server bears: size of a session, number of sessions side by side, pauses between them.

Nothing is known at first, and what servers count differs (errors, commands without mail, syntax errors,
recipients refused, connections per client): see docs/decisions. So a session starts small enough for the
tightest common limit (ten errors before a server slows down: Postfix's ``smtpd_soft_error_limit``), and the
server's own behaviour moves it: a connection cut after n refusals makes sessions of n - 1 refusals, a greeting
that turns us away makes fewer and longer ones, with growing pauses.

Sessions side by side grow by one with each that is answered to its end, until the server turns one away.

Limits: it learns within one run only; it never grows a session while the server lets us open another.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fumidai.battery.attempt import Attempt, ControlKind
from fumidai.battery.row import RowClass
from fumidai.smtp.address import Path, parse_path
from fumidai.smtp.literal import numeric_address
from fumidai.tester.pace import MOST_SESSIONS

#: Errors a session may cause: one below the ten after which Postfix answers each command a second later.
FIRST_ERRORS = 9
#: Syntax errors a session may cause: Exim hangs up at the fourth (smtp_max_synprot_errors 3).
FIRST_SYNTAX = 3
#: Commands that bring no mail (RSET, NOOP …): Exim hangs up after ten (smtp_accept_max_nonmail).
FIRST_RESETS = 10
#: Sessions at the same time to one address (DESIGN §8: a few).
FIRST_SESSIONS = 4
#: Seconds before a new connection after one that brought nothing, then the next longer one.
PAUSES = (1.0, 3.0, 10.0, 30.0, 60.0)
#: The next pauses where the server counts connections and the time given leaves room for both: Debian's sendmail
#: bears ten in ten minutes.
LONG_PAUSES = (300.0, 600.0)
#: Sessions without a single answer, one after the other, after which the rest stays untested.
FRUITLESS = 6
#: Sessions that must end in peace before one more may run beside them; twice as many after each that was too many.
CALM = 4
#: A session never grows beyond this many errors.
MOST_ERRORS = 90


@dataclass(slots=True)
class Spent:
    """What a session has cost the server's patience so far."""

    errors: int = 0
    syntax: int = 0
    resets: int = 0
    mails: int = 0
    answered: int = 0


@dataclass(slots=True)
class Budget:
    """What a session may cost, and how many may run at once.

    Attributes:
        mails: transactions allowed in a session (RFC 9422 MAILMAX), 0 where the server shows no limit.
        most: sessions at once that a server may be brought to by bearing fewer.
        patient: there is time for the long pauses, and the server said that it counts connections.
        dear: errors beyond which this server makes each further one cost more time.
        borne: the most of each kind that a session cost without being cut.
        fruitless: sessions in a row that brought no answer.
        rude: families of which a row was answered as a syntax error.
        mail_refused: this server refuses senders that a row altered at MAIL already, which makes RCPT behind it a
            second error; ``all_refused``: it does so whatever the sender.
    """

    errors: int = FIRST_ERRORS
    syntax: int = FIRST_SYNTAX
    resets: int = FIRST_RESETS
    mails: int = 0
    sessions: int = FIRST_SESSIONS
    most: int = MOST_SESSIONS
    fruitless: int = 0
    patient: bool = False
    dear: int = MOST_ERRORS
    borne: Spent = field(default_factory=lambda: Spent())
    rude: set[str] = field(default_factory=set)
    mail_refused: bool = False
    all_refused: bool = False
    _calm: int = 0
    _calm_wanted: int = 1
    _regrown: bool = False

    def take(self, waiting: list[Attempt], spent: Spent) -> list[Attempt]:
        """The longest head of ``waiting`` that one group may ask now; rows known to be rude are spread out.

        Rows are taken in order, but one that would break the limit of syntax errors is passed over for a later
        session as long as another fits. Returns an empty list where nothing fits any more.
        """
        taken: list[Attempt] = []
        errors, syntax, resets, mails = spent.errors, spent.syntax, spent.resets, spent.mails
        for attempt in waiting:
            cost, rude = self.price(attempt)
            if resets + 1 > self.resets or errors + cost > self.errors or (self.mails and mails >= self.mails):
                break
            if syntax + rude > self.syntax:
                continue
            taken.append(attempt)
            errors, syntax, resets, mails = errors + cost, syntax + rude, resets + 1, mails + 1
        # A limit below the price of one row must not keep that row from ever being asked.
        return taken or (waiting[:1] if spent.mails == 0 else [])

    def learn_cut(self, spent: Spent) -> None:
        """A session was cut (421, or closed without one) after ``spent``."""
        if spent.answered == 0:
            self.turned_away()
            return
        self.fruitless = 0
        if spent.syntax >= 2 and spent.syntax * 2 >= spent.errors and spent.syntax > self.borne.syntax:
            self.syntax = max(1, min(self.syntax, spent.syntax))
            return
        # Fewer than another session bore can't have been too many: then it was the row itself that it was cut for.
        if spent.errors > self.borne.errors:
            self.errors = min(self.errors, spent.errors)
        if spent.resets > self.borne.resets:
            self.resets = min(self.resets, spent.resets)

    def ended_in_peace(self) -> None:
        """A session had its answers: one more may run beside it; once one was turned away, only after several."""
        self.fruitless = 0
        self._calm += 1
        if self._calm >= self._calm_wanted and self.sessions < self.most:
            self.sessions, self._calm, self._regrown = self.sessions + 1, 0, True

    def bear(self, spent: Spent) -> None:
        """A session cost this much and still stands, or ended in peace."""
        self.borne.errors = max(self.borne.errors, spent.errors)
        self.borne.syntax = max(self.borne.syntax, spent.syntax)
        self.borne.resets = max(self.borne.resets, spent.resets)

    def learn_slowing(self, spent: Spent) -> None:
        """Each refusal of a session was kept back longer: stop before the last one next time."""
        self.fruitless = 0
        self.errors = self.dear = max(1, min(self.errors, spent.errors - 1))

    def turned_away(self, others: int = 0) -> None:
        """A session brought nothing: be fewer, longer and later.

        Args:
            others: sessions that were open or being opened meanwhile. Where there were some, their number may be all
                that the server minds, and it is only made smaller.
        """
        # Several are turned away in one burst: only a number that we came back to teaches patience.
        if self._regrown or self._calm_wanted < CALM:
            self._calm_wanted, self._regrown = max(CALM, self._calm_wanted * 2), False
        self._calm = 0
        if others:
            self.sessions = max(1, min(self.sessions - 1, others))
            return
        self.fruitless += 1
        self.sessions = max(1, self.sessions // 2)

    def scarce(self) -> None:
        """Connections are what the server counts: ask more in each."""
        self.errors = min(MOST_ERRORS, self.dear, self.errors * 2)
        self.syntax = min(MOST_ERRORS, self.syntax * 2)
        self.resets = min(MOST_ERRORS, self.resets * 2)

    @property
    def pause(self) -> float:
        """Seconds to wait before the next connection."""
        pauses = PAUSES + LONG_PAUSES if self.patient else PAUSES
        return pauses[min(self.fruitless, len(pauses)) - 1] if self.fruitless else 0.0

    @property
    def spent_out(self) -> bool:
        """True once the server has turned away so many sessions in a row that asking on is no use."""
        return self.fruitless >= FRUITLESS + len(LONG_PAUSES) * self.patient

    def price(self, attempt: Attempt) -> tuple[int, int]:
        """What asking a row may cost at worst: (errors, syntax errors).

        A row whose MAIL is refused costs two errors when grouped: the RCPT behind it is out of sequence. A row is
        rude if it is malformed, or if another of its family was answered as a syntax error here.
        """
        if attempt.control is ControlKind.POSTMASTER and not self.all_refused:
            return 0, 0
        doubtful = self.all_refused or (self.mail_refused and "sender" in attempt.test.alters)
        errors = 2 if doubtful or _odd_sender(attempt) else 1
        rude = attempt.test.row_class is RowClass.MALFORMED or attempt.test.family in self.rude
        return errors, int(rude)


def _odd_sender(attempt: Attempt) -> bool:
    """A reverse-path that a server may refuse for its form alone (RFC 5321 §4.1.2)."""
    raw = attempt.request.reverse_path
    parsed = parse_path(raw) if isinstance(raw, bytes) else None
    if not isinstance(parsed, Path):
        return raw != b"<>"
    return bool(parsed.route) or numeric_address(parsed.domain) is not None
