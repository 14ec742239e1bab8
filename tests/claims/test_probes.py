import numpy as np
import pandas as pd
import pytest
from scipy import stats

from testiculus.base.errors import UserError
from testiculus.claims import NONE, UD, separates_scanners, spread_over_pretrainings


def probes(level, row=UD, pretraining_seeds=3, scatter=0.01):
    """Probe figures over ten partitions of three folds whose means are those of `level`."""
    generator = np.random.default_rng(0)
    lines = []
    for metric, mean in level.items():
        for pretraining in range(pretraining_seeds):
            noise = generator.normal(0, scatter, (10, 3))
            noise -= noise.mean()
            lines += [
                (row, pretraining, seed, fold, metric, mean + noise[seed, fold])
                for seed in range(10)
                for fold in range(3)
            ]
    columns = ["row", "pretraining_seed", "seed", "fold", "metric", "value"]
    return pd.DataFrame(lines, columns=columns)


def test_the_spread_has_a_mean_for_every_pretraining():
    frame = pd.concat(
        [
            probes({"probe_auc": 0.8}).assign(value=lambda f: f["value"] + f["pretraining_seed"]),
            probes({"probe_auc": 0.6}, row=NONE),
        ]
    )

    spread = spread_over_pretrainings(frame)

    assert list(spread) == ["row", "pretraining_seed", "metric", "mean", "std"]
    assert spread["row"].tolist() == [UD] * 3 + [NONE] * 3
    assert spread["mean"].to_numpy() == pytest.approx([0.8, 1.8, 2.8, 0.6, 0.6, 0.6])
    one = frame[(frame["row"] == UD) & (frame["pretraining_seed"] == 1)]["value"]
    assert spread["std"].iloc[1] == pytest.approx(np.std(one, ddof=1))


@pytest.mark.parametrize(
    ("scanner", "words"),
    [
        (0.95, "tell scanners better than labels"),
        (0.60, "tell labels better than scanners"),
        (0.701, "are not shown to tell scanners or labels better"),
    ],
)
def test_the_sentence_on_scanners_is_decided_by_the_interval(scanner, words):
    found = separates_scanners(probes({"scanner_auc": scanner, "probe_auc": 0.7})).iloc[0]

    assert words in found["sentence"] and f"AUC {scanner:.3f}" in found["sentence"]
    assert found["difference"] == pytest.approx(scanner - 0.7)
    assert found["n"] == 30


def test_scanners_and_labels_are_paired_after_averaging_over_pretrainings():
    frame = probes({"scanner_auc": 0.8, "probe_auc": 0.7}, scatter=0.05)
    wide = frame.pivot(index=["seed", "fold"], columns=["metric", "pretraining_seed"])["value"]
    d = wide["scanner_auc"].mean(axis=1) - wide["probe_auc"].mean(axis=1)
    half = stats.t.ppf(0.975, 29) * np.sqrt(d.var(ddof=1) * (1 / 30 + 1 / 2))

    found = separates_scanners(frame).iloc[0]

    assert found["ci_high"] - found["difference"] == pytest.approx(half)


def test_every_way_of_scoring_labels_has_its_line():
    level = {"scanner_auc": 0.9, "probe_auc": 0.7, "probe_auc_clean": 0.85, "probe_f1": 0.4}

    found = separates_scanners(probes(level | {"probe_auc_truth": 0.95}))

    assert found["metric"].tolist() == ["probe_auc_truth", "probe_auc", "probe_auc_clean"]
    assert found["label_auc"].to_numpy() == pytest.approx([0.95, 0.7, 0.85])
    assert separates_scanners(probes(level))["metric"].tolist() == ["probe_auc", "probe_auc_clean"]


def test_where_no_scanner_is_known_nothing_is_said():
    known_of_scratch = probes({"scanner_auc": 0.9, "probe_auc": 0.6}, row=NONE)

    assert separates_scanners(probes({"probe_auc": 0.7})) is None
    assert separates_scanners(known_of_scratch) is None
    assert separates_scanners(probes({"scanner_auc": np.nan, "probe_auc": 0.7})) is None
    assert len(separates_scanners(known_of_scratch, row=NONE)) == 1


def test_probes_that_lack_columns_are_refused():
    frame = probes({"probe_auc": 0.7}).drop(columns="pretraining_seed")

    for tell in (spread_over_pretrainings, separates_scanners):
        with pytest.raises(UserError, match="probes lack the columns pretraining_seed"):
            tell(frame)
