# SPDX-License-Identifier: Apache-2.0
"""Received lines: how a message came, as the hosts on its way wrote it down, and how far that can be believed.

``headers`` finds the fields of a head, ``clauses`` cuts a Received line, ``tokens`` does so for odd ones, ``remarks``
reads comments, ``families`` knows whose wording it is, ``line`` makes a ``Hop``, ``read`` is the door, ``spans`` tells
where in the message a part stands. ``weigh`` makes a ``Trace`` of hops: relay, source, verdict and why (docs/trace.md).

Limits: reads whatever comes, in time linear in its length, and never raises on a message.
"""
