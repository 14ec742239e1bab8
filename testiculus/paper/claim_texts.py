"""The sources' claims: what is said to be better than what, by which measure, and where."""

from dataclasses import dataclass
from importlib.resources import files

from testiculus.base.errors import one_of
from testiculus.paper.reported import reported

CLAIMED_TABLES = ("table1",)


@dataclass(frozen=True)
class ClaimText:
    """One claim of the sources: `better` beats `worse` on `metric`.

    `text` is in this project's words, `source` the place it is said at. `paper` is the difference
    the sources report, as a fraction, or None where they print none.
    """

    id: str
    text: str
    source: str
    better: str
    worse: str
    metric: str
    paper: float | None


def claim_texts(table: str) -> list[ClaimText]:
    """Return the claims about `table`; raises UserError for a table without any.

    >>> claim = claim_texts("table1")[0]
    >>> claim.id, round(claim.paper, 4)
    ('filtered-beats-complete-accuracy', 0.0664)
    """
    import yaml

    one_of(table, CLAIMED_TABLES, "table with claims")
    text = (files(__package__) / "data" / f"claims_{table}.yaml").read_text(encoding="utf-8")
    means = {(r.row, r.metric): r.mean for r in reported(table).itertuples()}
    return [ClaimText(**claim, paper=_difference(claim, means)) for claim in yaml.safe_load(text)]


def _difference(claim: dict, means: dict[tuple[str, str], float]) -> float | None:
    """Return better - worse as reported, or None where either is in no table."""
    better, worse = ((claim[side], claim["metric"]) for side in ("better", "worse"))
    return means[better] - means[worse] if better in means and worse in means else None
