"""The sources' headline claims for the welcome page: printed, and as found here.

`headlines` takes them from the ledger, so that picture and ledger cannot differ; the claims are
chosen here, once, and their figures and verdicts come from `paper` and from results.
`testiculus.execute.headlines_html` draws them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testiculus.execute.found import Result
from testiculus.execute.ledger_html import address
from testiculus.execute.profile_tabs import best_profile

if TYPE_CHECKING:
    import pandas as pd

    from testiculus.paper import ClaimText

PHANTOM = "phantom"
NAN = float("nan")
# One or two claims of each table, by their ids in the ledger, in few words.
CHOSEN = {
    "flipping-raises-f1": "Inverting suspicious labels raises F1",
    "filtering-raises-f1": "Removing suspicious images raises F1",
    "ud-beats-scratch": "Ultrasound pretraining beats random weights",
    "ud-beats-imagenet": "Ultrasound pretraining beats ImageNet",
    "article-filter-precision": "The filter raises precision of synthetic images",
    "filtering-beats-not-beside-thyroids": "Filtered synthetic images beat unfiltered",
    "synthetic-stands-in-beside-thyroids": "Synthetic testes stand in for real ones",
    "organ-loss-helps": "The organ loss helps pretraining",
    "markers-draw-attention": "Markers draw a model's attention",
    "augmentation-removes-the-pull": "Training with markers removes their pull",
}


@dataclass(frozen=True)
class Headline:
    """One claim as the picture shows it.

    `printed` is the difference that the sources print, `effect`, `low` and `high` what was found
    here, all as fractions and positive where they favour the claim; NaN where there is none. The
    claim holds from `threshold` on: 0, or minus the margin of a claim that one thing can stand in
    for another. `read_on` says in which reading, `told` the claim in full and why it has no effect.
    """

    id: str
    words: str
    experiment: str
    profile: str
    verdict: str
    printed: float
    effect: float
    low: float
    high: float
    threshold: float
    read_on: str
    told: str
    link: str
    stale: bool = False

    @property
    def is_drawn(self) -> bool:
        """Whether there is an effect to draw."""
        return self.effect == self.effect


def headlines(ledger: "pd.DataFrame", found: Sequence[Result]) -> list[Headline]:
    """Return the chosen claims, each with what the best profile on the phantom says of it.

    `ledger` is that of `found` (`testiculus.execute.ledger_page.ledger_of`). Links are as seen from
    the welcome page.
    """
    on_phantom = ledger[ledger["data"] == PHANTOM]
    chosen = []
    for name, words in CHOSEN.items():
        rows = on_phantom[on_phantom["id"] == name].to_dict("records")
        row = _of_best(rows, found)
        chosen.append(_headline(name, words, row, found))
    return chosen


def _of_best(rows: list[dict], found: Sequence[Result]) -> dict:
    """Return the row of the best profile that ran; the first where none has."""
    experiment = rows[0]["experiment"].partition(",")[0]
    best = best_profile(found, experiment, PHANTOM)
    return next((row for row in rows if row["profile"] == best), rows[0])


def _headline(name: str, words: str, row: dict, found: Sequence[Result]) -> Headline:
    claim = _claim(row["experiment"], name, row["claim"])
    experiment = row["experiment"].partition(",")[0]
    page = row["page"] or address(experiment, PHANTOM, row["profile"])
    anchor = f"#{row['anchor']}" if row["anchor"] and row["page"] else ""
    return Headline(
        id=name,
        words=words,
        experiment=experiment,
        profile=row["profile"],
        verdict=row["verdict"],
        printed=_printed(claim),
        effect=row["effect"],
        low=row["ci_low"],
        high=row["ci_high"],
        threshold=_threshold(claim),
        read_on=_reading(claim, _sentence(row, found)),
        told=" ".join(filter(None, (row["text"], _capital(row["note"])))),
        link=f"generated/{page}{anchor}",
        stale=bool(row["stale"]),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _claim(experiment: str, name: str, decided_by: str) -> "ClaimText | None":
    """Return the claim of an experiment's file that decides an entry; Fig. 5's has another form."""
    from testiculus.paper.claim_texts import CLAIMED_TABLES, claim_texts
    from testiculus.paper.ledger import claim_of, ledger

    entry = next(entry for entry in ledger() if entry.id == name)
    first = entry.tests[0]
    if experiment not in CLAIMED_TABLES:
        return None
    texts = {text.id: text for text in claim_texts(experiment)}
    return texts.get(claim_of(decided_by or first.claim, tuple(texts)))


def _printed(claim: "ClaimText | None") -> float:
    """Return the difference that the sources print, whatever has run here; NaN where none."""
    from testiculus.paper import reported_change

    if claim is None:
        return NAN
    if claim.paper is not None:
        return claim.paper
    document, measure = claim.id.partition("-")[0], claim.metric.partition("_")[0]
    if document not in ("article", "thesis") or measure == "frechet":
        return NAN
    found = reported_change(document, claim.better, claim.worse, measure)
    return NAN if found is None else found


def _threshold(claim: "ClaimText | None") -> float:
    from testiculus.paper.claim_texts import EQUAL_MARGIN

    return -EQUAL_MARGIN if claim is not None and claim.kind == "stands in" else 0.0


def _sentence(row: dict, found: Sequence[Result]) -> str:
    """Return the sentence of the verdict that decides a row of the ledger; "" where none."""
    from testiculus.claims.ledger import read_verdicts

    where = (row["experiment"], row["data"], row["profile"])
    for result in found:
        if (result.experiment, result.data, result.profile) == where:
            return str(read_verdicts(result.folder).get(row["claim"], {}).get("text", ""))
    return ""


def _reading(claim: "ClaimText | None", sentence: str) -> str:
    """Return what a verdict's sentence adds to the claim's: by which figure, on which labels."""
    stem = claim.text.rstrip(".") if claim else ""
    if not stem or not sentence.startswith(stem):
        return ""
    return sentence.removeprefix(stem).strip(" ,.")
