# SPDX-License-Identifier: Apache-2.0
"""The shape of ``fumidai.toml``: which tables and keys there are and what kind of value each takes.

pydantic checks the shape here, at the edge; ``read`` then turns it into the model and checks the meaning. Tables
of other rooms are taken as they stand.

Limits: this is the only module of the room that loads pydantic, so it is imported only where a file is read.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

#: Tables that other rooms read: kept, not checked here.
SECTIONS: Final = (
    "limits",
    "blocklists",
    "watch",
    "guard",
    "store",
    "serve",
    "test",
    "sink",
    "trace",
    "lookup",
    "trace",
    "audit",
    "configure",
    "discover",
    "blocklist",
    "fleet",
)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RelayTable(_Table):
    """``[policy.relay]``."""

    networks: list[str] = Field(default_factory=list)
    authenticated: list[str] = Field(default_factory=list)


class PolicyTable(_Table):
    """``[policy]``."""

    receive_for: list[str] = Field(default_factory=list)
    postmaster: str = ""
    routing: list[str] | None = None
    sender_must_resolve: bool = False
    refuse_helo: list[str] = Field(default_factory=list)
    relay: RelayTable = Field(default_factory=RelayTable)


class HostTable(_Table):
    """One ``[[host]]``."""

    name: str
    mta: str = ""
    owner: str = ""
    note: str = ""


class ProofTable(_Table):
    """``[proof]``."""

    domain: str = ""


class BlocklistsTable(BaseModel):
    """What this room reads of ``[blocklists]``; its other keys belong to others."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    refuse: list[str] = Field(default_factory=list)
    on_failure: str = "defer"


class PolicyFile(_Table):
    """The whole file."""

    policy: PolicyTable = Field(default_factory=PolicyTable)
    access: dict[str, str | int] = Field(default_factory=dict)
    host: list[HostTable] = Field(default_factory=list)
    proof: ProofTable = Field(default_factory=ProofTable)
    blocklists: BlocklistsTable = Field(default_factory=BlocklistsTable)


#: Keys that each table knows, for the suggestion beside an unknown one.
KNOWN: Final[dict[tuple[str, ...], list[str]]] = {
    (): [*dict.fromkeys((*PolicyFile.model_fields, *SECTIONS))],
    ("policy",): list(PolicyTable.model_fields),
    ("policy", "relay"): list(RelayTable.model_fields),
    ("host",): list(HostTable.model_fields),
    ("proof",): list(ProofTable.model_fields),
}


def check_shape(tables: dict[str, Any]) -> PolicyFile:
    """The file's tables, checked for shape; raises pydantic's ValidationError."""
    return PolicyFile.model_validate({name: table for name, table in tables.items() if not _is_foreign(name)})


def _is_foreign(name: str) -> bool:
    return name in SECTIONS and name not in PolicyFile.model_fields
