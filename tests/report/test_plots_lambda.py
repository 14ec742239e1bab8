import matplotlib
import numpy as np
import pytest

from testiculus.intervals import corrected_resampled_interval
from testiculus.report import lambda_curve
from testiculus.report.style import WIDTH

PLACES = {f"lambda {weight}": weight for weight in (0.0, 0.1, 0.2, 0.3, 0.4)}


def words(figure):
    figure.draw_without_rendering()
    texts = (text.get_text() for text in figure.findobj(matplotlib.text.Text))
    return " ".join(" ".join(texts).split())


def line(axis, label):
    return next(line for line in axis.get_lines() if line.get_label() == label)


@pytest.mark.parametrize(("panel", "metric"), [(0, "probe_auc"), (1, "f1")])
def test_every_row_stands_at_its_mean_above_its_weight(fakes, panel, metric):
    run = fakes("table4")
    axis = lambda_curve(run.results, run.conditions).axes[panel]
    means = run.results.query("metric == @metric").groupby("row")["value"].mean()
    x, y = line(axis, "flipped labels").get_data()

    assert np.allclose(y, [100 * means[row] for row in (*PLACES, "supervised only")])
    assert np.allclose(x[:-1], list(PLACES.values()), atol=0.01) and x[-1] > 0.5


def test_bars_are_the_corrected_intervals(fakes):
    run = fakes("table4")
    axis = lambda_curve(run.results, run.conditions).axes[0]
    values = run.results.query("row == 'lambda 0.3' and metric == 'probe_auc'")["value"]
    expected = corrected_resampled_interval(values, ratio=0.5)
    bars = [line.get_ydata() for line in axis.get_lines() if len(line.get_xdata()) == 2]

    ends = [100 * expected.low, 100 * expected.high]
    assert any(np.allclose(bar, ends) for bar in bars)


def test_the_papers_f1_is_drawn_and_its_axis_stays_within_percent(fakes):
    run = fakes("table4")
    axis = lambda_curve(run.results, run.conditions).axes[1]

    assert np.allclose(line(axis, "paper").get_ydata(), [69.41, 71.4, 73.17, 71.36, 71.22, 70.11])
    assert 0 <= axis.get_ylim()[0] and axis.get_ylim()[1] <= 100


def test_other_weights_are_drawn_too_and_rows_not_run_are_left_out(fakes):
    run = fakes("table4")
    results = run.results.replace({"row": {"lambda 0.4": "lambda 0.8"}})
    results = results[results["row"] != "lambda 0.1"]
    axis = lambda_curve(results, run.conditions).axes[0]
    x, _ = line(axis, "flipped labels").get_data()

    assert np.allclose(x, [0.0, 0.2, 0.3, 0.8, 0.95], atol=0.01)


def test_without_truth_there_is_one_curve_and_the_plot_names_data_and_profile(fakes):
    run = fakes("table4", data="liver", truth=False)
    figure = lambda_curve(run.results, run.conditions)
    text = words(figure)

    assert "clean" not in text and "liver, profile demo" in text
    assert figure.get_figwidth() == WIDTH
