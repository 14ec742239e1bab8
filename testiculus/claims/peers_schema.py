"""The frames and names that the comparison of rules for label noise is made of.

scores   one row per condition and image: label, true_label, and each rule's score, higher for more
         suspicious
summary  one row per condition, rule and metric, with its interval over patients
choice   one row per metric of `CHOICE_METRICS` and rule: its mean over the conditions that decide,
         and how far the best is ahead
"""

from testiculus.noise.peers import RULES, TIED

RANDOM_NOISE = "random noise"
FRAME_MISSES = "frame misses"
BORDERLINE = "borderline cases"
PLANTED = (RANDOM_NOISE, FRAME_MISSES, BORDERLINE)
AS_LABELLED = "as labelled"  # nothing planted here: the labels as the images came with them

AVERAGE_PRECISION = "average_precision"
AT_PLANTED = "precision_at_planted"
# Among images that carry one label, averaged over the labels by their numbers of wrong ones: what
# is left of a rule's lead when it cannot gain by calling one label more suspicious than the other.
WITHIN_LABEL = "average_precision_within_label"
RANKING_METRICS = (AVERAGE_PRECISION, AT_PLANTED, WITHIN_LABEL)
CHOICE_METRICS = (AVERAGE_PRECISION, WITHIN_LABEL)
SCORED_RULES = (*RULES, TIED)

FILTERED, FLIPPED = "filtered", "flipped"
CURATIONS = (FILTERED, FLIPPED)
CORRECTED = "true labels"  # the ceiling: every wrong label of the training parts put right

SCORE_COLUMNS = (
    *("condition", "kind", "rate", "image", "patient", "label", "true_label"),
    *SCORED_RULES,
)
SUMMARY_COLUMNS = (
    *("condition", "kind", "rate", "rule", "metric", "value", "ci_low", "ci_high"),
    *("patients", "images", "planted"),
)
CHOICE_COLUMNS = (
    *("metric", "rule", "value", "behind", "ci_low", "ci_high", "best", "as_good"),
    *("conditions",),
)


def condition_name(kind: str, rate: float) -> str:
    """Return the name of a condition, its rate in percent.

    >>> condition_name("random noise", 0.05), condition_name("as labelled", 0.098)
    ('random noise 5 %', 'as labelled')
    """
    return kind if kind == AS_LABELLED else f"{kind} {100 * rate:g} %"


def curated_row(rule: str, curation: str) -> str:
    """Return the name of the row whose training labels were curated by a rule's flags.

    >>> curated_row("cleanlab", "flipped")
    'cleanlab, flipped'
    """
    return f"{rule}, {curation}"


def slug(name: str) -> str:
    """Return a name as part of a claim's or a metric's id.

    >>> slug("area under the margin"), slug("article's rule")
    ('area-under-the-margin', 'articles-rule')
    """
    return name.replace("'", "").replace(" %", "").replace(" ", "-")
