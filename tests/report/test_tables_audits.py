"""The audits of printed numbers as tables: the sheets' cells, in plain text."""

import pytest

from testiculus.claims.printed import printed_sheet
from testiculus.report import tables_audits

NAMES = ("identical", "prevalence", "counts", "spread", "sums", "statements")


@pytest.mark.parametrize("name", NAMES)
def test_each_audit_is_a_table_with_its_sheets_cells(name):
    table = getattr(tables_audits, f"{name}_table")()
    sheet = printed_sheet(name)

    assert table.caption == sheet.caption and len(table.frame) == len(sheet.frame)
    assert list(table.frame.columns) == list(sheet.frame.columns)
    assert "*" not in "".join(table.frame.to_numpy().ravel()) + "".join(table.notes)
    assert len(max(str(table).splitlines(), key=len)) < 240 and "<td" in table.html()


def test_a_figure_stands_in_its_cell():
    table = tables_audits.prevalence_table().frame.set_index("row")

    assert table.loc["UD", "positives"] == "22.88" and table.loc["UD", "table"].startswith("Tables")
