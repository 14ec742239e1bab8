"""Fig. 5 in figures: what maps look at, with and without the augmentation and the markers.

`two_by_two_table` compares both models on both kinds of test images, `kinds_table` takes the
markers one kind at a time. Both read summary.csv.
"""

from collections.abc import Iterator, Sequence

import pandas as pd

from testiculus.claims.attention_schema import (
    ALL_KINDS,
    DIFFERENCE_COLUMNS,
    MEASURE_NAMES,
    NO_STRENGTH,
    ROWS,
    UNMARKED,
    WITH,
    WITHOUT,
)
from testiculus.claims.schema import Conditions, require_columns
from testiculus.report.attention_words import (
    CONDITIONAL,
    absence_notes,
    condition_name,
    kinds_of,
    level,
    lines_of,
    main_layer,
    numbers_note,
)
from testiculus.report.render import (
    ABSENT,
    Table,
    bracket,
    percent,
    points,
    reached_on,
    without_repeats,
)

BELOW = {"gain_parenchyma": "energy_clear", "map_change": "change_between"}  # to be read together
IN_TABLE = tuple(
    name
    for measure in MEASURE_NAMES
    if measure not in BELOW.values()
    for name in (measure, BELOW.get(measure))
    if name
)
SIGNED = ("gain_parenchyma", "gain_lesion", "gain_markers", "shift_markers", "probability_shift")


def two_by_two_table(
    summary: pd.DataFrame,
    differences: pd.DataFrame,
    conditions: Conditions,
    *,
    layer: str | None = None,
    measures: Sequence[str] = IN_TABLE,
) -> Table:
    """Return what both models' maps look at and how they score, without markers and with them.

    The two models stand side by side, the two kinds of test images below each other; differences
    are paired over the same images. Maps are of `layer`, by default the first in `summary`, models
    those trained on the images as they are. Percent, intervals over patients. Raises `UserError`
    for a layer that was not measured or where a column is missing.
    """
    layer = main_layer(summary, layer)
    require_columns(differences, DIFFERENCE_COLUMNS, "differences")
    levels = lines_of(summary, layer, NO_STRENGTH)
    gains = lines_of(differences, layer, NO_STRENGTH).query("row == @WITH and against == @WITHOUT")
    names = ["measure", "test images", *(f"{row}\n[95 %]" for row in ROWS), "difference\n[95 %]"]
    lines = list(_two_by_two_lines(levels, gains, measures))
    frame = without_repeats(pd.DataFrame(lines, columns=names), ["measure"])
    shown = levels[levels["row"].isin(ROWS) & levels["condition"].isin((UNMARKED, ALL_KINDS))]
    notes = (
        f"Percent; difference: {WITH} less {WITHOUT}, points, paired over the same images. "
        f"{numbers_note(shown)} {CONDITIONAL}",
        f"Maps: Grad-CAM++ of the positive class at {layer or ABSENT}. Energy: share of the map's "
        "sum. Maximum: how often it lies there. Drawn: energy on the markers above what the same "
        "pixels have in the unmarked image's map. Change of the map: total variation. Even two "
        "maps that share no bright place stay far below 100, since a map is hardly zero anywhere; "
        "its scale is the line below it, the same distance between the unmarked maps of two "
        "images. Away from the markers: by more than a seventh of the image's side. In standard "
        "deviations: percent of the standard deviation of the model's probabilities over its "
        f"unmarked test images. {ALL_KINDS.capitalize()}: every test image carries at least one "
        "marker.",
        *absence_notes(shown),
        *(f"Not run, {name}: {remedy}" for name, remedy in conditions.not_run.items()),
    )
    caption = f"What the models look at, with markers and without: {reached_on(conditions)}"
    return Table(frame, caption, notes, tuple(names[2:]), ("measure", "test images"))


def _two_by_two_lines(
    levels: pd.DataFrame, gains: pd.DataFrame, measures: Sequence[str]
) -> Iterator[tuple[str, ...]]:
    """Yield a line for each measure and each kind of test images that it is defined on."""
    of_level = levels.set_index(["measure", "condition", "row"])
    of_gain = gains.set_index(["measure", "condition"])
    for measure in measures:
        for condition in (UNMARKED, ALL_KINDS):
            cells = []
            for row in ROWS:
                found = _line(of_level, (measure, condition, row))
                signed = measure in SIGNED
                cells.append(ABSENT if found is None else _cell(found, signed))
            if set(cells) == {ABSENT}:
                continue
            gain = _line(of_gain, (measure, condition))
            difference = ABSENT if gain is None else _cell(gain, signed=True)
            yield MEASURE_NAMES[measure], condition, *cells, difference


def _line(frame: pd.DataFrame, key: tuple[str, ...]):
    """Return the line of a frame indexed by such keys, None where there is none."""
    return frame.loc[key] if key in frame.index else None


def _cell(found, signed: bool) -> str:
    if not signed:
        return level(found["value"], found["ci_low"], found["ci_high"])
    ends = bracket(found["ci_low"], found["ci_high"])
    return points(found["value"], 1) + ("" if ends == ABSENT else f" {ends}")


KIND_MEASURES = {  # what is told of every kind of marker
    "shift_markers": "drawn\n[95 %]",
    "map_change": "map",
    "probability_change": "probability\n[95 %]",
    "flipped": "flips",
}


def kinds_table(
    summary: pd.DataFrame, conditions: Conditions, *, layer: str | None = None
) -> Table:
    """Return how far each kind of marker draws the maps and sways the predictions of both models.

    Raises `UserError` for a layer that was not measured or where a column is missing.
    """
    layer = main_layer(summary, layer)
    chosen = lines_of(summary, layer, NO_STRENGTH)
    found, lines = chosen.set_index(["condition", "row", "measure"]), []
    for kind in kinds_of(chosen):
        for row in ROWS:
            told = {m: _line(found, (kind, row, m)) for m in (*KIND_MEASURES, *OF_MARKERS)}
            if any(line is not None for line in told.values()):
                lines.append((condition_name(kind), _area(told), row, *_kind_cells(told)))
    names = ["marker", "area", "model", "on them", *KIND_MEASURES.values()]
    frame = without_repeats(pd.DataFrame(lines, columns=names), ["marker", "area"])
    notes = (
        "Percent of the image that the marker covers (area) and of the map's energy that lies on "
        "it. Drawn: that energy above what the same pixels had before, points. Map: its change, "
        "total variation, to be read against the difference between maps of two images in the "
        "table of both models. Probability: its change, either way, points. Flips: percent of "
        f"decisions. Maps at {layer or ABSENT}. {CONDITIONAL}",
    )
    caption = f"One kind of marker at a time: {reached_on(conditions)}"
    return Table(frame, caption, notes, ("area", *names[3:]), ("marker",))


OF_MARKERS = ("energy_markers", "gain_markers")


def _area(told: dict) -> str:
    energy, gain = (told[measure] for measure in OF_MARKERS)
    return ABSENT if energy is None or gain is None else percent(energy["value"] - gain["value"], 1)


def _kind_cells(told: dict) -> Iterator[str]:
    """Yield the energy on a marker, then `KIND_MEASURES`."""
    for measure in ("energy_markers", *KIND_MEASURES):
        found = told[measure]
        if found is None:
            yield ABSENT
        elif measure in ("shift_markers", "probability_change"):
            yield _cell(found, signed=measure in SIGNED)
        else:
            yield percent(found["value"], 1)
