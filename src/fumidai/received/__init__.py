# SPDX-License-Identifier: Apache-2.0
"""Received lines: how a message came, as the hosts on its way wrote it down.

``headers`` cuts a message's head into fields, ``tokens`` a Received line into clauses and comments, ``read`` makes
hops of them. Written to be grown: what a line claims and how far it can be believed is not judged here.

Limits: reads whatever comes, in time linear in its length, and never raises on a message.
"""
