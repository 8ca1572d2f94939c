# SPDX-License-Identifier: Apache-2.0
"""Keep the Japanese catalogue in step with the code: collect, merge, compile.

`python3 dev.py texts` reads every `_("…")`, `N_("…")`, `gettext("…")` and `ngettext("…", "…", n)` under `src/`, and the
message and mend of every error of ours that a user can cause. It merges them into `fumidai.po` (a translation is never
lost: a text that is gone stays as an obsolete entry, `--prune` drops those) and compiles `fumidai.mo`. Both are kept in
git, so that using fumidai needs no tool. `tests/house/test_texts.py` fails while a text has no translation, a fuzzy
one, other fields than the English, or an old `.mo`.

Limits: translations are written by people in the `.po`; nothing is guessed from similar texts.
"""

from __future__ import annotations

import ast
import io
import string
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from fumidai import errors

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "fumidai"
FOLDER = SOURCE / "texts" / "locale" / "ja" / "LC_MESSAGES"
PO, MO = FOLDER / "fumidai.po", FOLDER / "fumidai.mo"
# What marks a text, and how many of its first arguments are texts.
MARKS = {"_": 1, "N_": 1, "gettext": 1, "ngettext": 2}
HEADER = "# SPDX-License-Identifier: Apache-2.0\n# Japanese texts of fumidai. Written, not translated word by word."
# The errors that a user can cause. What is broken in ourselves (exit code 70) is told in English, as it is reported.
ERRORS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.FumidaiError) and kind.exit_code != 70
}
# Kept the same in every run: a catalogue changes when a text changes, not when a clock does.
EPOCH = datetime(2026, 11, 24, tzinfo=UTC)


def collect() -> Catalog:
    """Every text marked in the source, with the files that it stands in."""
    found = Catalog(fuzzy=False, creation_date=EPOCH)
    for path in sorted(SOURCE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for line, text in [*marked_texts(source), *error_texts(source)]:
            found.add(text, None, [(path.relative_to(ROOT).as_posix(), line)])
    return found


def calls(source: str) -> list[tuple[str, ast.Call]]:
    """Every call in a source, with the name of what is called.

    The syntax tree is read, not the tokens: before Python 3.12 a call inside an f-string is no token of its own.
    """
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [(str(getattr(node.func, "id", getattr(node.func, "attr", ""))), node) for node in nodes]


def marked_texts(source: str) -> list[tuple[int, str | tuple[str, ...]]]:
    """Line and text of everything that is marked; both forms of a plural."""
    found: list[tuple[int, str | tuple[str, ...]]] = []
    for name, call in calls(source):
        forms = [said.value for said in call.args[: MARKS.get(name, 0)] if isinstance(said, ast.Constant)]
        texts = tuple(form for form in forms if isinstance(form, str) and form)
        if texts and len(texts) == MARKS[name]:
            found.append((call.lineno, texts if len(texts) > 1 else texts[0]))
    return found


def error_texts(source: str) -> list[tuple[int, str]]:
    """Line and text of what our errors are given to say."""
    said = [text for text in told(source) if isinstance(text, ast.Constant)]
    return [(text.lineno, text.value) for text in said if isinstance(text.value, str) and text.value]


def told(source: str) -> list[ast.expr]:
    """What our errors are given to say, as it stands: their first argument and their `mend`."""
    ours = [call for name, call in calls(source) if name in ERRORS]
    mends = [keyword.value for call in ours for keyword in call.keywords if keyword.arg == "mend"]
    return [*(text for call in ours for text in call.args[:1]), *mends]


def load() -> Catalog:
    """The catalogue as it stands in git; an empty one if there is none yet."""
    if PO.exists():
        with PO.open("rb") as file:
            return read_po(file, locale="ja", domain="fumidai")
    return Catalog(locale="ja", domain="fumidai", project="fumidai", fuzzy=False, creation_date=EPOCH)


def merge(have: Catalog, found: Catalog) -> Catalog:
    """Bring the catalogue to the texts found; new ones come in without a translation."""
    have.update(found, no_fuzzy_matching=True, update_creation_date=False)
    have.header_comment, have.fuzzy = HEADER, False
    have.creation_date = have.revision_date = EPOCH
    have.project, have.version = "fumidai", "1"
    have.msgid_bugs_address, have.last_translator, have.language_team = "the project's forge", "fumidai", "Japanese"
    return have


def compiled(catalog: Catalog) -> bytes:
    """The bytes of the `.mo` file."""
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def faults(message: Message) -> list[str]:
    """What is wrong with one entry: nothing written, marked fuzzy, or fields that differ from the English."""
    english = [message.id] if isinstance(message.id, str) else list(message.id)
    japanese = [message.string] if isinstance(message.string, str) else list(message.string or ())
    if not japanese or not all(japanese):
        return ["not translated"]
    wanted = set().union(*map(fields, english))
    wrong = [] if all(fields(text) == wanted for text in japanese) else ["fields differ"]
    return [*wrong, "fuzzy"] if message.fuzzy else wrong


def fields(text: str) -> set[str]:
    """Names of the `{fields}` in a text, with what is done to them (`{name!r}`, `{count:>3}` are kept apart)."""
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError:
        # Not a format string (a lone brace): it has no fields to compare.
        return set()
    return {f"{name}!{conversion}:{spec}" for _, name, spec, conversion in parsed if name is not None}


def main(args: list[str]) -> int:
    """Write both files; return 1 while something is left to translate."""
    catalog = merge(load(), collect())
    FOLDER.mkdir(parents=True, exist_ok=True)
    out = io.BytesIO()
    write_po(out, catalog, width=120, sort_output=True, ignore_obsolete="--prune" in args, include_lineno=False)
    PO.write_bytes(out.getvalue())
    MO.write_bytes(compiled(load()))
    left = [(message.id, fault) for message in catalog if message.id for fault in faults(message)]
    for text, fault in left:
        print(f"{fault}: {text!r}")
    print(f"{len(catalog)} texts, {len(left)} to mend in {PO.relative_to(ROOT)}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
