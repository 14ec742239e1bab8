"""How verdicts on negative controls are to be read: which hold by construction, which turn around.

`words_of` is a verdict as a page shows it, `note_of` the reason beside it. An untrained generator
draws clipped noise: that Fig. 4's measures take none of it for real is a check of the measures, and
no finding. Curated labels are chosen by models of the kind that is scored on them: an AUC above
chance there shows that the scoring is circular, and not that the control has failed.
"""

from testiculus.claims.verdicts import CONTRADICTED, SUPPORTED

BY_CONSTRUCTION = "by construction"
CIRCULAR = "circularity shown"
SANITY_NOTE = f"{BY_CONSTRUCTION}: clipped noise is unlike any image, a check of the measure"
CIRCULAR_NOTE = (
    f"{CIRCULAR}: models of the kind that is scored chose these labels, the control has not failed"
)
CIRCULAR_CLAIM = "table1-permuted-curated-auc-at-chance"
SANITY_CLAIMS = tuple(f"fig4-untrained-{figure}" for figure in ("precision", "recall", "kept"))


def note_of(claim: str, verdict: str, effect: float) -> str:
    """Return what has to be said beside a verdict; "" for a claim that is read as it stands.

    `effect` is the claim's, NaN where it was not measured.
    """
    if claim in SANITY_CLAIMS and effect == effect:
        return SANITY_NOTE
    return CIRCULAR_NOTE if _is_circular(claim, verdict, effect) else ""


def words_of(claim: str, verdict: str, effect: float) -> str:
    """Return a verdict as a page shows it.

    >>> words_of("fig4-untrained-kept", "supported", 0.0)
    'supported (by construction)'
    >>> words_of("table1-permuted-curated-auc-at-chance", "contradicted", 0.2)
    'contradicted (circularity shown)'
    >>> words_of("table1-permuted-auc-at-chance", "contradicted", 0.2)
    'contradicted'
    """
    if claim in SANITY_CLAIMS and verdict == SUPPORTED:
        return f"{verdict} ({BY_CONSTRUCTION})"
    return f"{verdict} ({CIRCULAR})" if _is_circular(claim, verdict, effect) else verdict


def _is_circular(claim: str, verdict: str, effect: float) -> bool:
    """Return whether the curated labels' AUC is above chance; below, something else is wrong."""
    return claim == CIRCULAR_CLAIM and verdict == CONTRADICTED and effect > 0
