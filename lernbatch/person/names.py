"""Finding people by their names, which are sealed: keyed marks of the beginnings of each word stand beside them.

A mark is 48 bits of a digest of the first 2 to 6 letters of a word. Who reads the table without the key can neither
tell names from marks nor try them out.
"""

from __future__ import annotations

import re
import unicodedata

from lernbatch.sealing import Seal

LEAST_LETTERS, MOST_LETTERS = 2, 6  # of a beginning
MOST_WORDS = 8  # of a name
_MARK_BYTES = 6
_BETWEEN = re.compile(r"[\s.,;·'’`()/_-]+")
# Accents of Latin letters and short vowels of Arabic ones: not everybody types them.
_PASSED_OVER = re.compile("[\u0300-\u036f\u064b-\u065f\u0670\u200b-\u200f]")
_SAME = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "ۀ": "ہ", "ه": "ہ", "أ": "ا", "إ": "ا", "آ": "ا"})


def words_of(name: str) -> list[str]:
    """The words of a name as they are compared: of one case, without accents, the same letter always the same."""
    plain = unicodedata.normalize("NFC", _PASSED_OVER.sub("", unicodedata.normalize("NFKD", name))).casefold()
    return [word for word in _BETWEEN.split(plain.translate(_SAME)) if word][:MOST_WORDS]


def marks(seal: Seal, name: str) -> list[int]:
    """The marks of every beginning of every word."""
    beginnings = {
        word[:length]
        for word in words_of(name)
        for length in range(min(LEAST_LETTERS, len(word)), min(MOST_LETTERS, len(word)) + 1)
    }
    return sorted(_number(seal.digest(_digested(beginning))) for beginning in beginnings)


def is_searchable(text: str) -> bool:
    """Whether a word of `text` has enough letters to look for."""
    return any(len(word) >= LEAST_LETTERS for word in words_of(text))


def wanted(seal: Seal, text: str) -> list[list[int]]:
    """The marks that a name with all the words of `text` has: a list for each key, since any may have made them."""
    words = [word[:MOST_LETTERS] for word in words_of(text) if len(word) >= LEAST_LETTERS]
    by_word = [[_number(digest) for digest in seal.digests(_digested(word))] for word in words]
    return [list(of_key) for of_key in zip(*by_word, strict=True)]


def condition(seal: Seal, text: str | None) -> dict[str, object]:
    """The parameters of `:named` and `:name_marks` in statements that choose people; None: everybody."""
    keys = [] if text is None else wanted(seal, text)
    return {"named": text, "name_marks": ["{" + ",".join(map(str, marks)) + "}" for marks in keys]}


def _digested(beginning: str) -> bytes:
    return b"name\0" + beginning.encode()


def _number(digest: bytes) -> int:
    return int.from_bytes(digest[:_MARK_BYTES])
