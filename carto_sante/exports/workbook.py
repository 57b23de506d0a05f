"""Excel workbook with a sheet of metadata, the same bytes for the same tables."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.errors import InputError
from carto_sante.files import whole_file

if TYPE_CHECKING:
    import pandas as pd

METADATA_SHEET = "Métadonnées"
#: Limit of the format (ECMA-376, worksheet rows).
MAX_ROWS = 1_048_576


def write_workbook(
    tables: Mapping[str, pd.DataFrame], path: Path | str, *, metadata: Mapping[str, str], data_date: dt.date
) -> None:
    """Write tables as the sheets of an Excel workbook, after a sheet that says what they are.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By sheet name (at most 31 characters); NA becomes an empty cell, text stays text (codes keep their zeros).
    path : path
        Ends in ``.xlsx``; written whole or not at all.
    metadata : mapping of str to str
        Lines of the first sheet: title, sources, dates, definitions.
    data_date : datetime.date
        Written where the format wants a timestamp.

    Raises
    ------
    InputError
        If a name is too long or a table too large for the format.
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import pandas, tempfile, pathlib, datetime
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "a.xlsx"
    >>> write_workbook({"Données": pandas.DataFrame({"code": ["01004"]})}, target, metadata={"Titre": "Essai"},
    ...     data_date=datetime.date(2026, 1, 15))
    >>> pandas.read_excel(target, sheet_name="Données", dtype=str)["code"].tolist()
    ['01004']
    """
    import openpyxl

    for name, table in tables.items():
        if len(name) > 31:
            raise InputError(f"The sheet name {name!r} has {len(name)} characters.", expected="at most 31")
        if len(table) >= MAX_ROWS:
            raise InputError(
                f"{name} has {len(table):,} rows.",
                expected=f"fewer than {MAX_ROWS:,}",
                next_step="Write a CSV instead.",
            )
    book = openpyxl.Workbook()
    first = book.active
    first.title = METADATA_SHEET
    for line in metadata.items():
        first.append(list(line))
    first.column_dimensions["A"].width, first.column_dimensions["B"].width = 28, 100
    for name, table in tables.items():
        _fill(book.create_sheet(name), table)
    moment = dt.datetime.combine(data_date, dt.time())
    book.properties.created = moment
    buffer = io.BytesIO()
    book.save(buffer)
    with whole_file(path) as part:
        part.write_bytes(_without_clock(buffer.getvalue(), moment))


def _fill(sheet: Any, table: pd.DataFrame) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet.append([str(name) for name in table.columns])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    plain = table.astype(object).where(table.notna(), None)
    for row in plain.itertuples(index=False, name=None):
        sheet.append(row)
        for cell in sheet[sheet.max_row]:
            if cell.data_type == "f":  # a registry field that begins with "=" is text, never a formula
                cell.data_type = "s"
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    for number, name in enumerate(table.columns, start=1):
        longest = max([len(str(name)), *(len(str(value)) for value in plain[name].head(200))])
        sheet.column_dimensions[get_column_letter(number)].width = min(60, longest + 2)


def _without_clock(content: bytes, moment: dt.datetime) -> bytes:
    # openpyxl writes the time of saving into docProps/core.xml and into the entries of the zip.
    out = io.BytesIO()
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            body = source.read(name)
            if name == "docProps/core.xml":
                body = re.sub(rb"(<dcterms:(?:modified|created)[^>]*>)[^<]*", rb"\g<1>" + stamp, body)
            info = zipfile.ZipInfo(name, date_time=(max(moment.year, 1980), moment.month, moment.day, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(info, body)
    return out.getvalue()
