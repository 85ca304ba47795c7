"""The one reader of tables: what spreadsheets put around good rows, and what it says of the others."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date
from typing import Any

import openpyxl
import pytest

from lernbatch.tables import ids
from lernbatch.tables.model import NoHeader, NoRows, TooManyRows, TooWide, UnknownColumns, Unreadable
from lernbatch.tables.reading import read

COLUMNS = ("batchId", "userIds")
GOOD = {"batchId": "B", "userIds": "u-asha"}


def cells(data: str | bytes, columns: tuple[str, ...] = COLUMNS, **options: Any) -> list[dict[str, str]]:
    rows = list(read(data.encode() if isinstance(data, str) else data, columns, escape="\\", **options).rows)
    assert [row.problem for row in rows] == [None] * len(rows)
    return [dict(row.cells) for row in rows]


def problems(data: bytes) -> list[tuple[int, str | None]]:
    return [(row.line, row.problem) for row in read(data, COLUMNS).rows]


def workbook(*sheets: list[list[object]], hidden: int = 0) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"Sheet{number + 1}")
        for row in rows:
            sheet.append(row)
    for sheet in book.worksheets[len(sheets) - hidden :]:
        sheet.sheet_state = "hidden"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def repacked(data: bytes, part: str, change: Any) -> bytes:
    """A workbook with one of its parts changed, as other programs write it."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == part else content)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("batchId,userIds\nB,u-asha\n", id="plain"),
        pytest.param("batchId;userIds\nB;u-asha\n", id="semicolons"),
        pytest.param("batchId\tuserIds\r\nB\tu-asha\r\n", id="tabs"),
        pytest.param("batchId|userIds\nB|u-asha\n", id="bars"),
        pytest.param('"batchId";"userIds"\n"B";"u-asha"\n', id="semicolons_and_quotation_marks"),
        pytest.param("sep=,\nbatchId,userIds\nB,u-asha\n", id="sep_comma"),
        pytest.param("sep=;\r\nbatchId;userIds\r\nB;u-asha\r\n", id="sep_semicolon"),
        pytest.param('"sep=#"\nbatchId#userIds\nB#u-asha\n', id="sep_of_another_kind"),
        pytest.param("sep=\t\nbatchId\tuserIds\nB\tu-asha\n", id="sep_tab"),
        pytest.param('batchId, "userIds"\nB, "u-asha"\n', id="blanks_before_quotation_marks"),
        pytest.param("sep=\r\nbatchId,userIds\r\nB,u-asha\r\n", id="sep_of_nothing"),
        pytest.param('sep="\nbatchId,userIds\nB,u-asha\n', id="sep_of_a_quotation_mark"),
        pytest.param("batchId,userIds,,\nB,u-asha,,\n", id="padding_columns"),
        pytest.param("batchId,userIds\nB,u-asha,,\n", id="padding_cells"),
        pytest.param("batchId,userIds\n,\n\nB,u-asha\n,\n,\n\n\n", id="padding_rows"),
        pytest.param(",batchId,,userIds\n,B,,u-asha\n", id="an_empty_column_between"),
        pytest.param("batchId, userIds\nB, u-asha\n", id="blanks_in_the_header"),
        pytest.param("BatchId,USER IDS\nB,u-asha\n", id="letter_cases_and_blanks"),
        pytest.param("Batch\u00a0Id,user\u200bIds\nB,u-asha\n", id="invisible_characters_in_the_header"),
        pytest.param("ｂatchId,userIds\nB,u-asha\n", id="a_wide_letter_in_the_header"),
        pytest.param("\ufeffbatchId,userIds\nB,u-asha\n", id="byte_order_mark"),
        pytest.param('\ufeff\ufeff"batchId","userIds"\nB,u-asha\n', id="two_marks_and_quotation_marks"),
        pytest.param("batchId,userIds\rB,u-asha\r", id="carriage_returns_alone"),
        pytest.param("Class 7B,\n,\nbatchId,userIds\nB,u-asha\n", id="a_title_above"),
        pytest.param(",\nbatchId,userIds\nB,u-asha\n", id="an_empty_row_above"),
        pytest.param(";;\n;;\nbatchId;userIds;\nB;u-asha;\n", id="empty_rows_above_semicolons"),
        pytest.param('"",""\nbatchId,userIds\nB,u-asha\n', id="an_empty_row_of_quotation_marks_above"),
        pytest.param(",,\nbatchId;userIds\nB;u-asha\n", id="an_empty_row_with_another_separator_above"),
        pytest.param("\t\r\nClass 7B\r\nbatchId\tuserIds\r\nB\tu-asha\r\n", id="an_empty_row_and_a_title_above"),
        pytest.param('"batchId,userIds"\n"B,u-asha"\n', id="every_line_quoted_whole"),
        pytest.param('"batchId;userIds"\r\n"B;""u-asha"""\r\n\r\n', id="every_line_quoted_whole_semicolons"),
        pytest.param('"batchId,userIds",\n"B,u-asha",\n', id="every_line_quoted_whole_with_padding"),
        pytest.param('sep=;\n"batchId;userIds"\n"B;u-asha"\n', id="every_line_quoted_whole_below_sep"),
        pytest.param('"Class 7B"\r"batchId\tuserIds"\r"B\tu-asha"', id="every_line_quoted_whole_below_a_title"),
        pytest.param("Our school;;\nbatchId;userIds;\nB;u-asha;\n", id="a_title_above_semicolons"),
        pytest.param("batchId,userIds\nB,u-asha\n\ufeffbatchId,userIds\n", id="two_files_put_together"),
        pytest.param("batchId,userIds\nB,\u200b\u00a0u-asha\u2060\n", id="invisible_characters_around_a_value"),
        *(
            pytest.param("batchId\tuserIds\r\nB\tu-asha\r\n".encode(encoding), id=encoding)
            for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32")
        ),
        pytest.param(b"\xfe\xff" + "batchId,userIds\nB,u-asha\n".encode("utf-16-be"), id="utf-16-be_with_mark"),
        pytest.param(b"batchId,userIds\nB,\xa0u-asha\xa0\n", id="no_break_spaces_of_any_windows_page"),
        pytest.param(workbook([["batchId", "userIds"], ["B", "u-asha"]]), id="workbook"),
        pytest.param(
            workbook([[], ["Class 7B"], [], [None, "Batch ID", None, "userids"], [None, "B", None, "u-asha"], [None]]),
            id="workbook_with_a_title_and_padding",
        ),
        pytest.param(workbook([["Notes"]], [["batchId", "userIds"], ["B", "u-asha"]]), id="the_second_sheet"),
        pytest.param(
            workbook([["batchId", "userIds"], ["B", "u-asha"]], [["batchId", "userIds"], ["C", "x"]], hidden=1),
            id="a_hidden_sheet_does_not_count",
        ),
    ],
)
def test_what_spreadsheets_put_around_good_rows_is_passed_over(data: str | bytes) -> None:
    assert cells(data) == [GOOD]


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        ("", NoRows, "The file is empty"),
        ("\nbatchId,userIds\nB,u\n", NoHeader, "Line 1: it is empty"),
        ("\n", NoHeader, "Line 1: it is empty"),
        (",,\n", NoHeader, "Line 1: it is empty"),
        ('"",""\n1,2\n', NoHeader, "Line 1: it is empty"),
        (";;\nB;u\n", NoHeader, "Line 1: it is empty"),
        ("batchId;userIds;notes\n1;2;3\n", UnknownColumns, "Line 1: .* not known: notes"),
        ("x" * 1000 + ",y" * 1000 + "\n1\n", UnknownColumns, "^Line 1: .{130,240}$"),
        ("bаtchId,userIds\n1,u\n", UnknownColumns, r"with U\+0430 CYRILLIC SMALL LETTER A"),
        ('"batchId,userIds"\nB,u\n', UnknownColumns, "Line 1: .* not known: batchId,userIds"),
        ("batchId,userIds,\nB,u,x\n", UnknownColumns, "Line 2: column 3 has values, but no name"),
        ("batchId,userIds\n\nB,u-1,u-2\n", TooWide, "Line 3: it has 3 values, the header 2; put quotation marks"),
        ("batchId,userIds,userids\nB,u,v\n", Unreadable, "Line 1: .* twice: userIds"),
        ('batchId,userIds\nB,u\n"C,v\n', Unreadable, "Line 3: a quotation mark opens a cell that never ends"),
        ('batchId,userIds\nB,"u"x\n', Unreadable, "Line 2: more text comes after the quotation mark"),
        ("batchId,userIds\nB,u\x00\n", Unreadable, "Line 2: .* NUL"),
        (b"batchId,userIds\nB,u\nC,Jos\xe9\n", Unreadable, "Line 3: it is not in UTF-8 .*CSV UTF-8"),
        (b"\xff\xfeb\x00a", Unreadable, "UTF-16, but is cut"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Unreadable, "old .* or password-protected Excel"),
        (b"%PDF-1.7", Unreadable, "PDF"),
        ("\ufeff<html><table>", Unreadable, "web page"),
        ("batchId,userIds\nB,u\nC,v\n", TooManyRows, "more than 2 rows"),
        (b"PK\x03\x04 and no more", Unreadable, "damaged"),
        (workbook([]), NoRows, "empty"),
        (
            workbook([["batchId", "userIds"], ["B", "u"]], [["batchId", "userIds"], ["C", "v"]]),
            Unreadable,
            "Several sheets hold such a table: Sheet1, Sheet2; leave one",
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line_and_the_remedy(
    data: str | bytes, kind: type[Unreadable], reason: str
) -> None:
    with pytest.raises(kind, match=reason) as refused:
        list(read(data.encode() if isinstance(data, str) else data, COLUMNS, most_rows=2).rows)
    assert type(refused.value) is kind


def test_rows_carry_the_line_in_which_they_begin() -> None:
    data = b'sep=,\nbatchId,userIds\nB,"u-1\nu-2"\n\nC,u-3\n'
    assert [row.line for row in read(data, COLUMNS).rows] == [3, 6]


def test_a_row_tells_how_many_values_it_has_and_what_is_missing_is_empty() -> None:
    widths = [(row.width, dict(row.cells)) for row in read(b"batchId,userIds\nB\nC,\n", COLUMNS).rows]
    assert widths == [(1, {"batchId": "B"}), (2, {"batchId": "C"})]


def test_names_keep_the_joiners_that_shape_their_letters() -> None:
    name = "അവന\u0d4d\u200d"  # ends in a virama with a joiner, as a Malayalam chillu was written
    assert cells(f"batchId,userIds\nB,\u200b{name}\u00a0\n") == [{"batchId": "B", "userIds": name}]


def test_values_of_a_workbook_are_read_as_they_stand_there() -> None:
    data = workbook([["batchId", "userIds"], [137, 12.0], [True, 1.5], ["B", date(2026, 3, 4)], ["  C\u200b", "#x"]])
    assert [(row["batchId"], row["userIds"]) for row in cells(data)] == [
        ("137", "12"),
        ("yes", "1.5"),
        ("B", "2026-03-04T00:00:00"),
        ("C", "#x"),
    ]


def test_shared_and_rich_strings_of_a_workbook_are_read() -> None:
    part, text = (
        "xl/worksheets/sheet1.xml",
        b'<is><r><t>u-</t></r><r><rPr><b/></rPr><t xml:space="preserve">asha</t></r></is>',
    )
    plain = workbook([["batchId", "userIds"], ["B", "HERE"]])
    rich = repacked(plain, part, lambda sheet: re.sub(rb"<is><t>HERE</t></is>", text, sheet))
    assert rich != plain
    assert cells(rich) == [GOOD]


def test_a_formula_counts_as_its_saved_value_and_one_without_is_named() -> None:
    data = workbook([["batchId", "userIds"], ["B", "=A1"]])
    assert problems(data) == [
        (2, "userIds is a formula without a saved value; open the file in Excel and save it again")
    ]
    saved = repacked(
        data,
        "xl/worksheets/sheet1.xml",
        lambda sheet: re.sub(rb"<f>A1</f><v ?/?>(</v>)?", b"<f>A1</f><v>u-asha</v>", sheet).replace(
            b'<c r="B2"', b'<c r="B2" t="str"', 1
        ),
    )
    assert cells(saved) == [GOOD]


@pytest.mark.parametrize("value", [147000000000000000, 1.47e17, 10**15])
def test_a_number_that_a_sheet_cannot_keep_is_named(value: float) -> None:
    ((line, problem),) = problems(workbook([["batchId", "userIds"], [value, "u"]]))
    assert line == 2
    assert problem is not None
    assert "batchId is a number of more than 15 digits" in problem
    assert "format Text" in problem


def test_the_error_of_a_formula_is_named() -> None:
    for data in (b"batchId,userIds\nB,#N/A\n", workbook([["batchId", "userIds"], ["B", "#N/A"]])):
        ((_, problem),) = problems(data)
        assert problem == "userIds is #N/A, the error of a formula; correct it, or paste the values"


def test_a_workbook_that_is_larger_than_it_looks_is_refused() -> None:
    sheet = "xl/worksheets/sheet1.xml"
    bomb = repacked(workbook([["batchId", "userIds"]]), sheet, lambda content: content + b" " * 80_000_000)
    assert len(bomb) < 200_000
    with pytest.raises(Unreadable, match="larger than 64 MiB when it is unpacked"):
        read(bomb, COLUMNS)


def test_a_workbook_whose_entities_grow_is_refused() -> None:
    laughs = b'<!DOCTYPE a [<!ENTITY b "' + b"ha" * 1000 + b'">]>'

    def laugh(sheet: bytes) -> bytes:
        return sheet.replace(b"<worksheet", laughs + b"<worksheet", 1)

    with pytest.raises(Unreadable, match="damaged"):
        read(repacked(workbook([["batchId", "userIds"]]), "xl/worksheets/sheet1.xml", laugh), COLUMNS)


def test_a_cell_in_the_last_corner_of_a_sheet_costs_nothing() -> None:
    corner = b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'
    data = repacked(
        workbook([["batchId", "userIds"], ["B", "u-asha"]]),
        "xl/worksheets/sheet1.xml",
        lambda sheet: sheet.replace(b"</sheetData>", corner),
    )
    assert cells(data) == [GOOD]


def test_what_a_sheet_says_of_its_size_is_not_believed() -> None:
    data = workbook([["batchId", "userIds"], ["B", "u-asha"]])

    def lie(sheet: bytes) -> bytes:
        return re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1"', sheet)

    assert cells(repacked(data, "xl/worksheets/sheet1.xml", lie)) == [GOOD]


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"])
@pytest.mark.parametrize("content", [b"", b"<worksheet", b"\x00\xff"])
def test_a_damaged_workbook_is_refused(part: str, content: bytes) -> None:
    data = repacked(workbook([["batchId", "userIds"], ["B", "u"]]), part, lambda _: content)
    with pytest.raises(Unreadable):
        list(read(data, COLUMNS).rows)


def test_another_zip_is_no_workbook() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    with pytest.raises(Unreadable, match="no Excel workbook"):
        read(file.getvalue(), COLUMNS)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("u-1;u-2", ["u-1", "u-2"]),
        ("u-1,u-2|u-3\nu-4\r\nu-5\tu-6", ["u-1", "u-2", "u-3", "u-4", "u-5", "u-6"]),
        (" u-1 ,, u-2 ; ", ["u-1", "u-2"]),
        ("u-1；u-2、u-3\u2028u-4", ["u-1", "u-2", "u-3", "u-4"]),
        ("\u200bu-1\u200e,\ufeffu-\u00ad2\u2060,u\u200d-3", ["u-1", "u-2", "u-3"]),
        ('="0137","0138",\'0139,“u-4”', ["0137", "0138", "0139", "u-4"]),
        ("", []),
        (" ;\u200b", []),
    ],
)
def test_several_ids_in_a_cell_are_read_one_by_one(cell: str, expected: list[str]) -> None:
    assert ids.split(cell) == expected


@pytest.mark.parametrize(
    ("value", "flaw"),
    [
        ("0b1e3c5a-0000-4000-8000-00000000a5a0", None),
        ("आशा-7", None),
        ("1e5", None),
        ("v1.0", None),
        ("1.05", None),
        ("137.0", "an id that was read as a number; give the column the format Text"),
        ("137,00", "an id that was read as a number"),
        ("B;u-1", "holds ';'; where a line has another separator than the header, save"),
        ("1.47E+17", "a number that a spreadsheet has shortened; give the column the format Text"),
        ("1,47E+17", "a number that a spreadsheet has shortened"),
        ("2026-03-04T00:00:00", "a date"),
        ("u\u00a0x", r"U\+00A0 NO-BREAK SPACE; .* comma"),
        ("u-1 u-2", "a blank; .* comma"),
        ("u–1", r"U\+2013 EN DASH"),
        ("u-аsha", r"U\+0430 CYRILLIC SMALL LETTER A"),
        ("u-1\x01", r"U\+0001"),
        ("x" * 129, "129 characters, more than 128"),
    ],
)
def test_what_cannot_be_an_id_is_named(value: str, flaw: str | None) -> None:
    found = ids.flaw(value)
    assert found is None if flaw is None else re.search(flaw, found or "")


def test_a_long_number_that_ends_in_zeros_has_lost_its_digits() -> None:
    assert ids.has_lost_digits("1412345678901230000")
    assert not any(
        map(ids.has_lost_digits, ("01412345678901230000", "1412345678901234567", "1000", "u-10000000000000000"))
    )
