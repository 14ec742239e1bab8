import itertools

import numpy as np
import pandas as pd
import pytest

from testiculus.base.errors import UserError
from testiculus.claims.attention import (
    ALL_KINDS,
    CENTRE_MAP,
    IMAGE_MEASURES,
    UNMARKED,
    WITH,
    WITHOUT,
    Evidence,
)
from testiculus.claims.attention_evidence import interval_of, patient_weights
from testiculus.claims.attention_images import Cell, derived
from testiculus.claims.contrasts import beats
from testiculus.intervals import patient_bootstrap

DRAWS = 300
CELL = Cell(WITHOUT, 0.0, ALL_KINDS, "layer2")


@pytest.fixture(scope="module")
def measures(invented):
    return invented.measures(images=60)


@pytest.fixture(scope="module")
def evidence(measures):
    return Evidence.of(measures, draws=DRAWS, seed=5)


def lines_of(measures, cell):
    for column, value in zip(Cell._fields, cell, strict=True):
        measures = measures[measures[column] == value]
    return measures


def test_measures_that_follow_from_others_are_as_a_loop_finds_them(measures):
    frame = derived(measures).iloc[::37]
    key = ["row", "strength", "seed", "image", "layer"]
    before = measures[measures["condition"] == UNMARKED].set_index(key)["probability"]

    for line in frame.itertuples():
        assert line.gain_lesion == pytest.approx(line.energy_lesion - line.area_lesion, nan_ok=True)
        shift = line.energy_markers - line.there_markers
        assert line.shift_markers == pytest.approx(shift, nan_ok=True)
        at = before[tuple(getattr(line, name) for name in key)]
        if line.condition == UNMARKED or np.isnan(at):
            assert np.isnan([line.probability_shift, line.probability_change, line.flipped]).all()
            continue
        assert line.probability_shift == pytest.approx(line.probability - at)
        assert line.probability_change == pytest.approx(abs(line.probability - at))
        assert line.flipped == float((line.probability > 0.5) != (at > 0.5))


def test_an_image_is_averaged_over_seeds_first(measures, evidence):
    lines = lines_of(derived(measures), CELL)
    names = sorted(lines["image"].unique())

    for at in (0, 17, 59):
        expected = lines[lines["image"] == names[at]]["shift_markers"]
        assert len(expected) == 2
        assert evidence.column(CELL, "shift_markers")[at] == pytest.approx(expected.mean())


def test_the_draws_are_those_of_the_patient_bootstrap(measures, evidence):
    lines = lines_of(derived(measures), CELL).groupby("image").mean(numeric_only=True)
    patients = measures.groupby("image")["patient"].first()
    values = lines["energy_markers"].to_numpy()

    expected = patient_bootstrap(
        lambda weights: weights @ values / weights.sum(axis=1), patients, seed=5, draws=DRAWS
    )

    found = evidence.mean(evidence.column(CELL, "energy_markers"))
    bounds = (found.effect, found.low, found.high, found.resolvable)
    assert bounds == pytest.approx(
        (expected.effect, expected.low, expected.high, expected.resolvable)
    )
    assert (found.n, found.note) == (expected.n, "")


def test_a_mean_with_gaps_is_that_of_the_images_written_out(evidence):
    values = evidence.column(Cell(WITH, 0.0, UNMARKED, "layer2"), "energy_lesion")
    assert 0 < np.isnan(values).sum() < len(values)
    drawn = []
    for times in evidence.weights:
        rows = itertools.chain.from_iterable(
            [value] * int(times[patient])
            for value, patient in zip(values, evidence.patients, strict=True)
            if not np.isnan(value)
        )
        rows = list(rows)
        drawn.append(np.mean(rows) if rows else np.nan)

    found = evidence.mean(values)

    assert found.effect == pytest.approx(drawn[0])
    assert (found.low, found.high) == pytest.approx(tuple(np.nanpercentile(drawn[1:], [2.5, 97.5])))
    assert found.n == len(set(evidence.patients[~np.isnan(values)])) < evidence.weights.shape[1]


def test_scores_have_the_bootstrap_of_every_other_table(measures, evidence):
    shown = measures[(measures["layer"] == "layer2") & (measures["condition"] == UNMARKED)]
    shown = shown[(shown["strength"] == 0) & shown["row"].isin([WITH, WITHOUT])]
    terms = [(1, WITH, 0.0, UNMARKED), (-1, WITHOUT, 0.0, UNMARKED)]

    for metric in ("accuracy", "f1"):
        contrast = beats(WITH, WITHOUT, metric, "_original")
        expected = contrast.bootstrap(shown, seed=5, draws=DRAWS)
        found = evidence.contrast_of_scores(terms, metric, "original")
        assert (found.effect, found.low, found.high, found.n) == pytest.approx(
            (expected.effect, expected.low, expected.high, expected.n)
        )


def test_runs_that_only_one_row_has_do_not_count(measures):
    fewer = measures[~((measures["row"] == WITHOUT) & (measures["seed"] == 1))]
    first = measures[measures["seed"] == 0]
    terms = [(1, WITH, 0.0, UNMARKED), (-1, WITHOUT, 0.0, UNMARKED)]

    uneven, expected = (
        Evidence.of(frame, draws=DRAWS).contrast_of_scores(terms, "auc", "truth")
        for frame in (fewer, first)
    )

    assert (uneven.effect, uneven.low) == pytest.approx((expected.effect, expected.low))


def test_maps_of_no_model_answer_for_any_layer_and_models_only_for_their_own(measures):
    first = measures[(measures["layer"] == "layer2") | (measures["row"] == WITH)]
    evidence = Evidence.of(first, draws=DRAWS)

    blind = evidence.cell(CENTRE_MAP, 0.0, UNMARKED, "layer4")
    trained = evidence.cell(WITHOUT, 0.0, UNMARKED, "layer4")

    assert blind.layer == "layer2" and blind in evidence.values
    assert trained.layer == "layer4" and trained not in evidence.values
    assert np.isnan(evidence.column(trained, "energy_parenchyma")).all()


def test_what_is_known_of_models_masks_and_empty_maps(measures, evidence):
    assert evidence.layers == ("layer2", "layer4") and evidence.largest == 1.0
    assert evidence.models[WITH, 0.0] == 6
    assert evidence.masks == {"parenchyma", "lesion", "markers"}
    assert evidence.empty[CELL] == (0, 120)
    bare = measures.assign(area_lesion=np.nan, map=measures["image"] > "image-004.png")
    assert Evidence.of(bare, draws=1).masks == {"parenchyma", "markers"}
    assert Evidence.of(bare, draws=1).empty[CELL] == (10, 120)
    assert Evidence.of(evidence) is evidence
    assert evidence.values[CELL].shape == (60, len(IMAGE_MEASURES))


@pytest.mark.parametrize("truth", ["Int8", "float64", "object"])
def test_true_labels_that_are_not_known_for_all_are_not_scored_on(measures, truth):
    some = measures.assign(true_label=measures["true_label"].astype(truth))
    some.loc[some["image"] == "image-000.png", "true_label"] = pd.NA if truth == "Int8" else None
    evidence = Evidence.of(some, draws=DRAWS)

    assert not evidence.truth
    assert not len(evidence.scores(WITH, 0.0, UNMARKED, "truth"))
    assert len(evidence.scores(WITH, 0.0, UNMARKED, "original")) == 6


def test_one_patient_or_no_value_has_no_bounds():
    one = interval_of(np.array([0.5, 0.5, 0.5]), 1)
    none = interval_of(np.array([np.nan, 0.1]), 3)
    some = interval_of(np.array([0.5, np.nan, 0.4, 0.6]), 3)

    assert one.effect == 0.5 and np.isnan([one.low, one.high]).all() and "one patient" in one.note
    assert np.isnan([none.effect, none.low]).all() and none.note == "no image has a value"
    assert some.note == "not defined on 1 of 3 bootstrap draws" and some.low < 0.5 < some.high


def test_weights_start_with_ones_and_are_the_same_for_a_seed():
    weights = patient_weights(7, seed=3, draws=20)

    assert (weights[0] == 1).all() and (weights.sum(axis=1) == 7).all()
    assert np.array_equal(weights, patient_weights(7, seed=3, draws=20))
    assert not np.array_equal(weights, patient_weights(7, seed=4, draws=20))


def test_an_image_measured_twice_is_refused(measures):
    with pytest.raises(UserError, match="measured twice"):
        Evidence.of(pd.concat([measures, measures.iloc[:1]]))
