"""What the audits of the sources' printed figures find, as the ledger reads it."""

from functools import cache

from testiculus.audits.printed_statements import judge
from testiculus.claims.ledger import Found
from testiculus.claims.printed_findings import of_statement, of_sum, printed_findings
from testiculus.paper.printed import printed_figures, stated_sums
from testiculus.paper.statements import statements

# Which sheet (`testiculus.claims.printed`) a finding stands on that is no statement's.
_SHEETS = {
    "prevalence-is-a-fifth": "prevalence",
    "two-kinds-of-spread": "spread",
    "uusic-averages": "sums",
}


@cache
def audit_findings() -> dict[str, Found]:
    """Return every audit by the name that the ledger's entries use for it.

    These are the names of `printed_findings`, and the id of every statement and every stated sum.
    What stands for the experiment is the sheet that shows the finding.

    >>> found = audit_findings()["ud-article"]
    >>> found.verdict, found.experiment
    ('contradicted', 'sums')
    """
    figures, sums = printed_figures(), stated_sums()
    by_name = {one.id: of_statement(judge(one, figures)) for one in statements()}
    by_name |= {one.id: of_sum(one) for one in sums}
    by_name |= printed_findings()
    sheets = {name: "sums" for one in sums for name in (one.id, one.ledger)} | _SHEETS
    return {
        name: Found(
            finding.verdict,
            name,
            sheets.get(name, "statements"),
            note=finding.note,
            also=finding.also,
        )
        for name, finding in by_name.items()
    }
