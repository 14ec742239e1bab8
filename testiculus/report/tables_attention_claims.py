"""What Fig. 5's measures are worth, and its claims one by one.

`controls_table` reads controls.csv and says which measures measure anything,
`attention_verdicts_table` reads verdicts.csv.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from testiculus.claims.attention import SCORED_ON
from testiculus.claims.attention_schema import (
    CONTROL_COLUMNS,
    CONTROL_MEASURES,
    MAP_MEASURES,
    MEASURE_NAMES,
    SCORES,
    WITH,
)
from testiculus.claims.schema import Conditions, require_columns
from testiculus.claims.verdicts import UNTESTABLE
from testiculus.paper import EQUAL_MARGIN
from testiculus.paper.attention import AttentionClaim, attention_claims
from testiculus.report.attention_words import CONDITIONAL, named
from testiculus.report.generation_words import truthful
from testiculus.report.render import (
    ABSENT,
    Table,
    bracket,
    percent,
    points,
    reached_on,
    without_repeats,
)
from testiculus.report.tables_pretraining import NOT_CLAIMED

OURS = "this project's comparison"
NOTHING_CLAIMED = "The smoke profile tests the machinery; it claims nothing."
RESOLVED = {  # by measure, maps' all in one: their kind where resolvable differences are told
    "map": "maps",
    "probability_change": "probability",
    "probability_change_relative": "probability in standard deviations",
    "probability_shift": "signed probability",
    "flipped": "flips",
    "accuracy": "accuracy",
    "f1": "F1",
    "auc": "AUC",
}
BROKEN = {UNTESTABLE: "cannot be\ntested here"}  # so that the column stays narrow
VERDICTS = (
    *("claim", "text", "source", "effect", "ci_low", "ci_high", "verdict"),
    *("boot_low", "boot_high", "resolvable", "note"),
)


def controls_table(controls: pd.DataFrame, conditions: Conditions) -> Table:
    """Return each measure of a trained model beside those of what cannot know where to look.

    On unmarked images that is the model with markers and every control; on marked ones the model
    that the markers are said to draw, and the network that has learnt nothing. A measure tells the
    two apart where the interval of the paired difference is above zero: `tells`. Below the table
    the measures that do not, by name. Raises `UserError` where a column is missing.
    """
    require_columns(controls, CONTROL_COLUMNS, "controls")
    known, lines = controls.dropna(subset="difference"), []
    for found in known.itertuples():
        tells = "yes" if truthful(found.informative) else "no"
        difference = f"{points(found.difference, 1)} {bracket(found.ci_low, found.ci_high)}"
        lines.append(
            (
                MEASURE_NAMES.get(found.measure, found.measure),
                _images_of(found.measure),
                percent(found.value, 1),
                found.against,
                percent(found.control, 1),
                difference,
                ABSENT if conditions.claims_nothing else tells,
            )
        )
    names = ["measure", "test images", "trained", "control", "scores", "difference [95 %]", "tells"]
    frame = pd.DataFrame(lines, columns=names)
    frame = without_repeats(frame, ["measure", "test images", "trained"])
    notes = [
        f"Percent; trained: the model {_models_of(known)}; difference: trained less control, "
        f"points, paired over the same images; tells: its interval is above 0. {CONDITIONAL}",
        "Random labels: trained alike on labels that were shuffled among patients; random weights: "
        "not trained; the other two are no model's: noise as smooth as a map, and a map that "
        "always looks at the middle. These two ignore the image, so that on marked images their "
        "changes are 0 by definition and have no line.",
        *_what_measures_nothing(known, conditions),
    ]
    caption = f"Does a measure tell a trained model from a control? {reached_on(conditions)}"
    right = ("trained", "scores", "difference [95 %]")
    return Table(frame, caption, tuple(notes), right, ("measure", "test images", "control"))


def _images_of(measure: str) -> str:
    return next((c for c, measures in CONTROL_MEASURES.items() if measure in measures), ABSENT)


def _models_of(controls: pd.DataFrame) -> str:
    """Return which model is compared on which test images, in words."""
    pairs = zip(controls["row"], controls["measure"].map(_images_of), strict=True)
    images: dict[str, list[str]] = {}
    for row, condition in dict.fromkeys(pairs):
        images.setdefault(row, []).append(condition)
    told = (f"{row} (test images {' and '.join(found)})" for row, found in images.items())
    return ", ".join(told) or WITH


def _what_measures_nothing(controls: pd.DataFrame, conditions: Conditions) -> Iterator[str]:
    """Yield sentences: which measures score alike on controls, which do not, which are absent."""
    missing = [
        measure
        for measures in CONTROL_MEASURES.values()
        for measure in measures
        if measure not in set(controls["measure"])
    ]
    if missing:
        yield f"Not measured here: {named(missing)}."
    if conditions.claims_nothing:
        yield NOTHING_CLAIMED
        return
    alike = _alike(controls)
    for against, measures in alike.items():
        if against:
            verb = "scores" if len(against) == 1 else "score"
            yield (
                f"Measures nothing here, as {_in_words(against)} {verb} like the trained model or "
                f"better: {named(measures)}."
            )
    if () in alike:
        yield (
            "Tells the trained model from every control that it is compared with: "
            f"{named(alike[()])}."
        )


def _alike(controls: pd.DataFrame) -> Mapping[tuple[str, ...], list[str]]:
    """Return the measures by the controls that they do not tell from the trained model."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for measure, of_measure in controls.groupby("measure", sort=False):
        against = of_measure[~of_measure["informative"].map(truthful)]["against"]
        alike.setdefault(tuple(against), []).append(measure)
    return alike


def _in_words(names: Sequence[str]) -> str:
    """Return names as part of a sentence: "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def attention_verdicts_table(
    verdicts: pd.DataFrame, conditions: Conditions, controls: pd.DataFrame | None = None
) -> Table:
    """Return every claim on markers and maps: who makes it, what was found here, and the verdict.

    Effects are positive where they are what the claim says, in percentage points. The interval over
    paired runs decides, that over patients stands beside it. `controls` (controls.csv), where
    given, adds which of the measures measure nothing here. Raises `UserError` where a column is
    missing.
    """
    require_columns(verdicts, VERDICTS, "verdicts")
    texts, lines = {claim.id: claim for claim in attention_claims()}, []
    for found in verdicts.itertuples():
        here = f"{points(found.effect, 1)} {bracket(found.ci_low, found.ci_high)}"
        text, read_on = _read_on(found, texts)
        lines.append(
            (
                said_by(found.source).replace(", ", ",\n"),
                text,
                read_on,
                here if pd.notna(found.effect) else ABSENT,
                bracket(found.boot_low, found.boot_high),
                NOT_CLAIMED.replace(" (", "\n(")
                if conditions.claims_nothing
                else BROKEN.get(found.verdict, found.verdict),
            )
        )
    names = ["said by", "claim", "read on", "here [95 %]", "patients", "verdict"]
    frame = without_repeats(pd.DataFrame(lines, columns=names), ["said by", "claim"])
    reads = dict.fromkeys(claim.reads for claim in texts.values() if claim.reads)
    notes = (
        "Percentage points in the claim's direction. Here: mean over paired runs (seeds x folds) "
        "and corrected resampled t interval, which decides, since claims are about a way of "
        "training and any two trainings differ; patients: bootstrap over patients, for these "
        "trained models. Maps, predictions: means over a run's test images. Original: accuracy, F1 "
        "or AUC against labels as they came; truth: against true labels.",
        *_resolvable_note(verdicts, texts),
        "The sources show maps of a few images and print no figure for any of this. Ours: a "
        f"comparison that no source makes. No loss: at most {percent(EQUAL_MARGIN, 1)} points, a "
        "margin fixed in advance.",
        f"Words read as numbers: {'; '.join(reads)}.",
        *_worthless_note(controls, conditions),
        *_untestable_notes(verdicts, conditions),
    )
    caption = f"Claims of Fig. 5: verdicts reached on {reached_on(conditions)}"
    return Table(frame, caption, notes, ("here [95 %]", "patients"), ("claim",))


def _read_on(found, texts: Mapping[str, AttentionClaim]) -> tuple[str, str]:
    """Return a claim's text, and what it was read on: maps, predictions, or which labels."""
    claim = texts.get(found.claim.removesuffix("-truth"))
    measure = claim.measure if claim else ""
    if measure not in SCORES:
        return found.text, "maps" if measure in MAP_MEASURES else "predictions"
    read_on = "truth" if found.claim.endswith("-truth") else "original"
    return found.text.removesuffix(f", {SCORED_ON[read_on]}.").removesuffix(".") + ".", read_on


def _resolvable_note(verdicts: pd.DataFrame, texts: Mapping[str, AttentionClaim]) -> Iterator[str]:
    """Yield the smallest differences that could have been resolved: on maps, on each score, ...

    Of each kind the largest half-width of a claim's deciding interval; a kind without any is left
    out.
    """
    widest: dict[str, float] = {}
    for found in verdicts.itertuples():
        claim = texts.get(found.claim.removesuffix("-truth"))
        if claim is None or not np.isfinite(found.resolvable) or not found.resolvable > 0:
            continue  # 0: the same models
        kind = _resolved(claim.measure)
        widest[kind] = max(widest.get(kind, 0.0), found.resolvable)
    parts = [f"{kind} {percent(widest[kind], 1)}" for kind in RESOLVED.values() if kind in widest]
    if parts:
        yield f"Smallest differences resolvable here, in points: {', '.join(parts)}."


def _resolved(measure: str) -> str:
    """Return what a measure's resolvable difference is told under."""
    return RESOLVED["map"] if measure in MAP_MEASURES else RESOLVED[measure]


def _worthless_note(controls: pd.DataFrame | None, conditions: Conditions) -> Iterator[str]:
    """Yield which measures a control scores as high on as the trained model, if any."""
    if controls is None or conditions.claims_nothing:
        return
    alike = _alike(controls.dropna(subset="difference"))
    worthless = [measure for against, found in alike.items() if against for measure in found]
    if worthless:
        yield (
            "By the controls these measure nothing here, so that a verdict on them says where maps "
            f"lie and not what was learnt: {named(worthless)}."
        )


def said_by(source: str) -> str:
    """Return which documents a claim's places are in.

    >>> said_by("thesis, section 7.1; article, section 5; thesis, Fig. 6.1")
    'thesis, article'
    """
    if OURS in source:
        return "ours"
    places = source.split("; ")
    return ", ".join(dict.fromkeys(place.partition(",")[0].split()[0] for place in places))


def _untestable_notes(verdicts: pd.DataFrame, conditions: Conditions) -> list[str]:
    """Return why claims cannot be tested here, each reason once."""
    if conditions.claims_nothing:
        return [NOTHING_CLAIMED]
    notes = verdicts.loc[verdicts["effect"].isna(), "note"].dropna()
    reasons = dict.fromkeys(part for note in notes for part in note.split("; ") if part)
    return [f"Cannot be tested here: {reason}." for reason in reasons]
