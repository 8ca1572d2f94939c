# SPDX-License-Identifier: Apache-2.0
"""One reader's language, clock and encoding: every sentence of a report is said through a `Voice`.

`say` translates a text and fills its fields; every field is escaped on its way in (`report.escape`), so no sentence can
carry a peer's control characters, whoever wrote it. `best` takes the first of several wordings whose fields are
all known.

Limits: a reader whose output can't encode Japanese is spoken to in English.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from fumidai.report.escape import Encodable, always, show
from fumidai.texts import Language, catalogue

# No field of a sentence is longer; a reply of a megabyte is evidence, not a sentence.
FIELD_LIMIT = 600


@dataclass(frozen=True, slots=True)
class Voice:
    """How to speak to one reader.

    Attributes:
        language: of the sentences.
        zone: time zone of every time of day.
        encodable: tells whether the output can write a text.
    """

    language: Language = "en"
    zone: tzinfo = UTC
    encodable: Encodable = always

    def say(self, text: str, /, **fields: object) -> str:
        """`text` in the reader's language, its `{fields}` filled in and escaped."""
        return self._fill(catalogue([self._spoken()]).gettext(text), fields)

    def ngettext(self, one: str, many: str, count: int, /, **fields: object) -> str:
        """Like `say`, for a text that depends on a number; `{count}` is that number."""
        text = catalogue([self._spoken()]).ngettext(one, many, count)
        return self._fill(text, {"count": count, **fields})

    def best(self, texts: Sequence[str], fields: Mapping[str, object]) -> str:
        """The first of `texts` all of whose fields are known, else the last, with `?` for what is missing."""
        for text in texts:
            if needed(text) <= fields.keys():
                return self.say(text, **fields)
        return self.say(texts[-1], **dict.fromkeys(needed(texts[-1]), "?") | dict(fields))

    def listed(self, parts: Iterable[str]) -> str:
        """Parts of a list, put together as the language does it."""
        return ("、" if self._spoken() == "ja" else ", ").join(parts)

    def together(self, sentences: Iterable[str]) -> str:
        """Sentences one after the other."""
        return ("" if self._spoken() == "ja" else " ").join(sentences)

    def clock(self, epoch: float) -> str:
        """A time of day with its zone, for example `03:13:40 JST`; `epoch` in seconds (UTC)."""
        moment = datetime.fromtimestamp(epoch, self.zone)
        return f"{moment:%H:%M:%S} {moment.tzname() or f'{moment:%z}'}"

    def show(self, data: bytes | str, limit: int = 0) -> str:
        """`report.escape.show` for this reader's output."""
        return show(data, encodable=self.encodable, limit=limit)

    def _spoken(self) -> Language:
        return self.language if self.language == "en" or self.encodable("踏み台") else "en"

    def _fill(self, text: str, fields: Mapping[str, object]) -> str:
        # A text without fields may hold braces of its own, such as a cure that quotes a configuration.
        return text.format(**{name: self._field(value) for name, value in fields.items()}) if fields else text

    def _field(self, value: object) -> str:
        if isinstance(value, bytes):
            return self.show(value, FIELD_LIMIT)
        return self.show(str(value), FIELD_LIMIT)


@lru_cache(maxsize=512)
def needed(text: str) -> frozenset[str]:
    """Names of the `{fields}` of a text."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)


def seconds(value: float) -> str:
    """A duration with its unit: tenths below 100 s."""
    return f"{value:.1f} s" if value < 100 else f"{value:.0f} s"
