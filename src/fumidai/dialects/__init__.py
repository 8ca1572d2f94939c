# SPDX-License-Identifier: Apache-2.0
"""What mail servers say and what they are: wording of refusals, marks of software, cures.

``phrases`` and ``marks`` are tables, ``wording`` and ``software`` read them; ``echo`` finds the address by which a
server calls us, ``layer`` says what probably ate the true one; ``cure`` holds how to mend each software.

Limits: everything here generalises from what a server says. No judgement rests on a product's name.
"""
