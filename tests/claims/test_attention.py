import re

import numpy as np
import pandas as pd
import pytest

from testiculus.base.errors import UserError
from testiculus.claims import (
    CONTRADICTED,
    NOT_RESOLVED,
    RESULT_COLUMNS,
    SUPPORTED,
    UNTESTABLE,
    VERDICT_COLUMNS,
    VERDICT_EXTRAS,
    Conditions,
)
from testiculus.claims.attention import (
    ALL_KINDS,
    RANDOM_WEIGHTS,
    WITH,
    WITHOUT,
    Evidence,
    judge_fig5,
)
from testiculus.claims.attention_verdicts import NO_DOSE, NO_LOSS
from testiculus.claims.contrasts import UNKNOWN_TRUTH
from testiculus.intervals import corrected_resampled_interval
from testiculus.paper.attention import attention_claims

NONE = pd.DataFrame(columns=RESULT_COLUMNS)  # results without any
CONDITIONS = Conditions("phantom", "demo")
OF_SCORES = [claim.id for claim in attention_claims() if claim.measure in ("accuracy", "f1", "auc")]
UNDECIDED = "attention-moves-almost-entirely"
OF_IMAGES = [
    claim.id for claim in attention_claims() if claim.id not in OF_SCORES and not claim.untestable
]
EVERY = [*OF_IMAGES, *OF_SCORES, *(f"{claim}-truth" for claim in OF_SCORES)]
W, M = (WITHOUT, 0.0), (WITH, 0.0)  # models trained without and with markers
W1, M1 = (WITHOUT, 1.0), (WITH, 1.0)
# Two worlds in which things are otherwise, and the claims that are then wrong.
BENDS = (
    {
        W: {"pull": -0.04, "push": -0.3},
        M: {"tissue": 0.3, "marked": 0.1, "apart": -0.2},
        (RANDOM_WEIGHTS, 0.0): {"tissue": 0.9},
        W1: {"apart": 0.4},
    },
    {W: {"pull": 0.3, "push": 0.02}, M: {"pull": 0.9, "push": 0.6}}
    | {W1: {"trained": -0.4}, M1: {"apart": -0.3}},
)
WRONG = {
    "markers-draw-attention": 0,
    "augmentation-removes-the-pull": 1,
    "augmentation-steadies-predictions": 1,
    "augmentation-steadies-predictions-relative": 1,
    "augmentation-steadies-decisions": 1,
    "augmentation-focuses-on-parenchyma": 0,
    "augmentation-restores-focus": 0,
    "unaugmented-model-looks-at-tissue": 0,
    "no-loss-of-accuracy": 0,
    "no-loss-of-f1": 0,
    "augmentation-improves-scores": 0,
    "resilience-to-artifacts": 1,
    "markers-look-like-disease": 0,
    "shortcut-is-learnt": 0,
    "augmentation-restores": 1,
    "biased-test-hides-it": 1,
}


def verdicts(measures, results, conditions=CONDITIONS, **settings):
    return judge_fig5(measures, results, conditions, draws=300, **settings).set_index("claim")


@pytest.fixture(scope="module")
def measures(invented):
    return invented.measures()


@pytest.fixture(scope="module")
def results(invented, measures):
    return invented.results(measures)


@pytest.fixture(scope="module")
def found(measures, results):
    return verdicts(measures, results)


def test_the_frame_is_that_of_every_other_experiment(found):
    assert list(found.reset_index()) == [*VERDICT_COLUMNS, *VERDICT_EXTRAS]
    assert sorted(found.index) == sorted([*EVERY, UNDECIDED]) and found.index.is_unique
    assert found["paper"].isna().all()
    assert (found["data"] == "phantom").all() and (found["profile"] == "demo").all()


@pytest.mark.parametrize("claim", EVERY)
def test_a_claim_is_supported_where_the_measures_are_as_it_says(found, claim):
    assert found.loc[claim, "verdict"] == SUPPORTED
    assert found.loc[claim, "effect"] >= found.loc[claim, "ci_low"]


@pytest.fixture(scope="module")
def bent(invented):
    worlds = [invented.measures(bends, layers=("layer2",)) for bends in BENDS]
    return [verdicts(world, invented.results(world)) for world in worlds]


@pytest.mark.parametrize("claim", WRONG)
def test_a_claim_is_contradicted_where_the_measures_say_otherwise(bent, claim):
    for way in (way for way in (claim, f"{claim}-truth") if way in EVERY):
        line = bent[WRONG[claim]].loc[way]

        assert line["verdict"] == CONTRADICTED, way
        assert line["ci_high"] < (-0.025 if way.startswith("no-loss") else 0)


def test_tissue_needs_more_than_its_area_and_more_than_an_untrained_model(invented):
    claim = "unaugmented-model-looks-at-tissue"
    of = invented.measures
    below_area = verdicts(of({W: {"tissue": 0.2}, (RANDOM_WEIGHTS, 0.0): {"tissue": 0.1}}), NONE)
    like_untrained = verdicts(of({(RANDOM_WEIGHTS, 0.0): {"tissue": 0.5}}), NONE)

    assert below_area.loc[claim, "verdict"] == CONTRADICTED
    assert "contradicted against the area covered" in below_area.loc[claim, "note"]
    assert like_untrained.loc[claim, "verdict"] == NOT_RESOLVED
    assert "not resolved against row random weights" in like_untrained.loc[claim, "note"]


# What is taken away, from measures and from results, and what each claim is then said to lack.
TAKEN = (
    (dict(condition=[ALL_KINDS], row=[RANDOM_WEIGHTS]), dict(row=[WITH, f"{WITH}, bias 1"])),
    (dict(row=[WITH]), dict(row=[WITHOUT])),
    (
        dict(row=[WITHOUT]),
        dict(metric=["f1_original", "accuracy_original_marked", "auc_original_as_trained"]),
    ),
    (dict(strength=[1.0]), {}),
)
UNTESTED = {
    "markers-draw-attention": (0, "no maps of without markers on test images all kinds"),
    "augmentation-removes-the-pull": (1, "row with markers was not run"),
    "augmentation-steadies-predictions": (1, "row with markers was not run"),
    "augmentation-steadies-predictions-relative": (1, "row with markers was not run"),
    "augmentation-steadies-decisions": (0, "no maps of without markers on test images all kinds"),
    "augmentation-focuses-on-parenchyma": (1, "row with markers was not run"),
    "augmentation-restores-focus": (0, "no maps of with markers on test images all kinds"),
    "unaugmented-model-looks-at-tissue": (0, "row random weights was not run"),
    "no-loss-of-accuracy": (0, "row with markers was not run"),
    "no-loss-of-f1": (1, "row without markers was not run"),
    "augmentation-improves-scores": (2, "no f1_original"),
    "resilience-to-artifacts": (2, "no accuracy_original_marked"),
    "markers-look-like-disease": (0, "no maps of without markers on test images all kinds"),
    "shortcut-is-learnt": (3, NO_DOSE),
    "augmentation-restores": (0, "row with markers, bias 1 was not run"),
    "biased-test-hides-it": (2, "no auc_original_as_trained"),
}


def left_of(frame, taken):
    for column, values in taken.items():
        frame = frame[~frame[column].isin(values)]
    return frame


@pytest.fixture(scope="module")
def bare(measures, results):
    return [verdicts(left_of(measures, a), left_of(results, b)) for a, b in TAKEN]


@pytest.mark.parametrize("claim", UNTESTED)
def test_a_claim_without_its_rows_cannot_be_tested_and_says_what_is_missing(bare, claim):
    world, reason = UNTESTED[claim]
    line = bare[world].loc[claim]

    assert line["verdict"] == UNTESTABLE and reason in line["note"]
    assert np.isnan(line["effect"])


def test_every_claim_is_put_to_all_three_tests():
    claims = {claim.id for claim in attention_claims()}

    assert claims - {UNDECIDED} == set(WRONG) == set(UNTESTED)


def test_what_no_map_could_show_is_not_judged_and_says_why(found):
    line = found.loc[UNDECIDED]

    assert line["verdict"] == UNTESTABLE and np.isnan(line["effect"])
    assert "wider than most marks" in line["note"]


def test_maps_are_decided_by_the_corrected_interval_of_the_paired_runs(measures, found):
    shown = measures[(measures["condition"] == ALL_KINDS) & (measures["strength"] == 0)]
    shown = shown[shown["layer"] == "layer2"]
    shift = (shown["energy_markers"] - shown["there_markers"]).rename("shift")
    runs = shown[["row", "seed", "fold"]].join(shift).groupby(["row", "seed", "fold"])["shift"]
    wide = runs.mean().unstack("row")
    expected = corrected_resampled_interval((wide[WITHOUT] - wide[WITH]).to_numpy(), ratio=0.5)

    line = found.loc["augmentation-removes-the-pull"]

    assert line["effect"] == pytest.approx(expected.effect)
    assert (line["ci_low"], line["ci_high"]) == pytest.approx((expected.low, expected.high))
    assert line["n"] == 6 and line["boot_low"] < line["effect"] < line["boot_high"]


def test_a_single_run_leaves_the_decision_to_the_bootstrap(measures):
    one = measures[(measures["seed"] == 0) & (measures["fold"] == 0)]

    line = verdicts(one, NONE).loc["augmentation-removes-the-pull"]

    assert line["verdict"] == SUPPORTED and "one run" in line["note"]
    assert (line["ci_low"], line["ci_high"]) == (line["boot_low"], line["boot_high"])


def test_a_pull_that_an_untrained_model_has_as_well_is_no_pull(invented):
    line = verdicts(invented.measures({(RANDOM_WEIGHTS, 0.0): {"pull": 0.7}}), NONE)

    assert line.loc["markers-draw-attention", "verdict"] == CONTRADICTED
    assert "against row random weights" in line.loc["markers-draw-attention", "note"]


def test_without_masks_the_claims_on_tissue_say_so_and_the_others_stand(measures, results, found):
    bare = measures.assign(
        **{n: np.nan for n in measures if n.endswith(("parenchyma", "lesion", "clear"))}
    )

    line = verdicts(bare, results)

    needs = ["focuses-on-parenchyma", "restores-focus"]
    for claim in [f"augmentation-{need}" for need in needs] + ["unaugmented-model-looks-at-tissue"]:
        assert line.loc[claim, "verdict"] == UNTESTABLE
        assert line.loc[claim, "note"] == "no image has a mask of the parenchyma"
    assert line.loc["markers-draw-attention", "effect"] == pytest.approx(
        found.loc["markers-draw-attention", "effect"]
    )


def test_unknown_truth_leaves_the_readings_on_it_untested_and_the_others_as_they_were(
    measures, results, found
):
    some = measures.assign(true_label=measures["true_label"].astype("Int8"))
    some.loc[some["image"] == "image-003.png", "true_label"] = pd.NA
    kept = results[~results["metric"].str.contains("truth")]

    line = verdicts(some, kept)

    truth = line.index.str.endswith("-truth")
    assert (line[truth]["verdict"] == UNTESTABLE).all()
    assert (line[truth]["note"] == UNKNOWN_TRUTH).all()
    assert line[~truth]["ci_low"].equals(found[~truth]["ci_low"])
    assert line.loc["no-loss-of-f1", "boot_low"] == found.loc["no-loss-of-f1", "boot_low"]


def test_scores_are_decided_by_the_corrected_interval_of_the_paired_runs(results, found):
    wide = results[results["metric"] == "auc_truth"].pivot(
        index=["seed", "fold"], columns="row", values="value"
    )
    expected = corrected_resampled_interval(
        (wide[WITHOUT] - wide[f"{WITHOUT}, bias 1"]).to_numpy(), ratio=0.5
    )

    line = found.loc["shortcut-is-learnt-truth"]

    assert (line["effect"], line["ci_low"], line["n"]) == (expected.effect, expected.low, 6)
    assert line["boot_low"] < line["effect"] < line["boot_high"]  # of the same mean, over patients
    assert "bias of 1" in line["note"] and line["text"].endswith("on true labels.")


def test_the_bootstrap_beside_a_score_is_about_the_same_effect(measures, results, found):
    evidence = Evidence.of(measures, draws=300)
    terms = [(1, WITH, 0.0, ALL_KINDS), (-1, WITH, 0.0, "unmarked")]
    terms += [(-1, WITHOUT, 0.0, ALL_KINDS), (1, WITHOUT, 0.0, "unmarked")]

    beside = evidence.contrast_of_scores(terms, "accuracy", "original")

    line = found.loc["resilience-to-artifacts"]
    assert line["effect"] == pytest.approx(beside.effect)
    assert (line["boot_low"], line["boot_high"]) == pytest.approx((beside.low, beside.high))


def test_notes_say_layer_models_readings_and_what_another_layer_says(found):
    note = found.loc["markers-draw-attention", "note"]
    assert re.search(r"maps at layer2; at layer4 supported \(\+(58|59|60)\.\d points\)", note)
    assert "6 trained models" in note
    assert "12 trained models" in found.loc["augmentation-removes-the-pull", "note"]
    assert "away from the marks" in found.loc["augmentation-restores-focus", "note"]
    assert "maps at" not in found.loc["augmentation-steadies-decisions", "note"]
    assert NO_LOSS in found.loc["no-loss-of-accuracy", "note"]


def test_maps_that_are_empty_are_left_out_and_counted(measures, results):
    holes = measures.copy()
    empty = (holes["row"] == WITHOUT) & (holes["image"] < "image-010.png") & (holes["seed"] == 0)
    holes.loc[empty, "map"] = False
    shares = [name for name in holes if name.startswith(("energy", "there"))]
    holes.loc[empty, shares] = np.nan

    line = verdicts(holes, results).loc["markers-draw-attention"]

    assert line["verdict"] == SUPPORTED
    assert "10 of 300 maps are empty and left out" in line["note"]


def test_another_layer_can_be_judged_and_one_that_was_not_mapped_is_refused(measures, results):
    other = measures.copy()
    deep = (other["layer"] == "layer4") & (other["row"] == WITHOUT)
    other.loc[deep, "energy_markers"] = other.loc[deep, "there_markers"] - 0.02

    first, deepest = (verdicts(other, results, layer=layer) for layer in ("", "layer4"))

    assert first.loc["markers-draw-attention", "verdict"] == SUPPORTED
    assert "at layer4 contradicted" in first.loc["markers-draw-attention", "note"]
    assert deepest.loc["markers-draw-attention", "verdict"] == CONTRADICTED
    with pytest.raises(UserError, match="layer2, layer4"):
        verdicts(other, results, layer="layer3")


def test_the_smoke_profile_claims_nothing(measures, results, found):
    line = verdicts(measures, results, Conditions("phantom", "smoke"))

    assert (line["verdict"] == UNTESTABLE).all()
    assert line["effect"].equals(found["effect"])


def test_frames_without_their_columns_are_refused(measures, results):
    with pytest.raises(UserError, match="measures lack the columns map_change"):
        verdicts(measures.drop(columns="map_change"), results)
    with pytest.raises(UserError, match="results lack the columns fold"):
        verdicts(measures, results.drop(columns="fold"))
    with pytest.raises(UserError, match="no measures of maps"):
        verdicts(measures.iloc[:0], results)
