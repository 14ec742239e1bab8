"""Tables and plots as a reader sees them: in a terminal, in a notebook, in the book.

Everything here is derived from the tidy results and the verdicts; no figure and no verdict is
typed. Tables print as text and show as HTML; plots are returned as closed Figures, ready to save.
"""

from testiculus.report.pictures import image_grid, phantom_grid
from testiculus.report.plots import circularity_plot, three_way_scoring, verdict_plot
from testiculus.report.plots_noise import flags_at_least, loss_trajectories
from testiculus.report.render import Table
from testiculus.report.tables import as_text, table1_frame, table1_table, verdicts_table
from testiculus.report.tables_truth import (
    circularity_table,
    control_table,
    flags_table,
    three_way_table,
)

__all__ = [
    "Table",
    "as_text",
    "circularity_plot",
    "circularity_table",
    "control_table",
    "flags_at_least",
    "flags_table",
    "image_grid",
    "loss_trajectories",
    "phantom_grid",
    "table1_frame",
    "table1_table",
    "three_way_scoring",
    "three_way_table",
    "verdict_plot",
    "verdicts_table",
]
