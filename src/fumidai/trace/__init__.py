# SPDX-License-Identifier: Apache-2.0
"""Trace spam: find the messages in whatever the user has, and let ``received`` read and weigh them.

    paths → places (which files, what they are) → crew (all cores, results in order)
          → mbox (a part of a mailbox into messages) → letters (the message, an attached one, one out of pasted text)
          → received.read, received.weigh → Trace

Limits: files only; nothing is fetched. What can't be read is told and passed over.
"""
