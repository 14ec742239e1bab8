import numpy as np
import pytest

from testiculus.claims.attention import (
    ALL_KINDS,
    AS_TRAINED,
    CENTRE_MAP,
    CONTROL_COLUMNS,
    CONTROL_MEASURES,
    CONTROLS,
    DIFFERENCE_COLUMNS,
    IMAGE_MEASURES,
    MEASURE_NAMES,
    PREDICTION_MEASURES,
    RANDOM_LABELS,
    RANDOM_MAP,
    RANDOM_WEIGHTS,
    SCORE_MEASURES,
    SUMMARY_COLUMNS,
    UNMARKED,
    WITH,
    WITHOUT,
    Evidence,
    controls_frame,
    difference_frame,
    summary_frame,
)

KEY = ["row", "strength", "condition", "layer", "measure"]


@pytest.fixture(scope="module")
def measures(invented):
    return invented.measures(images=90)


@pytest.fixture(scope="module")
def evidence(measures):
    return Evidence.of(measures, draws=300)


@pytest.fixture(scope="module")
def summary(evidence):
    return summary_frame(evidence)


@pytest.fixture(scope="module")
def differences(evidence):
    return difference_frame(evidence)


@pytest.fixture(scope="module")
def controls(evidence):
    return controls_frame(evidence)


def test_every_cell_has_a_line_for_each_measure_it_has(summary, measures):
    assert tuple(summary) == SUMMARY_COLUMNS
    assert not summary.duplicated(KEY).any() and summary["value"].notna().all()
    lines = summary.groupby(["row", "strength", "condition", "layer"])["measure"].apply(set)
    assert len(lines) == len(measures.drop_duplicates(KEY[:4]))
    marks = {name for name in IMAGE_MEASURES if "markers" in name} | {"map_change", "energy_clear"}
    scored, plain = set(SCORE_MEASURES), {"change_between"}  # of images as they are alone
    assert lines[WITH, 1.0, AS_TRAINED, "layer4"] == (set(IMAGE_MEASURES) | scored) - plain
    unmarked = lines[WITHOUT, 0.0, UNMARKED, "layer2"]
    assert unmarked == (set(IMAGE_MEASURES) | scored) - marks - set(PREDICTION_MEASURES)
    of_maps = set(IMAGE_MEASURES) - set(PREDICTION_MEASURES)
    assert lines[CENTRE_MAP, 0.0, ALL_KINDS, "layer2"] == of_maps - plain


def test_every_measure_has_a_name_for_readers(summary):
    assert set(summary["measure"]) == set(MEASURE_NAMES)
    assert set(MEASURE_NAMES) == {*IMAGE_MEASURES, *SCORE_MEASURES}


def test_a_value_is_the_mean_over_images_of_the_mean_over_seeds(summary, measures):
    chosen = measures.query("row == @WITH and strength == 1 and condition == @ALL_KINDS")
    chosen = chosen[chosen["layer"] == "layer4"]
    by_hand = chosen.groupby("image")["energy_parenchyma"].mean()

    line = summary.set_index(KEY).loc[WITH, 1.0, ALL_KINDS, "layer4", "energy_parenchyma"]

    assert line["value"] == pytest.approx(by_hand.mean())
    assert line["ci_low"] < line["value"] < line["ci_high"]
    assert (line["n_images"], line["n_patients"]) == (90, measures["patient"].nunique())


def test_scores_are_the_means_of_the_results(summary, measures, invented):
    results = invented.results(measures).groupby(["row", "metric"])["value"].mean()
    lines = summary.set_index(KEY)["value"]

    for layer in ("layer2", "layer4"):
        for name in SCORE_MEASURES:
            found = lines[WITHOUT, 1.0, AS_TRAINED, layer, name]
            expected = results[f"{WITHOUT}, bias 1", f"{name}_as_trained"]
            assert found == pytest.approx(expected)


def test_lesions_count_the_images_that_have_one(summary, measures):
    line = summary.set_index(KEY).loc[WITH, 0.0, UNMARKED, "layer2", "gain_lesion"]
    of = measures[measures["true_label"] == 1]

    assert line["n_images"] == of["image"].nunique() < 90
    assert line["n_patients"] == of["patient"].nunique()


def test_differences_pair_the_same_images(differences, evidence, measures):
    assert tuple(differences) == DIFFERENCE_COLUMNS
    line = differences.query("measure == 'map_change' and layer == 'layer2' and strength == 1")
    line = line[line["condition"] == ALL_KINDS]
    assert list(line["against"]) == [WITHOUT] and list(line["row"]) == [WITH]
    chosen = measures.query("condition == @ALL_KINDS and layer == 'layer2' and strength == 1")
    wide = chosen.pivot_table(index="image", columns="row", values="map_change")
    paired = (wide[WITH] - wide[WITHOUT]).to_numpy()
    drawn = [np.average(paired, weights=w[evidence.patients]) for w in evidence.weights]

    assert line["value"].item() == pytest.approx(drawn[0])
    bounds = line[["ci_low", "ci_high"]].to_numpy()[0]
    assert bounds == pytest.approx(np.percentile(drawn[1:], [2.5, 97.5]))


def test_the_trained_model_is_compared_with_every_control_at_strength_0(differences):
    pairs = differences.groupby("strength")["against"].apply(set)

    assert pairs[0.0] == {WITHOUT, *CONTROLS} and pairs[1.0] == {WITHOUT}
    of_scores = differences[differences["measure"].isin(SCORE_MEASURES)]
    assert set(of_scores["against"]) == {WITHOUT, RANDOM_LABELS, RANDOM_WEIGHTS}


def test_controls_say_which_measures_tell_the_trained_model_from_them(controls):
    assert tuple(controls) == CONTROL_COLUMNS
    assert set(controls["measure"]) == {
        name for names in CONTROL_MEASURES.values() for name in names
    }
    told = controls.set_index(["measure", "against"])["informative"]
    assert told["energy_parenchyma", RANDOM_MAP] and told["energy_parenchyma", RANDOM_LABELS]
    assert not told["energy_parenchyma", CENTRE_MAP]  # looks there more than the trained model
    assert not told["point_lesion", RANDOM_MAP]  # never in a lesion, neither of them
    assert told["shift_markers", RANDOM_WEIGHTS] and told["map_change", RANDOM_WEIGHTS]
    asked = controls.groupby("measure")[["row", "against"]].agg(set)
    for name in CONTROL_MEASURES[ALL_KINDS]:  # of the model that markers are said to move
        assert tuple(asked.loc[name]) == ({WITHOUT}, {RANDOM_WEIGHTS})
    assert tuple(asked.loc["energy_parenchyma"]) == ({WITH}, set(CONTROLS))


def test_a_control_like_the_trained_model_makes_a_measure_uninformative(invented):
    same = {"tissue": 0.7, "marked": 0.65, "pull": 0.6}  # of each measure's own model
    bent = invented.measures({(RANDOM_WEIGHTS, 0.0): same}, images=60, layers=("layer2",))

    told = controls_frame(Evidence.of(bent, draws=300)).set_index(["measure", "against"])

    for measure in ("energy_parenchyma", "shift_markers"):
        line = told.loc[(measure, RANDOM_WEIGHTS)]
        assert not line["informative"] and line["ci_low"] < 0 < line["ci_high"]
        assert line["difference"] == pytest.approx(line["value"] - line["control"])


def test_controls_are_taken_at_the_layer_that_is_asked_for(measures):
    moved = measures.copy()
    deep = (moved["layer"] == "layer4") & (moved["row"] == WITH)
    moved.loc[deep, "energy_parenchyma"] = 0.1

    first, deepest = (controls_frame(moved, layer) for layer in ("", "layer4"))

    value = [f[f["measure"] == "energy_parenchyma"]["value"].iloc[0] for f in (first, deepest)]
    assert value == pytest.approx([0.7, 0.1], abs=0.02)


def test_masks_that_are_absent_leave_their_lines_out(measures):
    bare = measures.assign(
        **{name: np.nan for name in measures if name.endswith(("parenchyma", "lesion"))}
    )
    evidence = Evidence.of(bare, draws=50)

    for frame in (summary_frame(evidence), difference_frame(evidence), controls_frame(evidence)):
        assert len(frame) and not frame["measure"].str.contains("parenchyma|lesion").any()


def test_a_row_that_is_missing_leaves_its_differences_out(measures):
    alone = Evidence.of(measures[measures["row"] == WITH], draws=50)

    assert not len(difference_frame(alone)) and not len(controls_frame(alone))
    assert tuple(difference_frame(alone)) == DIFFERENCE_COLUMNS
    assert set(summary_frame(alone)["row"]) == {WITH}
