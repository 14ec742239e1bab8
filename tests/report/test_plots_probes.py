import matplotlib
import numpy as np
import pandas as pd
import pytest

from testiculus.base.errors import UserError
from testiculus.claims.schema import CONTROL, NONE, UD, USCL, Conditions
from testiculus.intervals import corrected_resampled_interval
from testiculus.report.plots_probes import probe_rows
from testiculus.report.style import BLUE, GREEN, WIDTH

CONDITIONS = Conditions("phantom", "demo")
PROBED = (NONE, UD, CONTROL)


def drawn(figure):
    """Render the figure and return all its words, as if no line were broken."""
    figure.draw_without_rendering()
    texts = (text.get_text() for text in figure.findobj(matplotlib.text.Text))
    return " ".join(" ".join(texts).split())


def made_up_probes(seeds=3):
    random, lines = np.random.default_rng(0), []
    for i, row in enumerate(PROBED):
        for number in range(seeds):
            for seed in range(4):
                for fold in range(3):
                    value = 0.6 + 0.05 * i + 0.01 * number + 0.01 * random.normal()
                    lines.append((row, number, seed, fold, "probe_auc", value))
                    lines.append((row, number, seed, fold, "probe_auc_clean", value + 0.05))
    columns = ["row", "pretraining_seed", "seed", "fold", "metric", "value"]
    return pd.DataFrame(lines, columns=columns)


def results_of(probes):
    first = probes[probes["pretraining_seed"] == 0].drop(columns="pretraining_seed")
    return first.assign(experiment="table2")


def dots(axis, colour):
    """The x of every single point of this colour."""
    lines = [line for line in axis.get_lines() if len(line.get_xdata()) == 1]
    return [float(line.get_xdata()[0]) for line in lines if line.get_color() == colour]


def test_the_plot_names_data_and_profile_and_has_book_width():
    probes = made_up_probes()
    figure = probe_rows(results_of(probes), PROBED, probes=probes, conditions=CONDITIONS)
    assert "phantom, profile demo" in drawn(figure)
    assert figure.get_figwidth() == WIDTH
    assert not matplotlib.pyplot.get_fignums()


def test_probes_stand_at_their_means_with_corrected_intervals():
    results = results_of(made_up_probes())
    axis = probe_rows(results, PROBED, conditions=CONDITIONS).axes[0]
    for suffix, colour in (("", BLUE), ("_clean", GREEN)):
        chosen = results[results["metric"] == "probe_auc" + suffix]
        means = 100 * chosen.groupby("row", sort=False)["value"].mean()
        np.testing.assert_allclose(dots(axis, colour), means)
    none = results.query("row == 'none' and metric == 'probe_auc'")["value"]
    interval = corrected_resampled_interval(none, ratio=0.5)
    bar = next(line for line in axis.lines if len(line.get_xdata()) == 2)
    np.testing.assert_allclose(bar.get_xdata(), [100 * interval.low, 100 * interval.high])


def test_pretraining_seeds_are_strokes_at_their_means():
    probes = made_up_probes()
    axis = probe_rows(results_of(probes), PROBED, probes=probes).axes[0]
    strokes = [line for line in axis.lines if line.get_marker() == "|"]
    assert len(strokes) == 2 * len(PROBED)
    first = probes.query("row == 'none' and metric == 'probe_auc'")
    expected = 100 * first.groupby("pretraining_seed")["value"].mean()
    np.testing.assert_allclose(strokes[0].get_xdata(), expected)
    single = probes[probes["pretraining_seed"] == 0]
    axis = probe_rows(results_of(probes), PROBED, probes=single).axes[0]
    assert not [line for line in axis.lines if line.get_marker() == "|"]


def test_rows_and_suffixes_without_figures_say_so_or_stay_away():
    results = results_of(made_up_probes())
    flipped = results[~results["metric"].str.endswith("_clean")]
    words = drawn(probe_rows(flipped, (*PROBED, USCL)))
    assert words.count("not run") == 1 and "true labels" not in words
    assert drawn(probe_rows(results.iloc[:0], PROBED)).count("not run") == len(PROBED)


def test_an_unknown_suffix_is_refused():
    with pytest.raises(UserError, match="suffix"):
        probe_rows(results_of(made_up_probes()), PROBED, suffixes=("_cleen",))
