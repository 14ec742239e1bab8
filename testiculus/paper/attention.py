"""The sources' claims about markers and Grad-CAM++ maps (article, Fig. 5; thesis, section 6.4).

The sources show maps of a few images and print no figure for them, so that no claim has one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from testiculus.base.errors import UserError

STRENGTHS = ("none", "largest")
KINDS = ("beats", "best", "stands in")


@dataclass(frozen=True)
class AttentionTerm:
    """`sign` times a measure of one model on one kind of test images.

    `row` names the model, `images` the test images, and `strength` the bias that the model was
    trained under: "none", or the "largest" that was run.
    """

    sign: int
    row: str
    images: str
    strength: str = "none"


@dataclass(frozen=True)
class AttentionClaim:
    """One claim on a signed sum of `measure` over `terms`, of one of three kinds.

    "beats": the sum is above `least`. "best": that, and the first term's model beats each of
    `rivals` on the same images. "stands in": the sum is no worse than zero, or hardly.

    A claim that nothing here can decide says why in `untestable`.

    `text` is in this project's words, `source` the place it is said at, or that it is this
    project's own comparison; `reads` says how a word of the sources was made a number, if one was.
    """

    id: str
    text: str
    source: str
    measure: str
    terms: tuple[AttentionTerm, ...]
    kind: str = "beats"
    least: float = 0.0
    rivals: tuple[str, ...] = ()
    reads: str = ""
    untestable: str = ""

    @property
    def of_dose(self) -> bool:
        """Whether the claim needs models trained on marks that go with the label."""
        return any(term.strength == "largest" for term in self.terms)


def attention_claims() -> list[AttentionClaim]:
    """Return the claims about markers and maps, in the order they are shown in.

    >>> claim = attention_claims()[0]
    >>> claim.id, claim.measure
    ('markers-draw-attention', 'shift_markers')
    """
    import yaml

    text = (files(__package__) / "data" / "claims_fig5.yaml").read_text(encoding="utf-8")
    return [claim_of(entry) for entry in yaml.safe_load(text)]


def claim_of(entry: Mapping) -> AttentionClaim:
    """Return the claim of one entry of the file: its keys are the fields of `AttentionClaim`.

    `plus` and `minus` list the terms of either sign. Raises UserError for a claim without a
    positive term, or of a kind or strength that is none.
    """
    entry = dict(entry)
    signs = ((1, entry.pop("plus", ())), (-1, entry.pop("minus", ())))
    terms = tuple(AttentionTerm(sign, **term) for sign, listed in signs for term in listed)
    claim = AttentionClaim(**entry | {"terms": terms, "rivals": tuple(entry.get("rivals", ()))})
    strengths = {term.strength for term in terms}
    if claim.kind not in KINDS or not strengths <= set(STRENGTHS) or not terms or terms[0].sign < 0:
        raise UserError(
            f"the claim {claim.id} cannot be read",
            where="claims_fig5.yaml",
            remedy=f"a kind of {', '.join(KINDS)}; plus: a term; strength: none or largest",
        )
    return claim
