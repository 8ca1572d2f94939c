# SPDX-License-Identifier: Apache-2.0
"""A real sendmail asked in address test mode (``sendmail -bt``) what it would do under random access tables.

Root is ``/`` where sendmail, its m4 sources and m4 are installed, or a folder into which Debian's packages
sendmail-bin, sendmail-base, sendmail-cf and their libraries were unpacked (the lab's image of sendmail is such a
folder). No daemon and no mail. It runs in namespaces of its own: under a full host name, without which it waits a
minute each time it starts, and without a network, so that no name server is asked.

Limits: features as in MC below; TLS, AUTH and DNS have no part in it.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

PROGRAM = "usr/libexec/sendmail/sendmail"
MC = """divert(0)dnl
OSTYPE(`linux')dnl
FEATURE(`nocanonify')dnl
define(`_FFR_SRCHLIST_A', `1')dnl
FEATURE(`access_db', `hash -T<TMPF> {work}/access', `skip', `relaytofulladdress')dnl
FEATURE(`blocklist_recipients')dnl
FEATURE(`accept_unresolvable_domains')dnl
define(`confDONT_BLAME_SENDMAIL', `MapInUnsafeDirPath,IncludeFileInUnsafeDirPath')dnl
define(`ALIAS_FILE', `')dnl
LOCAL_DOMAIN(`a.com')dnl
MAILER(smtp)dnl
LOCAL_RULESETS
Sasked
R$*\t$: $&{{client_name}} $| $&{{client_addr}}
R$* $| $*\t$@ $>check_relay $1 $| $2
Srate
R$*\t$: $>SearchList <! ClientRate> $| <A:$&{{client_addr}}> <E:> <>
Sconn
R$*\t$: $>SearchList <! ClientConn> $| <A:$&{{client_addr}}> <E:> <>
"""
KEYS = [
    *("192.0.2.1", "192.0.2", "192", "203.0.113", "203.0.113.9", "IPv6:2001:db8", "IPv6:2001:db8:0:0:0:0:0:1"),
    *("[203.0.113.9]", "evil.test", "x.evil.test", "test", "a.com", "b.a.com", "com", "mail.evil.test"),
    *("u@", "u@evil.test", "u+*@a.com", "u+d@a.com", "u@a.com", "u+d@", "u+*@", "w@x.evil.test"),
]
SIDES = ["OK", "RELAY", "REJECT", "SKIP", "DISCARD", "ERROR:5.7.1:550 no", "ERROR:450 later", "QUARANTINE:hold"]
CLIENTS = [
    *(("192.0.2.1", None), ("192.0.2.9", "mail.evil.test"), ("203.0.113.9", None), ("203.0.113.9", "evil.test")),
    *(("203.0.113.7", "zz.test"), ("198.51.100.1", "y.x.evil.test"), ("198.51.100.2", None)),
    *(("2001:db8::1", None), ("2001:db8::2", "h.b.net")),
]
SENDERS = ["", "u@evil.test", "w@x.evil.test", "u+d@a.com", "u@a.com", "z@b.a.com", "z@other.net"]
RECIPIENTS = [
    *("u@a.com", "u+d@a.com", "u+e@a.com", "v@a.com", "u@evil.test", "w@x.evil.test", "v@b.a.com", "u@other.net"),
    *("u+d@evil.test", "u%evil.test@a.com", "evil.test!u@a.com", "@a.com:u@evil.test", '"u@evil.test"@a.com'),
]
#: Client, its name, sender, recipient.
Question = tuple[str, str | None, str, str]
#: What check_relay, check_mail and check_rcpt say: ``ok``, a reply code, ``discard`` or ``quarantine``.
Answer = tuple[str, str, str]
RULE_SETS = ("asked", "check_mail", "check_rcpt")


@dataclass(frozen=True, slots=True)
class Sendmail:
    """One configuration in a folder of its own."""

    root: Path
    work: Path

    def configure(self) -> None:
        """Write the configuration."""
        (self.work / "s.mc").write_text(MC.format(work=self.work))
        sources = self.root / "usr/share/sendmail/cf"
        inside = self.root / "usr/bin/m4"
        m4 = inside if inside.exists() else shutil.which("m4") or "m4"
        cf = self._run([m4, f"-D_CF_DIR_={sources}/", sources / "m4/cf.m4", self.work / "s.mc"])
        (self.work / "s.cf").write_text(cf)

    def _run(self, command: list[object], text: str = "") -> str:
        folders = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib")
        libraries = {"LD_LIBRARY_PATH": ":".join(str(self.root / folder) for folder in folders)}
        done = subprocess.run(
            list(map(str, command)),
            input=text,
            env=os.environ | libraries,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def answers(self, table: dict[str, str], questions: list[Question]) -> list[Answer]:
        """What the rule sets say to some questions under a table."""
        words = [_word(result) for result in self._results(table, "".join(map(_lines, questions)), RULE_SETS)]
        assert len(words) == 3 * len(questions)
        return [(words[at], words[at + 1], words[at + 2]) for at in range(0, len(words), 3)]

    def numbers(self, table: dict[str, str], clients: list[str]) -> list[tuple[int | None, int | None]]:
        """What ClientRate: and ClientConn: say of some clients."""
        lines = "".join(f".D{{client_addr}}{_address(client)}\nrate x\nconn x\n" for client in clients)
        results = self._results(table, lines, ("rate", "conn"))
        found = [None if "?" in result else int(result.strip("<> ")) for result in results]
        assert len(found) == 2 * len(clients)
        return list(zip(found[::2], found[1::2], strict=True))

    def _results(self, table: dict[str, str], lines: str, rule_sets: tuple[str, ...]) -> list[str]:
        """What these rule sets return, in the order in which they were asked."""
        cf = self.work / "s.cf"
        text = "".join(f"{key}\t{side}\n" for key, side in table.items())
        self._run([self.root / "usr/libexec/sendmail/makemap", "-C", cf, "hash", self.work / "access"], text)
        # Only sendmail itself asks for its own name and for others'.
        rights = [] if os.geteuid() == 0 else ["-r"]
        alone = ["unshare", *rights, "-u", "-n", "sh", "-c", 'hostname oracle.lab.test; exec "$@"', "sh"]
        said = self._run([*alone, self.root / PROGRAM, "-bt", "-C", cf], lines).splitlines()
        returned = [line.lstrip("> ").split("returns:") for line in said if "returns:" in line]
        return [words[1].strip() for words in returned if words[0].split()[0] in rule_sets]


@contextmanager
def sendmail(root: Path) -> Iterator[Sendmail]:
    """A configured sendmail, in a folder that goes again."""
    with tempfile.TemporaryDirectory() as folder:
        made = Sendmail(root, Path(folder))
        made.configure()
        yield made


def _word(result: str) -> str:
    if not result.startswith("$#") or result in ("$# OK", "$# RELAY"):
        return "ok"
    if result.startswith("$# discard"):
        return "discard"
    if "$@ quarantine" in result:
        return "quarantine"
    return result.partition("$:")[2].strip(' "')[:3]


def _lines(question: Question) -> str:
    client, name, sender, recipient = question
    address = _address(client)
    return (
        f".D{{client_addr}}{address}\n.D{{client_name}}{name or f'[{address}]'}\n"
        f".D{{client_resolve}}{'OK' if name else 'FAIL'}\n.Dr SMTP\n.Df {sender}\n"
        f"asked x\ncheck_mail <{sender}>\ncheck_rcpt <{recipient}>\n"
    )


def _address(client: str) -> str:
    """An address as sendmail has it."""
    if ":" not in client:
        return client
    return "IPv6:" + ":".join(f"{int(group, 16):x}" for group in ip_address(client).exploded.split(":"))


def _table(dice: random.Random) -> dict[str, str]:
    table = {}
    for _ in range(dice.randint(0, 6)):
        key, side = dice.choice(KEYS), dice.choice(SIDES)
        # A mailbox that is skipped is answered with the text "SKIP" by sendmail: a slip of its own, not a rule.
        table[dice.choice(["Connect:", "From:", "To:", ""]) + key] = "REJECT" if "@" in key and side == "SKIP" else side
    return table


def cases(seed: int, count: int, each: int = 16) -> Iterator[tuple[dict[str, str], list[Question]]]:
    """Random tables, and some questions to each."""
    dice = random.Random(seed)
    for _ in range(count):
        table = _table(dice)
        yield (
            table,
            [(*dice.choice(CLIENTS), dice.choice(SENDERS), dice.choice(RECIPIENTS)) for _ in range(each)],
        )


def counted(seed: int, count: int) -> Iterator[dict[str, str]]:
    """Random tables with numbers, and with a key that must not be taken for one."""
    dice, keys = random.Random(seed), [key for key in KEYS if key[0] in "12I"]
    for _ in range(count):
        table = {dice.choice(keys): "REJECT"}
        for _ in range(dice.randint(1, 6)):
            key = dice.choice(["ClientRate:", "ClientConn:"]) + dice.choice([*keys, "", ""])
            table[key] = str(dice.randint(0, 9))
        yield table
