"""Tables and plots as a reader sees them: in a terminal, in a notebook, in the book.

Everything here is derived from the tidy results and the verdicts; no figure and no verdict is
typed. Tables print as text and show as HTML; plots are returned as closed Figures, ready to save.
"""

from testiculus.report.peers_words import peers_answer
from testiculus.report.pictures import image_grid, phantom_grid
from testiculus.report.pictures_attention import fig5_picture
from testiculus.report.pictures_generation import (
    filter_grid,
    nearest_pairs,
    real_and_generated,
    snapshots,
    source_grid,
)
from testiculus.report.pictures_markers import marker_grid, marker_kinds
from testiculus.report.plots import circularity_plot, three_way_scoring, verdict_plot
from testiculus.report.plots_attention import dose_plot, kinds_plot, paired_plot
from testiculus.report.plots_audits_protocol import protocol_audits_plot
from testiculus.report.plots_controls import negative_controls_plot
from testiculus.report.plots_generation import (
    generation_history,
    nearest_distances,
    sweep_plot,
)
from testiculus.report.plots_lambda import lambda_curve
from testiculus.report.plots_noise import flags_at_least, loss_trajectories
from testiculus.report.plots_peers import curated_plot, ranking_plot, wrong_examples
from testiculus.report.plots_pretraining import (
    alignment_uniformity,
    feature_map,
    losses_over_steps,
)
from testiculus.report.plots_probes import probe_rows
from testiculus.report.render import Table
from testiculus.report.tables import table1_frame, table1_table, verdicts_table
from testiculus.report.tables_attention import kinds_table, two_by_two_table
from testiculus.report.tables_attention_claims import attention_verdicts_table, controls_table
from testiculus.report.tables_attention_dose import dose_table
from testiculus.report.tables_audits_protocol import (
    protocol_answer,
    protocol_audits_table,
    protocol_readings_table,
    protocol_verdicts_table,
)
from testiculus.report.tables_controls import (
    negative_controls_table,
    negative_controls_verdicts_table,
    permuted_words,
)
from testiculus.report.tables_copies import copies_table, generation_verdicts_table
from testiculus.report.tables_encoders import (
    encoders_table,
    excluded_table,
    pretraining_seeds_table,
    probes_table,
)
from testiculus.report.tables_generation import fidelity_table, heldout_table
from testiculus.report.tables_peers import (
    choice_table,
    curated_table,
    peers_verdicts_table,
    ranking_table,
)
from testiculus.report.tables_pretraining import (
    clean_table,
    named_rows,
    pretraining_table,
    row_name,
)
from testiculus.report.tables_pretraining_claims import pretraining_verdicts_table
from testiculus.report.tables_synthetic import generated_table
from testiculus.report.tables_truth import (
    circularity_table,
    control_table,
    flags_table,
    three_way_table,
)
from testiculus.report.terminal_text import as_text

__all__ = [
    "Table",
    "alignment_uniformity",
    "as_text",
    "attention_verdicts_table",
    "choice_table",
    "circularity_plot",
    "circularity_table",
    "clean_table",
    "control_table",
    "controls_table",
    "copies_table",
    "curated_plot",
    "curated_table",
    "dose_plot",
    "dose_table",
    "encoders_table",
    "excluded_table",
    "feature_map",
    "fidelity_table",
    "fig5_picture",
    "filter_grid",
    "flags_at_least",
    "flags_table",
    "generated_table",
    "generation_history",
    "generation_verdicts_table",
    "heldout_table",
    "image_grid",
    "kinds_plot",
    "kinds_table",
    "lambda_curve",
    "loss_trajectories",
    "losses_over_steps",
    "marker_grid",
    "marker_kinds",
    "named_rows",
    "nearest_distances",
    "nearest_pairs",
    "negative_controls_plot",
    "negative_controls_table",
    "negative_controls_verdicts_table",
    "paired_plot",
    "peers_answer",
    "peers_verdicts_table",
    "permuted_words",
    "phantom_grid",
    "pretraining_seeds_table",
    "pretraining_table",
    "pretraining_verdicts_table",
    "probe_rows",
    "probes_table",
    "protocol_answer",
    "protocol_audits_plot",
    "protocol_audits_table",
    "protocol_readings_table",
    "protocol_verdicts_table",
    "ranking_plot",
    "ranking_table",
    "real_and_generated",
    "row_name",
    "snapshots",
    "source_grid",
    "sweep_plot",
    "table1_frame",
    "table1_table",
    "three_way_scoring",
    "three_way_table",
    "two_by_two_table",
    "verdict_plot",
    "verdicts_table",
    "wrong_examples",
]
