import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.base.errors import InputWarning
from testiculus.data.images import ImageSet
from testiculus.experiments import crossval, table1, table1_plan

WRONG = (0, 9)  # images whose label is wrong, one of each class


def made_up(truth=True):
    """Twelve patients of two images each, half of them positive; two labels are wrong."""
    true = np.repeat(np.tile([0, 1], 6), 2)
    label = np.where(np.isin(np.arange(24), WRONG), 1 - true, true)
    frame = pd.DataFrame({"image": [f"{i}.png" for i in range(24)], "organ": "testis"})
    frame["patient"] = [f"p{i // 2:02d}" for i in range(24)]
    frame["device"] = "one"
    frame["label"] = pd.Series(label, dtype="Int8")
    frame["true_label"] = pd.Series(true if truth else [pd.NA] * 24, dtype="Int8")
    pixels = torch.zeros(24, 1, 8, 8, dtype=torch.uint8)
    return ImageSet.build(pixels, frame, "made-up", {}, {})


def trained(high_loss):
    """Return a training that is always right about the truth; `high_loss` says who stays lossy."""

    def train(
        pixels, labels, train_index, test_index, settings, *rest, on_epoch=None, encoder=None
    ):
        sample = np.tile(train_index.astype(np.int32), (4, 1))
        loss = np.where(high_loss(sample, labels), 3.0, 0.1).astype(np.float32)
        true = np.repeat(np.tile([0, 1], 6), 2)
        probabilities = np.where(true[test_index] == 1, 0.9, 0.1).astype(np.float32)
        return {"probabilities": probabilities, "sample": sample, "loss": loss}

    return train


def outcome(monkeypatch, tmp_path, high_loss, truth=True, **parameters):
    monkeypatch.setenv("TESTICULUS_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(crossval, "train_one", trained(high_loss))
    monkeypatch.setattr(table1_plan, "load_source", lambda *a, **k: made_up(truth))
    return table1.run(table1.plan(**{"profile": "demo", "device": "cpu", **parameters}))


def is_wrong(sample, labels):
    return np.isin(sample, WRONG)


def never(sample, labels):
    return np.zeros(sample.shape, dtype=bool)


def always(sample, labels):
    return np.ones(sample.shape, dtype=bool)


def mean(found, row, metric):
    return found.results.query("row == @row and metric == @metric")["value"].mean()


def test_labels_that_keep_a_high_loss_are_flagged_in_all_sixteen_evaluations(monkeypatch, tmp_path):
    flags = outcome(monkeypatch, tmp_path, is_wrong).flags
    assert flags.index[flags["suspicious"]].tolist() == list(WRONG)
    assert flags["evaluations"].eq(16).all()
    assert flags.loc[list(WRONG), "times_flagged"].eq(16).all()
    assert (flags["times_flagged_5"] == 0).all()  # four epochs, each image drawn once in each


def test_curating_wrong_labels_helps_only_where_the_score_is_not_the_truth(monkeypatch, tmp_path):
    found = outcome(monkeypatch, tmp_path, is_wrong)
    assert mean(found, "Complete", "accuracy") == pytest.approx(1 - 2 / 24, abs=0.01)
    for row in ("Filtered", "Flipped"):
        assert mean(found, row, "accuracy") == 1  # the models are the same: all of it is rescoring
        assert mean(found, "Complete", f"accuracy_on_{row.lower()}") == 1
    for row in ("Complete", "Filtered", "Flipped"):
        assert mean(found, row, "accuracy_truth") == 1
        assert mean(found, row, "accuracy_original") == mean(found, "Complete", "accuracy")


def test_complete_reuses_the_first_starts_noise_runs(monkeypatch, tmp_path):
    found = outcome(monkeypatch, tmp_path, is_wrong)
    assert found.cost["runs"] == 48 and found.cost["reused_runs"] == 0
    assert len(found.records) == 24
    again = outcome(monkeypatch, tmp_path, always)  # not asked: all runs are in the store
    assert again.cost["reused_runs"] == 48
    pd.testing.assert_frame_equal(again.results, found.results)


def test_with_nothing_flagged_the_three_rows_are_the_same_models(monkeypatch, tmp_path):
    found = outcome(monkeypatch, tmp_path, never)
    assert not found.flags["suspicious"].any() and found.cost["runs"] == 24
    beats = found.verdicts[found.verdicts["claim"].str.contains("-beats-complete-")]
    assert set(beats["verdict"]) == {"not resolved"}


def test_a_row_that_curation_leaves_untrainable_is_left_out_and_said_so(monkeypatch, tmp_path):
    def positives(sample, labels):
        return labels[sample] == 1

    with pytest.warns(InputWarning, match="Filtered was not run: .* one class only"):
        found = outcome(monkeypatch, tmp_path, positives)
    assert set(found.results["row"]) == {"Complete"}
    assert found.write(tmp_path / "results").is_dir()


def test_the_rule_in_use_decides_who_is_suspicious(monkeypatch, tmp_path):
    assert not outcome(monkeypatch, tmp_path, is_wrong, occasions=5).flags["suspicious"].any()
    strict = outcome(monkeypatch, tmp_path, is_wrong, loss_threshold=3.5)
    assert not strict.flags["suspicious"].any()
    lax = outcome(monkeypatch, tmp_path, is_wrong, occasions=2, evaluations=3)
    assert lax.flags.index[lax.flags["suspicious"]].tolist() == list(WRONG)
    assert "times_flagged_2" in lax.flags


def test_without_truth_nothing_is_scored_by_it_and_the_claims_say_so(monkeypatch, tmp_path):
    found = outcome(monkeypatch, tmp_path, is_wrong, truth=False)
    assert not found.results["metric"].str.endswith("_truth").any()
    on_truth = found.verdicts[found.verdicts["claim"].str.endswith("-truth")]
    assert set(on_truth["verdict"]) == {"cannot be tested here"}


def test_what_is_written_is_what_the_contract_names(monkeypatch, tmp_path):
    folder = outcome(monkeypatch, tmp_path, is_wrong).write(tmp_path / "results")
    assert folder == tmp_path / "results" / "made-up" / "demo" / "table1"
    results, verdicts = (pd.read_csv(folder / f"{n}.csv") for n in ("results", "verdicts"))
    assert list(results) == ["experiment", "row", "seed", "fold", "metric", "value"]
    first = ["claim", "source", "paper", "effect", "ci_low", "ci_high", "verdict"]
    assert list(verdicts)[:7] == first
    flags = pd.read_csv(folder / "flags.csv")
    assert flags["data_fingerprint"].nunique() == flags["labels_fingerprint"].nunique() == 1


def test_an_empty_results_folder_writes_nothing(monkeypatch, tmp_path):
    found = outcome(monkeypatch, tmp_path, never)
    monkeypatch.chdir(tmp_path)
    assert found.write("") is None
    assert [p.name for p in tmp_path.iterdir()] == ["runs"]


def test_flag_names_do_not_depend_on_the_resolution(monkeypatch, tmp_path):
    from testiculus.experiments.curation import labels_fingerprint

    images = made_up()
    larger = ImageSet.build(torch.ones(24, 1, 16, 16, dtype=torch.uint8), images.frame, "x", {}, {})
    assert images.fingerprint != larger.fingerprint
    assert labels_fingerprint(images.frame) == labels_fingerprint(larger.frame)
