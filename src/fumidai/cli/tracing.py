# SPDX-License-Identifier: Apache-2.0
"""Trace what was named and print it.

The exit code is 0 once everything that could be read was traced, whatever it showed; 66 (EX_NOINPUT) where nothing
could be read.
"""

from __future__ import annotations

import asyncio
import copyreg
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import ip_address, ip_network
from multiprocessing import parent_process
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final

import click

from fumidai.cli.declared import load_policy
from fumidai.cli.screen import complaints
from fumidai.cli.settings import with_settings
from fumidai.cli.trace_dns import Looked
from fumidai.cli.trace_outputs import (
    FEW,
    Found,
    Output,
    Table,
    form_of,
    found_of,
    make_output,
    open_file,
    said_trouble,
    screen_output,
)
from fumidai.cli.trace_progress import TraceProgress, total_size
from fumidai.cli.trace_reports import AbuseReports, correspondents
from fumidai.errors import UsageError
from fumidai.policy.model import Policy
from fumidai.received.weigh import Ours
from fumidai.report.trace_json import Message, same_place
from fumidai.smtp.literal import is_domain_name
from fumidai.texts import N_
from fumidai.trace.crew import Done, Shape, trace_all
from fumidai.trace.letter import Trouble, Why
from fumidai.trace.logs import look_up
from fumidai.trace.table import ParquetTable
from fumidai.trace.work import Question, Traced

EX_NOINPUT: Final = 66
_JOBS_AT_MOST: Final = 256
#: Formats that need messages whole: then they are traced in this process.
_WHOLE: Final = frozenset({"json", "arf"})
#: How many messages of this process were carried whole to the one that prints.
_carried = itertools.count()
_WHY: Final[Mapping[Why, str]] = {
    Why.MISSING: N_("{source}: there is no such file."),
    Why.UNREADABLE: N_("{source} can't be read: {why}."),
    Why.NO_FILE: N_("{source} is neither file nor folder."),
    Why.LOOP: N_("{source} leads back to a folder that was read already."),
}


def trace_paths(paths: Sequence[str], options: Mapping[str, Any], parameters: Sequence[click.Parameter]) -> int:
    """Trace and print.

    Raises:
        UsageError: no path was named, or an option can't be meant.
        PolicyError: the policy file is wrong.
        StorageError: a file can't be written.
    """
    if not paths:
        raise UsageError(
            N_("It is not said what to trace."),
            mend=N_("Name a file, a mailbox or a folder; - reads standard input."),
        )
    declared = load_policy(options["policy"])
    policy = declared.policy
    given = with_settings(options, policy.sections.get("trace", {}), "trace", parameters, declared.source)
    question = Question(_ours(given["ours"], policy), _address(given["relay_address"]))
    forms = [given["format_"] or "text", *(form_of(name) for name in given["output"])]
    for name in given["output"]:
        _keep_evidence(name, paths)
    with ExitStack() as stack:
        spool = Path(stack.enter_context(TemporaryDirectory(prefix="fumidai-trace-")))
        outputs = _outputs(given, policy, stack)
        job = _Job(paths, question, spool, 1 if given["dns"] else _jobs(given["jobs"]), forms)
        outputs = [Looked(outputs, stack.enter_context(asyncio.Runner()))] if given["dns"] else outputs
        count = _joined(job, given["logs"], outputs) if given["logs"] else _streamed(job, outputs)
        for one in outputs:
            one.end(count.troubles)
    return EX_NOINPUT if count.troubles and not count.messages else 0


def _keep_evidence(name: str, paths: Sequence[str]) -> None:
    """A file that is to be read is not written over.

    Raises:
        UsageError: it would be.
    """
    target = Path(name)
    if target.exists() and any(Path(path).exists() and target.samefile(path) for path in paths):
        raise UsageError(
            N_("{file} is what is to be traced: it would be written over."),
            mend=N_("Give the result another name."),
            file=name,
        )


@dataclass(frozen=True, slots=True)
class _Job:
    """What is to be traced, and for which formats."""

    paths: Sequence[str]
    question: Question
    spool: Path
    jobs: int | None
    forms: Sequence[str]

    def results(self, shape: Shape[Found], jobs: int | None) -> Iterator[Done[Found]]:
        """All results, piece by piece."""
        return trace_all(self.paths, self.question, shape, self.spool, jobs)


@dataclass(slots=True)
class _Count:
    """What was met so far."""

    messages: int = 0
    troubles: list[Trouble] = field(default_factory=list)

    def tell(self, trouble: Trouble) -> None:
        """Say what could not be read; the rest goes on."""
        self.troubles.append(trouble)
        complaints().write(said_trouble(_WHY[trouble.why], trouble))


def _outputs(given: Mapping[str, Any], policy: Policy, stack: ExitStack) -> list[Output]:
    verbose, quiet = given["verbose"] or 0, bool(given["quiet"])
    sender, to = correspondents(given["report_from"] or "", given["report_to"] or "", policy)
    outputs = [screen_output(given["format_"] or "text", verbose, quiet=quiet)]
    for name in given["output"]:
        form = form_of(name)
        if form == "parquet":
            outputs.append(Table(stack.enter_context(ParquetTable(Path(name)))))
        elif form == "arf":
            outputs.append(AbuseReports(Path(name), sender, to))
        else:
            outputs.append(make_output(form, stack.enter_context(open_file(name)), verbose, quiet=False))
    return outputs


def _streamed(job: _Job, outputs: Sequence[Output]) -> _Count:
    """Each message goes out as it comes; where all have to be whole, they are traced in this process."""
    count = _Count()
    progress = TraceProgress(complaints(), total_size(job.paths) if complaints().terminal else 0)
    jobs = 1 if _WHOLE.intersection(job.forms) else job.jobs
    shape = partial(_found, line="jsonl" in job.forms, original="arf" in job.forms)
    try:
        for done in job.results(shape, jobs):
            for one in done.results:
                if isinstance(one, Trouble):
                    count.tell(one)
                else:
                    count.messages += 1
                    for output in outputs:
                        output.add(one)
            progress.add(done.octets, len(done.results))
    finally:
        progress.end()
    return count


def _joined(job: _Job, logs: Sequence[str], outputs: Sequence[Output]) -> _Count:
    """All messages are kept until the logs were read for their queue ids."""
    count = _Count()
    kept: list[Found] = []
    for done in job.results(partial(_found, line=False, original="arf" in job.forms), 1):
        for one in done.results:
            if isinstance(one, Trouble):
                count.tell(one)
            else:
                kept.append(one)
    messages = [one.message for one in kept if one.message is not None]
    ids = {step.hop.id for message in messages for step in message.trace.hops if step.hop.id}
    found = look_up(logs, ids)
    count.messages = len(kept)
    for message, one in zip(messages, kept, strict=True):
        hops = enumerate(message.trace.hops)
        logged = {number: found[step.hop.id] for number, step in hops if step.hop.id in found}
        for output in outputs:
            output.add(found_of(replace(message, logged=logged), line="jsonl" in job.forms, original=one.original))
    return count


def _found(traced: Traced, *, line: bool, original: bool) -> Found:
    """One message for the outputs; between processes it travels without what can't be carried."""
    letter, origin = traced.letter, traced.letter.origin
    message = Message(
        traced.trace,
        origin.source,
        letter.head.headers,
        origin.offset,
        origin.number,
        origin.how.value,
        letter.around,
        letter.span,
    )
    found = found_of(message, line=line, original=letter.message if original else b"")
    if parent_process() is None:
        return found
    # A few may be all there are, and are then shown whole; each process can only count its own.
    return replace(found, message=replace(message, place=same_place) if next(_carried) < FEW else None)


def _read_only(values: dict[str, str | int]) -> MappingProxyType[str, str | int]:
    return MappingProxyType(values)


# A claim without values has a mapping that pickle knows no way for.
copyreg.pickle(MappingProxyType, lambda values: (_read_only, (dict(values),)))


def _ours(names: Sequence[str], policy: Policy) -> Ours | None:
    """The hosts to believe: those named, and those of the policy."""
    networks, hosts = list(policy.relay_networks), [host.name for host in policy.hosts]
    for name in names:
        try:
            networks.append(ip_network(name, strict=False))
        except ValueError:
            if not is_domain_name(name.removeprefix(".")):
                raise UsageError(N_("--ours {value} is neither a network nor a host name."), value=name) from None
            hosts.append(name)
    return Ours(tuple(networks), tuple(hosts)) if networks or hosts else None


def _address(text: str | None) -> str:
    try:
        return str(ip_address(text.strip("[]"))) if text else ""
    except ValueError:
        raise UsageError(N_("--relay-address {value} is no address."), value=text) from None


def _jobs(value: object) -> int | None:
    """The policy file gives it as text."""
    text = str(value or 0)
    if text == "0":
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _JOBS_AT_MOST:
        raise UsageError(N_("--jobs {value} is no number from 1 to {most}."), value=text, most=_JOBS_AT_MOST)
    return int(text)
