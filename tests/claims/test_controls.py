"""Claims on negative controls, on invented results in which all of them hold, bent one by one."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from testiculus.base.errors import UserError
from testiculus.claims.controls import judge_controls
from testiculus.claims.controls_evidence import Evidence, over_partitions
from testiculus.claims.controls_frame import controls_frame
from testiculus.claims.controls_lines import LINES
from testiculus.claims.controls_reading import SANITY_CLAIMS, note_of
from testiculus.claims.controls_schema import (
    CONTROL_COLUMNS,
    FIGURE_COLUMNS,
    NOISE,
    PERMUTED,
    RANDOM_WEIGHTS,
    UNTRAINED,
    row_name,
)
from testiculus.claims.schema import RESULT_COLUMNS, Conditions
from testiculus.classification_metrics import scores

CONDITIONS = Conditions("phantom", "demo")
COMPLETE, FLIPPED = (row_name("table1", row, PERMUTED) for row in ("Complete", "Flipped"))
PROBES = {  # row -> mean AUC of its probe
    row_name("table2", "UD", PERMUTED): 0.5,
    row_name("table3", "real testes + real thyroids", PERMUTED): 0.5,
    row_name("table2", RANDOM_WEIGHTS): 0.6,
    row_name("table2", NOISE): 0.58,
    row_name("table2", "UD"): 0.8,
    row_name("table3", RANDOM_WEIGHTS): 0.55,
    row_name("table3", UNTRAINED): 0.55,
}
ENDINGS = ("", "-above-chance")
FIGURES = {"precision_whole": (0, 1000), "recall_whole": (0, 880), "kept_share": (10, 1000)}


def probe_lines(row, mean, partitions=10):
    random = np.random.default_rng(len(row))
    for partition in range(partitions):
        for fold in range(3):
            value = mean + random.normal(0, 0.01)
            yield row, partition, fold, "probe_auc", value
            yield row, partition, fold, "probe_f1", 0.3
            yield row, partition, fold, "probe_f1_chance", 0.28


def predictions(patients=200, pull=0.0):
    """Models that know nothing, then models on labels turned to what they predicted (Flipped).

    `pull` moves Complete's probabilities to the labels.
    """
    random = np.random.default_rng(0)
    label = np.repeat(random.permutation(np.arange(patients) % 5 == 0), 2).astype(int)
    belief, parts = random.random(2 * patients), []
    turned = np.where(belief > 0.9, 1, np.where(belief < 0.3, 0, label))
    for row, curated in ((COMPLETE, label), (FLIPPED, turned)):
        for seed in range(8):
            images = np.arange(2 * patients)
            own = random.random(len(images)) if row == COMPLETE else belief
            own = np.clip(own + pull * label, 0, 1) if row == COMPLETE else own
            noise = random.random(len(images))
            part = pd.DataFrame({"row": row, "seed": seed, "fold": images // 2 % 3})
            part = part.assign(image=images, patient=[f"p{i // 2}" for i in images])
            part = part.assign(label=label, curated_label=curated, true_label=label)
            parts.append(part.assign(probability=0.8 * own + 0.2 * noise))
    return pd.concat(parts, ignore_index=True)


def score_lines(told):
    for (row, seed, fold), part in told.groupby(["row", "seed", "fold"]):
        for suffix, column in (("", "curated_label"), ("_original", "label")):
            found = scores(part[column].to_numpy(), part["probability"].to_numpy())
            for metric, value in found.items():
                yield row, seed, fold, metric + suffix, value
            yield row, seed, fold, f"f1{suffix}_chance", 0.28


def evidence(probes=None, figures=None, others=None, told=None):
    told = predictions() if told is None else told
    lines = [*score_lines(told)]
    for row, mean in (PROBES | (probes or {})).items():
        lines += probe_lines(row, mean)
    results = pd.DataFrame([("controls", *line) for line in lines], columns=RESULT_COLUMNS)
    drawn = []
    for metric, (k, n) in (FIGURES | (figures or {})).items():
        share = k / n
        ends = (max(0, share - 0.01), share + 0.01)
        drawn.append(("fig4", UNTRAINED, UNTRAINED, metric, share, *ends, n, float("nan")))
    drawn.append(("fig4", UNTRAINED, UNTRAINED, "frechet_whole", 40.0, *[float("nan")] * 4))
    frame = pd.DataFrame(drawn, columns=list(FIGURE_COLUMNS))
    return Evidence(results, told, frame, others or {}, {"table3": "table3 was not run"})


def table3(mean=0.75):
    lines = [("table3", *line) for line in probe_lines("synthetic", mean)]
    return {"table3": pd.DataFrame(lines, columns=RESULT_COLUMNS)}


def verdict(claim, conditions=CONDITIONS, **bends):
    found = judge_controls(evidence(**bends), conditions).set_index("claim")
    return found.loc[claim, "verdict"]


@pytest.fixture(scope="module")
def judged():
    told = evidence(others=table3())
    return told, judge_controls(told, CONDITIONS)


def test_every_claim_holds_where_nothing_is_to_be_found_but_that_curated_scores_stay(judged):
    found = judged[1].set_index("claim")["verdict"]

    assert found.pop("table1-permuted-curated-auc-at-chance") == "contradicted"
    assert found.eq("supported").all() and len(found) == 13


def test_a_rise_of_f1_that_is_chances_own_is_no_rise_above_chance():
    told = evidence()
    lines, rows = told.results.copy(), [COMPLETE, FLIPPED]
    f1 = lines[lines["metric"] == "f1"].groupby("row")["value"].mean()
    chance = (lines["metric"] == "f1_chance") & (lines["row"] == FLIPPED)
    lines.loc[chance, "value"] = 0.28 + f1[FLIPPED] - f1[COMPLETE] + 0.01

    found = judge_controls(replace(told, results=lines), CONDITIONS).set_index("claim")

    rises, above = (found.loc[f"table1-permuted-curated-f1-rises{end}"] for end in ENDINGS)
    assert rises["verdict"] == "supported" and above["verdict"] != "supported"
    gap = lines[lines["metric"].isin(["f1", "f1_chance"]) & lines["row"].isin(rows)]
    gap = gap.pivot_table(index=["seed", "fold"], columns=["row", "metric"], values="value")
    by_hand = (gap[FLIPPED]["f1"] - gap[FLIPPED]["f1_chance"]).mean()
    by_hand -= (gap[COMPLETE]["f1"] - gap[COMPLETE]["f1_chance"]).mean()
    assert above["effect"] == pytest.approx(by_hand) == pytest.approx(-0.01)


def test_an_auc_above_chance_on_curated_labels_is_told_as_circularity(judged):
    found = judged[1].set_index("claim")["note"]

    assert "circularity shown" in found["table1-permuted-curated-auc-at-chance"]
    below = note_of("table1-permuted-curated-auc-at-chance", "contradicted", -0.2)
    assert below == note_of("table1-permuted-auc-at-chance", "contradicted", 0.2) == ""
    assert found.str.contains("circularity").sum() == 1


def test_what_holds_by_construction_says_so_wherever_it_is_shown(judged):
    told, verdicts = judged
    noted = verdicts[verdicts["note"].str.contains("by construction")]
    shown = controls_frame(told, verdicts, CONDITIONS)
    worded = shown[shown["verdict"].str.contains("by construction")]

    assert noted["claim"].tolist() == [*SANITY_CLAIMS]
    assert {*zip(worded["table"], worded["metric"], strict=True)} == {("fig4", m) for m in FIGURES}


def test_models_that_know_permuted_labels_contradict_that_they_are_at_chance():
    told = predictions(pull=0.4)

    assert verdict("table1-permuted-auc-at-chance", told=told) == "contradicted"


@pytest.mark.parametrize(
    ("claim", "bend"),
    [
        ("table2-permuted-probe-at-chance", {row_name("table2", "UD", PERMUTED): 0.6}),
        ("table2-noise-no-more-than-random", {row_name("table2", NOISE): 0.7}),
        ("table2-images-beat-noise", {row_name("table2", "UD"): 0.5}),
        ("table3-untrained-no-more-than-random", {row_name("table3", UNTRAINED): 0.7}),
    ],
)
def test_a_bent_probe_contradicts_its_claim(claim, bend):
    assert verdict(claim, probes=bend) == "contradicted"


def test_images_that_pass_for_real_ones_contradict_their_claims():
    assert verdict("fig4-untrained-kept", figures={"kept_share": (900, 1000)}) == "contradicted"
    assert verdict("fig4-untrained-recall", figures={"recall_whole": (44, 880)}) == "not resolved"


def test_a_table_that_was_not_run_leaves_its_claim_untested(judged):
    name = "table3-trained-beats-untrained"
    found = judge_controls(evidence(), CONDITIONS).set_index("claim").loc[name]

    assert found["verdict"] == "cannot be tested here" and found["note"] == "table3 was not run"
    assert verdict(name, others=table3(0.4)) == "contradicted"


def test_the_smoke_profile_claims_nothing():
    found = judge_controls(evidence(), Conditions("phantom", "smoke"))

    assert found["verdict"].eq("cannot be tested here").all() and found["claim"].is_unique


def test_partitions_count_as_independent_draws_and_folds_do_not():
    index = pd.MultiIndex.from_product([range(4), range(3)], names=["seed", "fold"])
    values = pd.Series(np.arange(12) / 100, index=index)
    means = values.groupby("seed").mean()
    half = 3.182446 * means.std() / 2  # t of 3 degrees of freedom, four partitions
    found = over_partitions(values)

    assert found.n == 4 and found.effect == pytest.approx(values.mean())
    assert found.high - found.effect == pytest.approx(half, rel=1e-5)


def test_a_page_shows_every_line_with_chance_and_the_tables_own_beside(judged):
    told, verdicts = judged
    shown = controls_frame(told, verdicts, CONDITIONS)
    keyed = shown.set_index(["table", "control", "row", "metric"])

    assert list(shown) == list(CONTROL_COLUMNS)
    listed = [(line.table, line.control, line.row, line.metric) for line in LINES]
    unmeasured = {("table2", NOISE, NOISE, "f1"), ("table4", NOISE, NOISE, "f1")}
    unmeasured.add(("fig4", UNTRAINED, UNTRAINED, "copy_rate_pixels"))
    assert [*keyed.index] == [key for key in listed if key not in unmeasured]
    own = keyed.loc[("table3", UNTRAINED, UNTRAINED, "probe_auc")]
    assert own["beside"] == "synthetic" and own["beside_value"] == pytest.approx(0.75, abs=0.01)
    assert own["verdict"] == "supported" and own["chance"] == 0.5
    assert keyed.loc[("table1", PERMUTED, "Complete", "f1"), "chance"] == pytest.approx(0.28)
    assert keyed.loc[("table1", PERMUTED, "Complete", "auc"), "n"] == 200


def test_a_table_that_does_not_share_the_settings_shows_no_controls(judged):
    shown = controls_frame(*judged, CONDITIONS, sharing=("fig4",))

    assert set(shown["table"]) == {"table1", "table2", "table3", "fig4"}


def test_tables_that_share_controls_show_the_same_figures(judged):
    shown = controls_frame(*judged, CONDITIONS)
    own, other = (
        shown[shown["table"] == name][["value", "ci_low", "ci_high", "verdict"]]
        for name in ("table2", "table4")
    )
    pd.testing.assert_frame_equal(own.reset_index(drop=True), other.reset_index(drop=True))


def test_a_frame_without_its_columns_is_refused():
    told = evidence()
    with pytest.raises(UserError, match="figures lack the columns"):
        Evidence(told.results, told.predictions, pd.DataFrame({"table": []}))
