# SPDX-License-Identifier: Apache-2.0
"""The centre: one declared relay policy, and one pure function that answers every question about it.

    model    what is declared            read, write   from and to ``fumidai.toml``
    domains  which domains are ours      access        sendmail's access table
    needs    which look-ups matter       decide        the answer, always with its rule
    request  what is asked, told and answered          rules   the names of all rules

Limits: nothing is imported here, so that asking for ``decide`` does not load what reading a file needs (pydantic).
"""
