# SPDX-License-Identifier: Apache-2.0
"""Write down what a real sendmail says under random access tables, for machines that have none.

    python -m tests.policy.record_sendmail ROOT > tests/policy/sendmail_answers.jsonl

``sendmail`` says what ROOT may be. Each line is one table with its questions and what three rule sets said to them.
The lab's tests ask the real one again (``tests/lab/test_access_table.py``), so that what is written can't go stale.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.policy.sendmail import cases, sendmail

SEED, TABLES = 2001, 200


def main() -> None:
    """Write the answers to standard output."""
    with sendmail(Path(sys.argv[1])) as oracle:
        for table, questions in cases(SEED, TABLES):
            answers = oracle.answers(table, questions)
            asked = [[*question, *answer] for question, answer in zip(questions, answers, strict=True)]
            print(json.dumps({"table": table, "asked": asked}, separators=(",", ":")))


if __name__ == "__main__":
    main()
