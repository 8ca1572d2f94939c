# SPDX-License-Identifier: Apache-2.0
"""The lab's command: `python3 -m lab up|down|list|exec|truth|restart|log`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from lab import life
from lab.command import check_machine, environment
from lab.errors import LabError
from lab.images import remove_images
from lab.network import STRANGERS, VICTIM
from lab.place import NETNS, Place, find_place
from lab.rooms import process_one
from lab.servers import all_servers, choose
from lab.verify import verify

EX_USAGE, EX_UNAVAILABLE, EX_NOPERM = 64, 69, 77


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(prog="lab", description="Real mail servers, open and sound, in namespaces.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_ in (
        ("up", "start servers (all without names; a program's name means all of its kind)"),
        ("restart", "start servers afresh: whatever they remember of clients is gone"),
        ("truth", "find out by delivery what servers relay, without fumidai"),
        ("log", "print what a server logged"),
    ):
        commands.add_parser(name, help=help_).add_argument("names", nargs="*", metavar="NAME")
    down = commands.add_parser("down", help="remove all that the lab made, or only the named servers")
    down.add_argument("names", nargs="*", metavar="NAME")
    down.add_argument("--images", action="store_true", help="remove the images too")
    commands.add_parser("list", help="the servers, and which are up").add_argument(
        "--truth", action="store_true", help="with why each is what it is"
    )
    execute = commands.add_parser("exec", help="run a command in a server's room or a host's network")
    execute.add_argument("name", metavar="NAME", help="a server, tester, tester2 …, victim or router")
    execute.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    return parser


def print_list(place: Place, reasons: bool) -> None:
    """One line a server: name, addresses, program, truth, whether it is up."""
    for server in all_servers().values():
        state = "up" if os.geteuid() == 0 and life.is_up(place, server.name) else "-"
        print(f"{server.name:32} {server.v4:14} {server.v6:18} {server.mta:10} {server.truth:9} {state}")
        if reasons:
            print(f"    {server.why}")


def execute(place: Place, name: str, words: Sequence[str]) -> int:
    """Become the command, inside a room (all of it) or a host's network; returns only when that fails."""
    words = words[1:] if words[:1] == ["--"] else words
    words = words or ["sh"]
    if name in all_servers():
        if not (pid := process_one(place, name)):
            raise LabError(f"{name} is not up")
        words = ["nsenter", "-t", str(pid), "-m", "-u", "-i", "-p", "-n", "--root",
                 f"--wd=/proc/{pid}/root", *words]  # fmt: skip
    elif (NETNS / place.namespace(name)).exists():
        words = ["ip", "netns", "exec", place.namespace(name), *words]
    else:
        raise LabError(f"no such host up: {name}")
    sys.stdout.flush()
    os.execvpe(words[0], words, environment())


def print_addresses(place: Place) -> None:
    """Say how to reach what is up."""
    for host in (STRANGERS[0], VICTIM):
        print(f"{host.name:32} {host.v4:14} {host.v6:18} namespace {place.namespace(host.name)}")
    print("run a command as the stranger: python3 -m lab exec tester -- COMMAND")


def run_command(options: argparse.Namespace, place: Place) -> int:
    """Do what was asked; the exit status."""
    names: list[str] = getattr(options, "names", [])
    if options.command == "list":
        print_list(place, options.truth)
        return 0
    check_machine()
    match options.command:
        case "up":
            life.bring_up(place, choose(names))
            print_list(place, reasons=False)
            print_addresses(place)
        case "down":
            if names:
                life.take_down_servers(place, choose(names))
            else:
                life.take_down(place)
            if options.images:
                remove_images(place)
        case "restart":
            life.renew(place, [s for s in choose(names) if names or life.is_up(place, s.name)])
        case "truth":
            return verify(place, [s for s in choose(names) if names or life.is_up(place, s.name)])
        case "log":
            for server in choose(names):
                print(life.log_of(place, server.name), end="")
        case "exec":
            return execute(place, options.name, options.words)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry: parse, run, turn our own error into one line."""
    parser = build_parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as end:
        return EX_USAGE if end.code else 0
    try:
        return run_command(options, find_place())
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return EX_NOPERM if os.geteuid() != 0 else EX_UNAVAILABLE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
