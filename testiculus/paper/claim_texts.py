"""The sources' claims: what is said to be better than what, by which measure, and where."""

from dataclasses import dataclass
from importlib.resources import files

from testiculus.base.errors import one_of
from testiculus.paper.reported import TABLES, reported

CLAIMED_TABLES = ("table1", "table2", "table3", "table4", "fig4")
KINDS = ("beats", "equal", "best", "stands in")
# Rows of a table whose figures the sources print in Table 2, under the names there.
PRINTED_IN_TABLE2 = {
    "table3": {"none": "none", "ImageNet": "ImageNet", "real thyroids": "UD thyroids only"}
}
# Two rows are called about equal if they differ by no more than this, a fraction. Roughly the
# standard deviation that Table 2 prints for the F1 of both single-organ rows (2.32 and 2.46
# points): fixed here, once, for every reading and every data set.
EQUAL_MARGIN = 0.025


@dataclass(frozen=True)
class ClaimText:
    """One claim about rows of a table on `metric`, of one of four kinds.

    "beats": `better` beats `worse`. "equal": the two are about equal, that is within
    `EQUAL_MARGIN`. "best": `better` beats each of `rivals`, which `worse` names in words. "stands
    in": `better` is no worse than `worse`, or by no more than `EQUAL_MARGIN`; where `worse` gains
    nothing over the row `without`, there is nothing to stand in for.

    `text` is in this project's words, `source` the place it is said at, or that it is this
    project's own comparison. `paper` is the difference better - worse that the sources report, as
    a fraction (for "best" the smallest over the rivals), or None where they print none.
    """

    id: str
    text: str
    source: str
    better: str
    worse: str
    metric: str
    paper: float | None
    kind: str = "beats"
    rivals: tuple[str, ...] = ()
    without: str = ""

    @property
    def against(self) -> tuple[str, ...]:
        """The rows that `better` is compared with."""
        return self.rivals or (self.worse,)


def claim_texts(table: str) -> list[ClaimText]:
    """Return the claims about `table`; raises UserError for a table without any.

    >>> claim = claim_texts("table1")[0]
    >>> claim.id, round(claim.paper, 4)
    ('filtered-beats-complete-accuracy', 0.0664)
    """
    import yaml

    one_of(table, CLAIMED_TABLES, "table with claims")
    text = (files(__package__) / "data" / f"claims_{table}.yaml").read_text(encoding="utf-8")
    means = _means(table)
    return [_claim(claim, means) for claim in yaml.safe_load(text)]


def _means(table: str) -> dict[tuple[str, str], float]:
    """Return the printed mean of every row and metric of a table; none of what is no table."""
    if table not in TABLES:
        return {}
    means = {(r.row, r.metric): r.mean for r in reported(table).itertuples()}
    for row, there in PRINTED_IN_TABLE2.get(table, {}).items():
        means |= {(row, m): mean for (named, m), mean in _means("table2").items() if named == there}
    return means


def _claim(entry: dict, means: dict[tuple[str, str], float]) -> ClaimText:
    """Return the claim of an entry of the file, with the difference that the sources report."""
    rivals = tuple(entry.pop("rivals", ()))
    claim = ClaimText(**entry, rivals=rivals, paper=None)
    rows = {(row, claim.metric) for row in (claim.better, *claim.against)}
    if not rows <= means.keys():
        return claim
    best = means[(claim.better, claim.metric)]
    paper = min(best - means[(row, claim.metric)] for row in claim.against)
    return ClaimText(**entry, rivals=rivals, paper=paper)
