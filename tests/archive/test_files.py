"""Formats and packing: the bytes of a file."""

from __future__ import annotations

import base64
import csv
import io
import shutil
import subprocess
import tracemalloc
import zipfile
from codecs import BOM_UTF8
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
import pyarrow.parquet as pq
import pytest
import pyzipper
from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from lernbatch.archive import formats, packing, parquet, xlsx
from lernbatch.archive.model import Cell, FileFormat, Level
from lernbatch.archive.packing import Protection, WrongKey

AT = (2026, 7, 2, 10, 11, 12)
TOOLS = {"unzip": ["unzip", "-P", "abc12345", "-p"], "7z": ["7z", "x", "-so", "-pabc12345"]}


def packed(content: bytes, protection: Protection, rows: int = 1) -> bytes:
    made = packing.pack("x.csv", AT, protection, rows)
    pieces = [made.write(content[at : at + 70_000]) for at in range(0, len(content), 70_000)]
    return b"".join([*pieces, made.finish()])


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (["a", "", None, 5, 0.67], 'a,"",,5,0.67\n'),
        (["a,b", 'say "x"', "two\nlines"], '"a,b","say \\"x\\"","two\nlines"\n'),
        (["back\\slash", "back\\slash,"], 'back\\slash,"back\\\\slash,"\n'),
        (['""', "", "n"], '"\\"\\"","",n\n'),  # two quotes are not the same as nothing
        (["=1+1", "गिनती", " x "], "=1+1,गिनती, x \n"),
    ],
)
def test_csv_quotes_only_where_it_must(row: list[Cell], line: str) -> None:
    assert formats.Csv(neutralised=False).rows([row]).decode() == line


AWKWARD: list[Cell] = [
    'say "x"',
    "back\\slash",
    'ends in \\"',
    '\\",\\"',
    "a,b",
    "two\r\nlines",
    "गिनती",
    "",
    '"',
    '""',
    " x ",
    "\\",
]


@pytest.mark.parametrize("wanted", [FileFormat.CSV_RFC4180, FileFormat.CSV_EXCEL])
def test_readers_that_know_rfc_4180_alone_read_what_was_written(wanted: FileFormat) -> None:
    rows: list[list[Cell]] = [AWKWARD, AWKWARD[::-1]]
    made = formats.Csv(wanted)
    content = made.header(list("abcdefghijkl")) + made.rows(rows) + made.finish()
    encoding = "utf-8-sig" if wanted is FileFormat.CSV_EXCEL else "utf-8"
    assert list(csv.reader(io.StringIO(content.decode(encoding), newline="")))[1:] == rows
    assert content.endswith(b"\r\n")


def test_the_line_that_the_documents_give_reads_the_contracts_own() -> None:
    # See the docs on backslashes without quotes.
    row = [text for text in map(str, AWKWARD) if "\\" not in text or '"' in text]
    content = formats.Csv().rows([row])
    reader = csv.reader(io.StringIO(content.decode(), newline=""), escapechar="\\", doublequote=False)
    assert list(reader) == [row]


def test_only_the_csv_for_excel_begins_with_a_byte_order_mark() -> None:
    begins = {wanted: formats.Csv(wanted).header(["எண்"]).startswith(BOM_UTF8) for wanted in CSVS}
    assert begins == {FileFormat.CSV: False, FileFormat.CSV_RFC4180: False, FileFormat.CSV_EXCEL: True}


CSVS = (FileFormat.CSV, FileFormat.CSV_RFC4180, FileFormat.CSV_EXCEL)


@pytest.mark.parametrize("wanted", CSVS)
def test_no_csv_is_a_program_unless_a_setting_says_so(wanted: FileFormat) -> None:
    formulas: list[Cell] = ["=1+1", "+cmd|' /C calc'!A0", "-x", "-2+3", "@SUM(A1)", "\t=1", "＝1", "+", "-"]
    for row in (formulas, formulas[::-1]):
        content = formats.Csv(wanted).rows([row]).decode()
        assert next(csv.reader(io.StringIO(content, newline=""))) == [f"'{cell}" for cell in row]
    plain = formats.Csv(wanted, neutralised=False).rows([formulas]).decode()
    assert next(csv.reader(io.StringIO(plain, newline=""))) == formulas


@pytest.mark.parametrize("cell", [-5, -0.67, 1e-7, "+919000000001", "-5", "-0,5", "+91 90000 00001", "-12.5%", "a=b"])
def test_a_number_is_never_touched(cell: Cell) -> None:
    for neutralised in (True, False):
        content = formats.Csv(FileFormat.CSV_RFC4180, neutralised=neutralised).rows([[cell]]).decode()
        assert next(csv.reader(io.StringIO(content, newline=""))) == [str(cell)]


def test_parquet_reads_back(tmp_path: Path) -> None:
    made = parquet.Parquet()
    rows: list[list[Cell]] = [[f"u{n}", n, None] for n in range(25_000)]
    content = made.header(["who", "Progress", "x"]) + made.rows(rows[:12_000]) + made.rows(rows[12_000:])
    table = pq.read_table(io.BytesIO(content + made.finish()))
    assert table.num_rows == 25_000
    assert table.slice(24_999).to_pylist() == [{"who": "u24999", "Progress": "24999", "x": None}]


def cells(content: bytes) -> dict[str, str]:
    """What stands in a sheet, by place."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        for name in book.namelist():
            ElementTree.fromstring(book.read(name))
        sheet1 = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    return {
        cell.attrib["r"]: "".join(cell.itertext())
        for cell in sheet1.iter()
        if "r" in cell.attrib and cell.tag.endswith("}c")
    }


def test_a_sheet_holds_texts_that_look_like_formulas() -> None:
    made = xlsx.Xlsx()
    content = made.header(["who", "Progress"]) + made.rows([["=1+1", 5], ["எண்", None], ["a<b>&\x0b_x000B_", 0.67]])
    found = cells(content + made.finish())
    assert found == {
        "A1": "who",
        "B1": "Progress",
        "A2": "=1+1",
        "B2": "5",
        "A3": "எண்",
        "A4": "a<b>&_x000B__x005F_x000B_",
        "B4": "0.67",
    }


def test_a_sheet_opens_in_another_program() -> None:
    names = ['एशा "शर्मा"', "காவ்யா, ராஜன்", "أمينة", "李小龙\nsecond line", "বিজয়\\x", "<&>'\"]]>", " 🙂 ", "x" * 32_767]
    made = xlsx.Xlsx()
    content = made.header(["who", *"bcdefgh"]) + made.rows([names, ["=SUM(A1)", 5, 0.67, None, "-1", "", "", ""]])
    rows = list(openpyxl.load_workbook(io.BytesIO(content + made.finish())).active.iter_rows(values_only=True))
    assert rows == [("who", *"bcdefgh"), tuple(names), ("=SUM(A1)", 5, 0.67, None, "-1", "", "", "")]


@pytest.mark.parametrize("text", ["=1+1", "+91 98", "-Asha", "@x", "'quoted", "\ttab", "＝1"])
def test_a_text_in_a_sheet_is_the_text_and_no_formula(text: str) -> None:
    made = xlsx.Xlsx()
    content = made.header([text]) + made.rows([[text]]) + made.finish()
    sheet1 = openpyxl.load_workbook(io.BytesIO(content)).active
    assert [cell.value for row in sheet1.iter_rows() for cell in row] == [text, text]
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        written = book.read("xl/worksheets/sheet1.xml")
    assert (written.count(b't="inlineStr"'), written.count(b"<f>")) == (2, 0)


def test_a_sheet_has_more_columns_than_letters() -> None:
    made = xlsx.Xlsx()
    content = made.header([str(n) for n in range(703)]) + made.finish()
    assert {found: text for found, text in cells(content).items() if text in ("25", "26", "701", "702")} == {
        "Z1": "25",
        "AA1": "26",
        "ZZ1": "701",
        "AAA1": "702",
    }


def test_a_sheet_says_what_it_cannot_hold() -> None:
    for rows in ([["x" * 32_768]], [["🙂" * 16_384]], [["x"]] * 1_048_577):
        with pytest.raises(xlsx.SheetTooSmall, match="ask for csv or parquet"):
            xlsx.Xlsx().rows(rows)
    with pytest.raises(xlsx.SheetTooSmall, match="16384 columns"):
        xlsx.Xlsx().header(["x"] * 16_385)


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=2000), st.integers(0, 700_000), st.text(min_size=1, max_size=20))
def test_the_old_encryption_opens_with_the_standard_reader(some: bytes, zeros: int, password: str) -> None:
    content = some + bytes(zeros) + some
    archive = packed(content, Protection(Level.PASSWORD, password))
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.read("x.csv", pwd=password.encode()) == content


@pytest.mark.parametrize("tool", [name for name in TOOLS if shutil.which(name)] or ["python"])
def test_desktop_tools_open_a_protected_file(tool: str, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4000
    path = tmp_path / "x.zip"
    path.write_bytes(packed(content, Protection(Level.PASSWORD, "abc12345"), rows=2_000_000))
    command = TOOLS.get(tool, ["python3", "-c", _OPEN])
    assert subprocess.run([*command, str(path)], capture_output=True, check=True).stdout == content


_OPEN = "import sys,zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read('x.csv', pwd=b'abc12345'))"


def test_the_strong_encryption_opens_with_the_key_alone() -> None:
    archive = packed(b"secret" * 1000, Protection(Level.PASSWORD, "abc12345", strong=True))
    with pyzipper.AESZipFile(io.BytesIO(archive)) as opened:
        assert opened.read("x.csv", pwd=b"abc12345") == b"secret" * 1000
        with pytest.raises(RuntimeError, match="password"):
            opened.read("x.csv", pwd=b"wrong")


def test_the_envelope_opens_with_the_text_key() -> None:
    with zipfile.ZipFile(io.BytesIO(packed(b"a,b\n" * 50_000, Protection(Level.TEXT_KEY, "abc12345")))) as opened:
        level, wrapped, rest = opened.read("x.csv").split(b"\n", 2)
    assert level == b"TEXT_KEY_ENCRYPTED_DATASET"
    key = decrypted(base64.b64decode(wrapped), packing.text_key("abc12345"))
    assert decrypted(rest, key) == b"a,b\n" * 50_000


def test_the_envelope_opens_with_the_private_key() -> None:
    private = rsa.generate_private_key(65537, 2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    archive = packed(b"x", Protection(Level.PUBLIC_KEY, public_key=packing.public_key(public)))
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        level, wrapped, rest = opened.read("x.csv").split(b"\n", 2)
    assert level == b"PUBLIC_KEY_ENCRYPTED_DATASET"
    assert decrypted(rest, private.decrypt(base64.b64decode(wrapped), rsa_padding.PKCS1v15())) == b"x"


def test_a_key_that_is_no_public_rsa_key_is_refused() -> None:
    curve = ed25519.Ed25519PrivateKey.generate().public_key()
    other = curve.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for pem in (b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", other):
        with pytest.raises(WrongKey, match="no public RSA key"):
            packing.public_key(pem)


def decrypted(data: bytes, key: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(cipher.update(data) + cipher.finalize()) + unpadder.finalize()


@pytest.mark.parametrize("protection", [Protection(), Protection(Level.PASSWORD, "k"), Protection(Level.TEXT_KEY, "k")])
def test_packing_holds_no_more_for_a_large_file(protection: Protection) -> None:
    block = bytes(range(256)) * 1024
    made = packing.pack("x.csv", AT, protection, 1)
    made.write(block)
    tracemalloc.start()
    try:
        for _ in range(60):  # 15 MiB
            made.write(block)
        made.finish()
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
