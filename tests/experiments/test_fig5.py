"""Fig. 5 run whole on made-up outlined images with a small encoder, through the real code."""

import json

import numpy as np
import pandas as pd
import pytest

from testiculus.base.errors import InputWarning
from testiculus.claims.attention import (
    ALL_KINDS,
    AS_TRAINED,
    CENTRE_MAP,
    CONTROL_COLUMNS,
    CONTROLS,
    DIFFERENCE_COLUMNS,
    MEASURE_COLUMNS,
    RANDOM_LABELS,
    RANDOM_MAP,
    RANDOM_WEIGHTS,
    ROWS,
    SUMMARY_COLUMNS,
    UNMARKED,
    WITH,
    WITHOUT,
)
from testiculus.claims.schema import RESULT_COLUMNS, VERDICT_COLUMNS
from testiculus.experiments import fig5
from testiculus.markers import KINDS

EMPTY = (3,)  # the image whose mask has nothing inside


@pytest.fixture(scope="module")
def found(tmp_path_factory, livers):
    """Fig. 5 run whole, once: its outcome, and the folder of its data, store and results."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("fig5")
        livers.use(patch, folder)
        data = livers.write(folder, empty=EMPTY)
        with pytest.warns(InputWarning, match="1 parenchyma masks are empty"):
            planned = fig5.plan(**livers.SMALL, data=data)
        outcome = fig5.run(planned)
        outcome.write(folder / "results")
        return outcome, folder


def test_what_is_written_is_what_the_contract_names(found):
    outcome, folder = found
    written = folder / "results" / "livers" / "smoke" / "fig5"
    columns = {
        "results": RESULT_COLUMNS,
        "measures": MEASURE_COLUMNS,
        "summary": SUMMARY_COLUMNS,
        "differences": DIFFERENCE_COLUMNS,
        "controls": CONTROL_COLUMNS,
    }
    for name, expected in columns.items():
        frame = pd.read_csv(written / f"{name}.csv")
        assert tuple(frame) == expected and len(frame)
    verdicts = pd.read_csv(written / "verdicts.csv")
    assert tuple(verdicts)[: len(VERDICT_COLUMNS)] == VERDICT_COLUMNS
    about = json.loads((written / "provenance.json").read_text())
    assert about["settings"]["strengths"] == "0, 1" and about["not_measured"] == {}
    assert str(folder) not in json.dumps(about)
    assert outcome.write("") is None


def test_every_model_maps_every_image_once_under_the_conditions_of_its_strength(found):
    outcome = found[0]
    main = outcome.measures[outcome.measures["layer"] == "layer1"]
    cells = main.groupby(["row", "strength"])["condition"].unique().map(set).to_dict()
    both = {UNMARKED, ALL_KINDS}
    assert cells == {
        **{(row, 0.0): both | set(KINDS) for row in ROWS},
        **{(row, 1.0): both | {AS_TRAINED} for row in ROWS},
        **{(row, 0.0): both for row in CONTROLS},
    }
    counts = outcome.measures.groupby(["row", "strength", "condition", "layer"])["image"]
    assert (counts.nunique() == 24).all() and (counts.size() == 24).all()
    last = outcome.measures[outcome.measures["layer"] == "layer4"]
    assert set(last["condition"]) == both and set(last["row"]) == {
        *ROWS,
        RANDOM_LABELS,
        RANDOM_WEIGHTS,
    }


def test_a_map_is_made_by_a_model_that_did_not_train_on_the_image(found):
    outcome = found[0]
    folds = dict(zip(outcome.images.frame["image"], outcome.plan.folds[0], strict=True))
    assert (outcome.measures["image"].map(folds) == outcome.measures["fold"]).all()


def test_unmarked_probabilities_are_those_of_the_trainings_own_test(found):
    """The stored run predicts its test images itself; the maps' forward pass has to agree."""
    outcome, folder = found
    measures = outcome.measures.query("condition == @UNMARKED and layer == 'layer1'")
    for job in (job for jobs in outcome.plan.jobs.values() for job in jobs):
        stored = np.load(folder / "runs" / job.job.key / "arrays.npz")["probabilities"]
        model = (measures[name] == getattr(job, name) for name in ("row", "strength", "fold"))
        mine = measures[np.logical_and.reduce(list(model))]
        assert mine["image"].tolist() == [f"{i}.png" for i in job.test_index]
        np.testing.assert_allclose(mine["probability"], stored, atol=1e-5)


def test_an_empty_mask_measures_nothing_of_its_image_and_no_other(found):
    measures = found[0].measures
    empty = measures["image"].isin([f"{i}.png" for i in EMPTY])
    assert measures.loc[empty, "energy_parenchyma"].isna().all()
    there = measures[~empty & measures["map"]]
    assert there["energy_parenchyma"].between(0, 1).all()
    assert measures.loc[measures["label"] == 0, "energy_lesion"].isna().all()


def test_maps_that_ignore_the_picture_do_not_move_and_have_no_probability(found):
    measures = found[0].measures
    blind = measures[measures["row"].isin((RANDOM_MAP, CENTRE_MAP))]
    assert blind["probability"].isna().all()
    marked = blind[blind["condition"] == ALL_KINDS]
    assert (marked["map_change"] == 0).all()
    assert (marked["energy_markers"] == marked["there_markers"]).all()


def test_markers_cover_the_same_pixels_whichever_model_looks(found):
    marked = found[0].measures.query("condition == @ALL_KINDS")
    assert (marked.groupby("image")["area_markers"].nunique() == 1).all()
    assert (marked["area_markers"] > 0).all()


def test_results_verdicts_and_frames_speak_of_the_layer_that_decides(found):
    outcome = found[0]
    assert set(outcome.results["row"]) >= {WITH, WITHOUT, f"{WITHOUT}, bias 1"}
    energy = outcome.results.query("row == @WITH and metric == 'energy_parenchyma'")["value"]
    value = outcome.summary.query(
        "row == @WITH and strength == 0 and condition == @UNMARKED and layer == 'layer1' "
        "and measure == 'energy_parenchyma'"
    )["value"]
    weights = (
        outcome.measures.query(
            "row == @WITH and strength == 0 and condition == @UNMARKED and layer == 'layer1'"
        )
        .groupby("fold")["energy_parenchyma"]
        .count()
    )
    assert np.average(energy, weights=weights) == pytest.approx(value.item())
    assert set(outcome.verdicts["verdict"]) == {"cannot be tested here"}  # of the smoke profile
    assert outcome.verdicts["effect"].notna().any()
    assert set(outcome.controls["against"]) == set(CONTROLS)


def test_a_second_run_trains_and_maps_nothing_and_finds_the_same(found, monkeypatch, livers):
    outcome, folder = found
    livers.use(monkeypatch, folder)
    with pytest.warns(InputWarning, match="empty"):
        planned = fig5.plan(**livers.SMALL, data=str(folder / "manifest.csv"))
    assert planned.estimate()["runs"] == planned.estimate()["maps"] == 0
    assert "nothing to train" in planned.summary()
    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/run.json")}
    again = fig5.run(planned)
    assert again.cost["reused_runs"] == again.cost["runs"] == 15
    assert again.cost["maps"] == outcome.cost["maps"]
    assert {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/run.json")} == before
    for name in (*fig5.FRAMES, "measures"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(outcome, name))


def test_without_masks_and_truth_the_rest_is_measured_and_the_gap_is_said(
    livers, monkeypatch, tmp_path
):
    livers.use(monkeypatch, tmp_path)
    data = livers.write(tmp_path, masks=False, truth=False)
    with pytest.warns(InputWarning, match="mask"), pytest.warns(InputWarning, match="shortcut"):
        outcome = fig5.run(fig5.plan(**livers.SMALL, data=data, strengths=0))
    assert not outcome.summary["measure"].str.contains("parenchyma|lesion|truth").any()
    assert {"shift_markers", "map_change", "auc_original"} <= set(outcome.summary["measure"])
    assert set(outcome.about()["not_measured"]) == {"parenchyma", "lesion"}
    verdicts = outcome.verdicts.set_index("claim")
    assert "mask" in verdicts.loc["augmentation-focuses-on-parenchyma", "note"]
    assert verdicts.loc["markers-draw-attention", "n"] == 3  # paired runs
    assert np.isnan(verdicts.loc["shortcut-is-learnt", "effect"])
    assert len(outcome.examples) == 2 and outcome.examples[0].parenchyma is None
    assert outcome.write(tmp_path / "results").is_dir()
