"""Beside Table 3: what its generators gave, and what the filter kept of it.

Table 3 itself is `tables_pretraining.pretraining_table("table3", ...)`.
"""

import pandas as pd

from testiculus.claims.schema import Conditions, require_columns
from testiculus.report.render import ABSENT, Table, percent, reached_on

COLUMNS = ("generation", "images", "kept", "k", "real", "features", "steps", "seconds")


def generated_table(generated: pd.DataFrame, conditions: Conditions) -> Table:
    """Return each generator's images, how many the filter keeps with which k, steps and time.

    `generated` is generated.csv: one line for the generator that learnt from all labelled images,
    and with EXCLUDE_TEST=1 one for each fold. Steps are missing where images were brought. Raises
    `UserError` where a column is missing.
    """
    require_columns(generated, COLUMNS, "generated")
    lines = [
        (
            str(found.generation),
            f"{found.images:,.0f}",
            f"{found.kept:,.0f} ({percent(found.kept / found.images, 1)} %)",
            f"{found.k:.0f} of {found.real:,.0f}",
            str(found.features),
            ABSENT if pd.isna(found.steps) else f"{found.steps:,.0f}",
            ABSENT if pd.isna(found.seconds) else f"{found.seconds / 60:.1f}",
        )
        for found in generated.itertuples()
    ]
    names = ["generator", "images", "kept", "k", "filter's features", "steps", "minutes"]
    notes = [
        "Kept: generated images that lie no farther from a real image than its k-th nearest real "
        "neighbour does (thesis, Algorithm 1; k of so many real images, 50 at 880 in the sources). "
        "A random filter keeps as many, drawn blindly. Minutes: of training and "
        "drawing, also where they were found in the store."
    ]
    caption = f"Generated images of Table 3: {reached_on(conditions)}"
    right = ("images", "kept", "k", "steps", "minutes")
    wrapping = ("generator", "filter's features")
    return Table(pd.DataFrame(lines, columns=names), caption, tuple(notes), right, wrapping)
