"""Fig. 4 run whole on made-up images, through the real code, and its frames."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from testiculus.claims.schema import RESULT_COLUMNS
from testiculus.data.manifest import write_manifest
from testiculus.experiments import fig4, fig4_plan

ROWS = {"before", "filtered", "random", "real"}
TINY = {
    **{"profile": "smoke", "device": "cpu", "steps": 2, "pretrain_batch": 8, "generated": 12},
    **{"attention": "8", "reference_batch": 8, "replicates": 3, "procedural_images": 8},
    **{"generator_steps": 4},
}


def use(patch, runs, fakes, organs=("thyroid",)):
    fakes.use(patch, runs, organs)
    found = fakes.made_up(organs)
    patch.setattr(fig4_plan, "load_images_and_unlabelled", lambda *a, **k: found)


@pytest.fixture(scope="module")
def found(tmp_path_factory, fakes):
    """Fig. 4 run whole, once: its outcome, and the folder of what it wrote."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("fig4")
        use(patch, folder / "runs", fakes)
        outcome = fig4.run(fig4.plan(**TINY))
        return outcome, outcome.write(folder / "results"), folder


def test_all_frames_are_written_where_the_contract_says(found):
    outcome, written, folder = found
    assert written == folder / "results" / "made-up" / "smoke" / "fig4"
    names = {"results", "verdicts", "fidelity", "sweep", "replicates"}
    names |= {"copies", "nearest", "filtered", "history"}
    assert {path.stem for path in written.glob("*.csv")} == names
    assert all(len(pd.read_csv(written / f"{name}.csv")) for name in names)
    assert str(folder) not in (written / "provenance.json").read_text()
    assert outcome.write("") is None


def test_results_are_fractions_of_every_row_and_reference(found):
    results = found[0].results
    assert tuple(results) == RESULT_COLUMNS and results["value"].between(0, 1).all()
    assert set(results["row"]) <= ROWS and (results["fold"] == 0).all()
    metrics = set(results["metric"])
    references = ("whole", "batch", "heldout", "insample")
    assert {f"precision_{reference}" for reference in references} <= metrics
    assert {"kept_share", "copy_rate_pixels", "copy_rate_other-organs"} <= metrics
    assert not results.duplicated(["row", "seed", "fold", "metric"]).any()


def test_frames_have_the_columns_that_readers_of_results_know(found):
    outcome = found[0]
    assert list(outcome.fidelity) == [
        *("features", "space", "is_fid", "reference", "row", "batch"),
        *("metric", "value", "n_real", "n_generated"),
    ]
    assert list(outcome.sweep) == [
        *("space", "k", "k_at_880", "kept", "dropped"),
        *("frechet", "score", "precision", "recall"),
    ]
    assert list(outcome.replicates) == ["reference", "row", "metric", "replicate", "value"]
    assert list(outcome.filtered) == ["image", "kept", "ratio", "nearest"]
    assert list(outcome.history) == ["step", "simple", "vlb"]
    assert {"subject", "space", "n", "copies", "rate", "low", "high"} <= set(outcome.copies)
    assert {"space", "rank", "image", "training_image", "distance"} <= set(outcome.nearest)


def test_no_figure_is_called_fid_without_inception(found):
    outcome = found[0]
    assert not outcome.fidelity["is_fid"].any()
    assert list(outcome.fidelity["space"].unique()) == ["other-organs", "ud"]
    assert not outcome.fidelity["features"].str.contains("Inception").any()
    assert "organ and scanner" in outcome.about()["score"]["other-organs"]


def test_the_filter_is_the_same_in_all_spaces(found):
    """One filtered set, measured in the features that chose it and in others."""
    outcome = found[0]
    filtered = outcome.fidelity.query("reference == 'whole' and row == 'filtered'")
    assert set(filtered["n_generated"]) == {int(outcome.kept.sum())}
    assert int(outcome.filtered["kept"].sum()) == outcome.kept.sum()
    chosen = outcome.sweep.query("space == 'other-organs' and k_at_880 == 800")
    assert chosen["kept"].tolist() == [outcome.kept.sum()]


def test_the_notebook_finds_pictures(found):
    outcome = found[0]
    assert outcome.generated.shape == (12, 1, 16, 16) and outcome.kept.shape == (12,)
    assert outcome.training.shape == (24, 1, 16, 16)
    steps, pictures = outcome.snapshots
    assert pictures.shape == (len(steps), 16, 1, 16, 16) and pictures.dtype == np.uint8
    assert len(outcome.history) == outcome.plan.generation.settings.steps


def test_planted_copies_are_caught_and_held_out_images_stand_beside(found):
    copies = found[0].copies
    subjects = set(copies["subject"])
    assert {"generated", "filtered"} <= subjects
    assert any(subject.startswith("held-out real") for subject in subjects)
    exact = copies[copies["subject"] == "planted: exact"]
    assert len(exact) and (exact["copies"] == exact["n"]).all()


def test_a_second_run_trains_and_draws_nothing_and_finds_the_same(found, monkeypatch, fakes):
    outcome, _, folder = found
    use(monkeypatch, folder / "runs", fakes)
    planned = fig4.plan(**TINY)
    cost = planned.estimate()
    assert (cost["generators"], cost["pretrainings"], cost["images"]) == (0, 0, 0)
    assert "nothing to train" in planned.summary()
    again = fig4.run(planned)
    assert again.cost["reused_runs"] == again.cost["runs"] == 4
    for name in fig4.FRAMES:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(outcome, name))


def test_brought_images_are_judged_in_the_generators_place(monkeypatch, tmp_path, fakes):
    """One organ, and equal images: the oddest input that is not refused."""
    use(monkeypatch, tmp_path / "runs", fakes, organs=())
    names = [f"{number}.png" for number in range(6)]
    for name in names:
        Image.fromarray(np.full((16, 16), 90, np.uint8)).save(tmp_path / name)
    frame = pd.DataFrame({"image": names, "patient": names, "organ": "testis"})
    path = str(write_manifest(tmp_path, frame, {"name": "brought", "licence": "mine"}))
    with pytest.warns(UserWarning, match="same picture"):
        outcome = fig4.run(fig4.plan(**TINY, synthetic=path))
    assert outcome.history.empty and len(outcome.snapshots[0]) == 0
    assert outcome.fidelity["space"].iloc[0] == "procedural"
    assert (outcome.fidelity.query("row == 'before' and metric == 'recall'")["value"] < 1).all()
    assert outcome.write(tmp_path / "results").is_dir()
