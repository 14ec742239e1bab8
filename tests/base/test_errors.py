import pytest

from testiculus.base.errors import InputProblems, UserError, one_of


def test_an_unknown_name_brings_the_nearest_and_all_allowed():
    with pytest.raises(UserError) as caught:
        one_of("dmeo", ["smoke", "demo"], "profile")
    assert "unknown profile 'dmeo'" in str(caught.value)
    assert "did you mean 'demo'? allowed: smoke, demo" in str(caught.value)


def test_all_problems_are_listed():
    error = InputProblems("2 problems", ["row 2", "row 5"], remedy="mend them")
    assert error.problems == ["row 2", "row 5"]
    assert str(error).splitlines() == [
        "2 problems",
        "  - row 2",
        "  - row 5",
        "  remedy: mend them",
    ]


def test_a_long_list_is_cut_in_the_message_and_whole_in_the_error():
    error = InputProblems("many", [f"row {i}" for i in range(300)])
    assert "row 49" in str(error) and "row 50" not in str(error)
    assert "and 250 more" in str(error) and len(error.problems) == 300
