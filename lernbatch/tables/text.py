"""Tables as text: which encoding, which separator, which rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from lernbatch.tables.model import RawRow, Unreadable

ZIP = b"PK\x03\x04"  # how a workbook begins
SEPARATORS = (",", ";", "\t", "|")
LONGEST_CELL = 16 * 1024 * 1024  # characters: one cell may name everybody

# The limit is the whole process's, so it is set once: two files read at the same time would change it for each other.
csv.field_size_limit(LONGEST_CELL)

SAVE_AS_CSV = "save the table as CSV UTF-8 or as an Excel workbook (.xlsx)"
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8"),
)
_OTHER_FILES = (
    (b"\xd0\xcf\x11\xe0", "an old (.xls) or password-protected Excel file"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a compressed file"),
    (b"{\\rtf", "a text document (RTF)"),
)
_CSV_ERRORS = (  # what the reader's message holds, and what we say
    ("unexpected end", "a quotation mark opens a cell that never ends; close it, or remove it."),
    ("field larger", f"a cell has more than {LONGEST_CELL} characters; use several lines."),
    ("", "more text comes after the quotation mark that closes a cell; double a quotation mark inside a cell."),
)
_MARKUP = re.compile(rb"\s*<(!doctype|html|table|\?xml|meta)", re.IGNORECASE)
_WINDOWS = tuple(f"cp{number}" for number in range(1250, 1259))
_SEPARATOR_LINE = re.compile('"?sep=([^\\w\r\n"\\\\])"?[,;\t ]*(?:\r\n|\n|\r|$)', re.IGNORECASE)
_LINE_END = re.compile("\r\n|\n|\r")
_QUOTED_LINE = re.compile('"((?:[^"]|"")*)"[,;\t ]*')


def decoded(data: bytes) -> str:
    """The text of a file. Raises: Unreadable, with the encoding or the kind of file it is instead."""
    for beginning, kind in _OTHER_FILES:
        if data.startswith(beginning):
            raise Unreadable(f"The file is {kind}: {SAVE_AS_CSV}.")
    if _MARKUP.match(data.removeprefix(b"\xef\xbb\xbf")):
        raise Unreadable(f"The file is a web page or XML, whatever its name says: {SAVE_AS_CSV}.")
    encoding = encoding_of(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as wrong:
        if encoding != "utf-8":
            raise Unreadable(f"The file begins as {encoding.upper()}, but is cut or damaged: {SAVE_AS_CSV}.") from wrong
        text = _as_windows(data, wrong)
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise Unreadable(f"it holds a NUL character, so it is no text: {SAVE_AS_CSV}.", line)
    return text.lstrip("\ufeff\u200b\u2060")


def encoding_of(data: bytes) -> str:
    """The encoding by the byte order mark, else by the zero bytes of UTF-16; "utf-8" when there is no sign."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    # Without a mark: a header is ASCII, so every second byte of it is zero.
    if data[1:4:2] == b"\x00\x00":
        return "utf-16-le"
    return "utf-16-be" if data[0:3:2] == b"\x00\x00" else "utf-8"


def _as_windows(data: bytes, wrong: UnicodeDecodeError) -> str:
    """Text of a Windows code page, when all of them read it alike: quotation marks, dashes, blanks. Letters differ."""
    # A byte that means nothing in a code page reads as the page's name, which differs from all others.
    beyond_ascii = sorted(byte for byte in frozenset(data) if byte >= 0x80)
    readings = [[bytes([byte]).decode(page, "ignore") or page for byte in beyond_ascii] for page in _WINDOWS]
    if all(reading == readings[0] for reading in readings):
        return data.decode("cp1252")
    line = data.count(b"\n", 0, wrong.start) + 1
    raise Unreadable(
        f"it is not in UTF-8 (byte 0x{data[wrong.start]:02X}), and which encoding it is in cannot be known: "
        f"{SAVE_AS_CSV}.",
        line,
    ) from wrong


def separator_line(text: str) -> tuple[str | None, str]:
    """The separator that a first line `sep=;` names, and the text after that line; else None and `text`."""
    named = _SEPARATOR_LINE.match(text)
    return (named.group(1), text[named.end() :]) if named else (None, text)


def unquoted(text: str) -> str | None:
    """The text without the quotation marks around each of its lines; None when a line has none.

    A program that took a whole line for one cell puts them there, and doubles those inside.
    """
    lines = []
    for line in _LINE_END.split(text):
        quoted = _QUOTED_LINE.fullmatch(line)
        if line and not quoted:
            return None
        lines.append(quoted.group(1).replace('""', '"') if quoted else "")
    return "\n".join(lines)


def rows(text: str, separator: str, escape: str | None, first_line: int = 1) -> Iterator[RawRow]:
    """The rows of CSV, as they are read.

    `escape`: the character that takes the next one's meaning, beside doubled quotation marks; None: there is none.
    `first_line`: the number of the first line of `text` in its file.
    Raises: Unreadable, with the line in which the cell begins that cannot be read.
    """
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, escapechar=escape, strict=True, skipinitialspace=True
    )
    line = first_line
    try:
        for values in reader:
            yield RawRow(line, values)
            line = reader.line_num + first_line
    except csv.Error as wrong:
        explanation = next(text for sign, text in _CSV_ERRORS if sign in str(wrong))
        raise Unreadable(explanation, line) from wrong
