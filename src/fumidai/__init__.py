# SPDX-License-Identifier: Apache-2.0
"""Fumidai: prove that no mail host of yours is a stepping stone, and help until that is true.

Each folder here is a room with one job; imports point down only. The picture of the house and the way of a test
through it are in `docs/design.md`; the words are in `docs/glossary.md`.

Limits: this file holds the version and nothing else, so that `fumidai --version` answers before anything is loaded.
"""

__version__ = "0.1.0.dev0"
