# SPDX-License-Identifier: Apache-2.0
"""Ask a real sendmail what it would do with random access tables, and write its answers down.

    python -m tests.policy.record_sendmail ROOT > tests/policy/sendmail_answers.jsonl

ROOT is ``/`` where sendmail, its m4 sources and m4 are installed, or a folder into which Debian's packages
sendmail-bin, sendmail-base, sendmail-cf, m4 and their libraries were unpacked. No daemon, no root and no mail: the
rule sets are run in address test mode (``sendmail -bt``). sendmail looks its own host name up when it starts, so a
machine without a full name waits a minute each time.

Each line is one table with what three rule sets said of some requests: check_relay for the client's name and address,
check_mail for the sender, check_rcpt for the recipient. ``takes`` is true where none of them refused.

Limits: features as in MC below; TLS, AUTH and DNS have no part in it.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from ipaddress import ip_address
from pathlib import Path

MC = """divert(0)dnl
OSTYPE(`linux')dnl
FEATURE(`nocanonify')dnl
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


class Sendmail:
    """One configuration in a folder of its own."""

    def __init__(self, root: Path, work: Path) -> None:
        self._root, self._work = root, work
        folders = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib")
        self._environment = os.environ | {"LD_LIBRARY_PATH": ":".join(str(root / folder) for folder in folders)}
        (work / "s.mc").write_text(MC.format(work=work))
        sources = root / "usr/share/sendmail/cf"
        cf = self._run([root / "usr/bin/m4", f"-D_CF_DIR_={sources}/", sources / "m4/cf.m4", work / "s.mc"])
        (work / "s.cf").write_text(cf)

    def _run(self, command: list[object], text: str = "") -> str:
        done = subprocess.run(
            list(map(str, command)), input=text, env=self._environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def answers(self, table: dict[str, str], requests: list[tuple[str, str | None, str, str]]) -> list[bool]:
        """Which of some requests are taken under a table."""
        tools, cf = self._root / "usr/libexec/sendmail", self._work / "s.cf"
        lines = "".join(f"{key}\t{side}\n" for key, side in table.items())
        self._run([tools / "makemap", "-C", cf, "hash", self._work / "access"], lines)
        said = self._run([tools / "sendmail", "-bt", "-C", cf], "".join(map(_question, requests)))
        results = [
            line.split("returns:")[1].strip()
            for line in said.splitlines()
            if "returns:" in line and line.lstrip("> ").split()[0] in ("asked", "check_mail", "check_rcpt")
        ]
        assert len(results) == 3 * len(requests), said
        refused = [result.startswith("$#") and result not in ("$# OK", "$# RELAY") for result in results]
        return [not any(refused[3 * at : 3 * at + 3]) for at in range(len(requests))]


def _question(request: tuple[str, str | None, str, str]) -> str:
    client, name, sender, recipient = request
    if ":" in client:
        client = "IPv6:" + ":".join(f"{int(group, 16):x}" for group in ip_address(client).exploded.split(":"))
    return (
        f".D{{client_addr}}{client}\n.D{{client_name}}{name or f'[{client}]'}\n"
        f".D{{client_resolve}}{'OK' if name else 'FAIL'}\n.Dr SMTP\n.Df {sender}\n"
        f"asked x\ncheck_mail <{sender}>\ncheck_rcpt <{recipient}>\n"
    )


def _table(dice: random.Random) -> dict[str, str]:
    table = {}
    for _ in range(dice.randint(0, 6)):
        key, side = dice.choice(KEYS), dice.choice(SIDES)
        # A mailbox that is skipped is answered with the text "SKIP" by sendmail: a slip of its own, not a rule.
        table[dice.choice(["Connect:", "From:", "To:", ""]) + key] = "REJECT" if "@" in key and side == "SKIP" else side
    return table


def main() -> None:
    """Write the answers to standard output."""
    dice = random.Random(2001)
    with tempfile.TemporaryDirectory() as folder:
        sendmail = Sendmail(Path(sys.argv[1]), Path(folder))
        for _ in range(120):
            table = _table(dice)
            requests = [(*dice.choice(CLIENTS), dice.choice(SENDERS), dice.choice(RECIPIENTS)) for _ in range(16)]
            taken = sendmail.answers(table, requests)
            asked = [[*request, takes] for request, takes in zip(requests, taken, strict=True)]
            print(json.dumps({"table": table, "asked": asked}, separators=(",", ":")))


if __name__ == "__main__":
    main()
