"""What a reader sees of an audit beside its tables: plots and the body of its page (`present`)."""

from pathlib import Path
from typing import TYPE_CHECKING

from testiculus.audits.duplicates import NEAR
from testiculus.base.errors import UserError
from testiculus.base.files import atomic_write, write_text
from testiculus.report.pictures_dataset_audit import duplicate_pairs
from testiculus.report.plots_dataset_audit import acquisition_plot, likeness_plot
from testiculus.report.tables_dataset_audit import PLOTS, audit_markdown, read_tables

if TYPE_CHECKING:
    from testiculus.experiments.dataset_audit import DataAudit

BODY = "page.md"
SVG = {"format": "svg", "metadata": {"Date": None, "Creator": None}}


def present(folder: Path, found: "DataAudit", pictures: Path | None = None) -> None:
    """Write the plots (SVG, no image of the set in them) and `page.md` into an audit's folder.

    `pictures` is a file, ending in .png, for the pairs of images that show one picture; nothing is
    written where there are none. Raises `UserError` where it cannot be written.
    """
    tables = read_tables(folder)
    drawn = {}
    if "acquisition" in tables and not tables["acquisition"].empty:
        drawn["acquisition"] = acquisition_plot(tables["acquisition"])
    if "likeness" in tables:
        drawn["duplicates"] = likeness_plot(tables["likeness"], NEAR)
    for name, figure in drawn.items():
        _save(figure, folder / PLOTS[name], **SVG)
    write_text(folder / BODY, audit_markdown(folder))
    pairs = tables.get("duplicates")
    if pictures and pairs is not None and not pairs.empty:
        try:
            _save(duplicate_pairs(found.images, pairs), pictures, format="png")
        except OSError as error:
            raise UserError(f"cannot write it: {error.strerror}", where=str(pictures)) from error


def _save(figure, path: Path, **options) -> None:
    """Save a figure whole or not at all; equal figures give equal bytes."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "testiculus", "svg.fonttype": "none"}):
        atomic_write(path, lambda part: figure.savefig(part, **options))
