"""The audits of the sources' printed numbers, one sheet each, derived from the figures alone."""

from collections.abc import Callable
from functools import cache

from testiculus.base.errors import one_of
from testiculus.claims.printed_counting import counts_sheet
from testiculus.claims.printed_rows import identical_sheet, prevalence_sheet, spread_sheet
from testiculus.claims.printed_sheet import Sheet
from testiculus.claims.printed_texts import statements_sheet, sums_sheet

SHEETS: dict[str, Callable[[], Sheet]] = {
    "statements": statements_sheet,
    "identical": identical_sheet,
    "prevalence": prevalence_sheet,
    "counts": counts_sheet,
    "spread": spread_sheet,
    "sums": sums_sheet,
}


@cache
def printed_sheet(name: str) -> Sheet:
    """Return an audit of the sources' own tables by its name; raises UserError for an unknown one.

    >>> printed_sheet("identical").frame["table"].iloc[0]
    'Table 1'
    """
    return SHEETS[one_of(name, SHEETS, "audit of printed numbers")]()
