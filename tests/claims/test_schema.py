from testiculus.claims import (
    CONTROL,
    EXCLUDED,
    TABLE2_EXTRA_ROWS,
    TABLE2_ROWS,
    TABLE4_ROWS,
    UD,
    Conditions,
    lambda_row,
)
from testiculus.paper import ORGAN_WEIGHT, reported


def rows_of(table):
    return tuple(dict.fromkeys(reported(table)["row"]))


def test_the_rows_of_tables_2_and_4_are_the_papers_in_its_order():
    assert rows_of("table2") == TABLE2_ROWS and rows_of("table4") == TABLE4_ROWS


def test_this_projects_rows_are_in_no_table_of_the_paper():
    assert set(TABLE2_EXTRA_ROWS) == {CONTROL, EXCLUDED}
    assert not set(TABLE2_EXTRA_ROWS) & set(TABLE2_ROWS)


def test_lambdas_that_differ_have_rows_that_differ():
    assert lambda_row(0) == "lambda 0.0" and lambda_row(0.25) == "lambda 0.25"
    assert lambda_row(ORGAN_WEIGHT) in TABLE4_ROWS and UD not in TABLE4_ROWS


def test_conditions_name_the_papers_organs_unless_told_others():
    assert Conditions("phantom", "demo").organ == "testis"
    assert (
        Conditions("real", "demo", organ="liver", other_organs=("lung", "nerve")).organ == "liver"
    )
