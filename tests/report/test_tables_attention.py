import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testiculus.base.errors import UserError
from testiculus.claims.attention import (
    ALL_KINDS,
    CONTROLLED,
    CONTROLS,
    MEASURE_NAMES,
    RANDOM_WEIGHTS,
    UNMARKED,
    WITH,
    WITHOUT,
)
from testiculus.markers import KINDS
from testiculus.paper.attention import attention_claims
from testiculus.report import (
    as_text,
    attention_verdicts_table,
    controls_table,
    dose_table,
    kinds_table,
    two_by_two_table,
)
from testiculus.report.attention_words import absence_notes
from testiculus.report.tables_attention_claims import RESOLVED, _resolved, said_by

DIFFERENCE = "difference\n[95 %]"


def tables(run):
    yield two_by_two_table(run.summary, run.differences, run.conditions)
    yield kinds_table(run.summary, run.conditions)
    yield controls_table(run.controls, run.conditions)
    yield attention_verdicts_table(run.verdicts, run.conditions, run.controls)
    yield dose_table(run.summary, run.differences, run.conditions)


def two_by_two(run, **options):
    """The two-by-two table's cells by (measure, test images)."""
    frame = two_by_two_table(run.summary, run.differences, run.conditions, **options).frame
    frame = frame.assign(measure=frame["measure"].replace("", np.nan).ffill())
    return frame.set_index(["measure", "test images"])


def of_images(run, row, condition, layer="layer2", strength=0.0):
    """One line an image: what a row's models measured."""
    chosen = run.measures.query("row == @row and condition == @condition and layer == @layer")
    return chosen[chosen["strength"] == strength].set_index("image").sort_index()


def first(cell):
    return cell.split()[0]


@pytest.mark.parametrize(
    ("data", "profile"), [("phantom", "demo"), ("phantom", "smoke"), ("liver", "demo")]
)
def test_tables_fit_a_terminal_and_name_data_and_profile(attentions, data, profile):
    for table in tables(attentions(data, profile)):
        text = table.text()
        assert max(map(len, text.splitlines())) <= 100
        reached = f"{data}, profile {profile}, from scratch-A"
        assert reached in " ".join(text.split("---")[0].split())
        assert table.html().count("<tr>") == len(table.frame) + 1


def test_both_models_stand_side_by_side_with_their_paired_difference(attentions):
    run = attentions()
    cells = two_by_two(run)

    for images in (UNMARKED, ALL_KINDS):
        energy = [of_images(run, row, images)["energy_parenchyma"] for row in (WITHOUT, WITH)]
        line = cells.loc[MEASURE_NAMES["energy_parenchyma"], images]
        for row, values in zip((WITHOUT, WITH), energy, strict=True):
            assert first(line[f"{row}\n[95 %]"]) == f"{100 * values.mean():.1f}"
        assert first(line[DIFFERENCE]) == f"{100 * (energy[1] - energy[0]).mean():+.1f}"


def test_what_is_drawn_to_markers_is_signed_and_defined_on_marked_images_alone(attentions):
    run = attentions()
    cells = two_by_two(run)
    marked = of_images(run, WITHOUT, ALL_KINDS)
    shift = (marked["energy_markers"] - marked["there_markers"]).mean()

    assert list(cells.loc[MEASURE_NAMES["shift_markers"]].index) == [ALL_KINDS]
    shown = cells.loc[MEASURE_NAMES["shift_markers"], ALL_KINDS][f"{WITHOUT}\n[95 %]"]
    assert first(shown) == f"{100 * shift:+.1f}"


def test_the_change_of_a_map_stands_above_its_scale_the_distance_between_two_images(attentions):
    run = attentions()
    cells = two_by_two(run)
    names = list(dict.fromkeys(cells.index.get_level_values(0)))
    at = names.index(MEASURE_NAMES["map_change"])

    assert names[at + 1] == MEASURE_NAMES["change_between"]
    assert names.index(MEASURE_NAMES["energy_clear"]) < at  # with what else asks for the tissue
    line = cells.loc[MEASURE_NAMES["change_between"]]
    assert list(line.index) == [UNMARKED]
    between = of_images(run, WITHOUT, UNMARKED)["change_between"].mean()
    assert first(line.loc[UNMARKED, f"{WITHOUT}\n[95 %]"]) == f"{100 * between:.1f}"
    assert set(MEASURE_NAMES[m] for m in run.summary["measure"]) == set(names)


def test_a_change_of_probability_is_shown_in_the_models_standard_deviations(attentions):
    run = attentions()
    before, after = (of_images(run, WITH, images) for images in (UNMARKED, ALL_KINDS))
    by_fold = before.groupby("fold")["probability"].std()
    share = (after["probability"] - before["probability"]).abs() / after["fold"].map(by_fold)

    line = two_by_two(run).loc[MEASURE_NAMES["probability_change_relative"], ALL_KINDS]
    assert first(line[f"{WITH}\n[95 %]"]) == f"{100 * share.mean():.1f}"


def test_models_of_a_biased_training_have_no_part_in_the_table(attentions):
    run = attentions()
    changed = run.summary.assign(value=run.summary["value"].where(run.summary["strength"] == 0, 9))

    same = two_by_two_table(changed, run.differences, run.conditions)
    assert same.text() == next(tables(run)).text()


def test_another_layer_and_some_measures_can_be_asked_for(attentions):
    run = attentions()
    cells = two_by_two(run, layer="layer4", measures=("energy_parenchyma", "map_change"))
    energy = of_images(run, WITH, UNMARKED, "layer4")["energy_parenchyma"].mean()

    assert set(cells.index.get_level_values(0)) == {
        MEASURE_NAMES["energy_parenchyma"],
        MEASURE_NAMES["map_change"],
    }
    shown = cells.loc[MEASURE_NAMES["energy_parenchyma"], UNMARKED][f"{WITH}\n[95 %]"]
    assert first(shown) == f"{100 * energy:.1f}"
    table = two_by_two_table(run.summary, run.differences, run.conditions, layer="layer4")
    assert "at layer4" in table.text()


def test_a_layer_that_was_not_measured_is_refused_with_those_that_were(attentions):
    run = attentions()

    with pytest.raises(UserError, match="layer9") as found:
        kinds_table(run.summary, run.conditions, layer="layer9")
    assert "layer2" in str(found.value) and "layer4" in str(found.value)


def test_without_masks_and_truth_their_lines_are_left_out_and_it_is_said(attentions):
    run = attentions("liver")
    table = next(tables(run))

    assert not table.frame["measure"].str.contains("parenchyma|lesion|true labels").any()
    text = " ".join(table.text().split())
    for words in ("No mask of the parenchyma", "No mask of the lesion", "True labels are not"):
        assert words in text
    assert not absence_notes(attentions().summary)


def test_every_kind_of_marker_shows_its_area_and_how_far_it_draws_each_model(attentions):
    run = attentions()
    frame = kinds_table(run.summary, run.conditions).frame
    names = [name for name in frame["marker"] if name]

    assert len(names) == 1 + len(KINDS) and names[0] == ALL_KINDS and names[-1].endswith("calipers")
    ruler = of_images(run, WITHOUT, "depth_ruler")
    at = frame["marker"].eq("depth ruler").to_numpy().argmax()
    line = frame.iloc[at]
    assert line["area"] == f"{100 * ruler['area_markers'].mean():.1f}"
    assert line["on them"] == f"{100 * ruler['energy_markers'].mean():.1f}"
    shift = (ruler["energy_markers"] - ruler["there_markers"]).mean()
    assert first(line["drawn\n[95 %]"]) == f"{100 * shift:+.1f}"
    unmarked = of_images(run, WITHOUT, UNMARKED)["probability"]
    flips = ((ruler["probability"] > 0.5) != (unmarked > 0.5)).mean()
    assert line["flips"] == f"{100 * flips:.1f}"
    assert frame["model"].iloc[at + 1] == WITH and frame["area"].iloc[at + 1] == ""


def test_the_controls_say_which_measures_measure_nothing(attentions):
    run = attentions()
    table = controls_table(run.controls, run.conditions)
    told = run.controls["informative"].map({True: "yes", False: "no"})
    text = " ".join(table.text().split())

    assert list(table.frame["tells"]) == list(told) and "no" in set(told)
    nothing = [note for note in table.notes if note.startswith("Measures nothing here")]
    by_measure = run.controls.groupby("measure")["informative"].all()
    for measure, informative in by_measure.items():
        assert any(MEASURE_NAMES[measure] in note for note in nothing) is not informative
    assert "Tells the trained model from every control that it is compared with: " in text


def test_what_markers_move_is_asked_of_the_model_that_they_are_to_move(attentions):
    run = attentions()
    table = controls_table(run.controls, run.conditions)
    filled = table.frame.replace("", np.nan).ffill()

    marked = filled[filled["test images"] == ALL_KINDS]
    assert set(marked["control"]) == {RANDOM_WEIGHTS} == set(CONTROLLED[ALL_KINDS][1])
    shift = of_images(run, WITHOUT, ALL_KINDS)
    shift = (shift["energy_markers"] - shift["there_markers"]).mean()
    of_shift = marked[marked["measure"] == MEASURE_NAMES["shift_markers"]]
    assert list(of_shift["trained"]) == [f"{100 * shift:.1f}"]
    words = f"{WITH} (test images {UNMARKED}), {WITHOUT} (test images {ALL_KINDS})"
    assert words in " ".join(table.text().split())


def test_a_measure_that_tells_from_every_control_or_from_none_is_named_once(attentions):
    run = attentions()
    all_tell = controls_table(run.controls.assign(informative=True), run.conditions)
    none_tells = controls_table(run.controls.assign(informative=False), run.conditions)

    assert "Measures nothing" not in all_tell.text()
    nothing = [note for note in none_tells.notes if "Measures nothing" in note]
    assert len(nothing) == 2  # by which controls: of all, and of random weights alone
    assert f"as {RANDOM_WEIGHTS} scores like" in nothing[1]
    assert ", ".join(CONTROLS[:-1]) in " ".join(none_tells.text().split())
    assert "Tells the trained" not in none_tells.text()


def test_measures_without_a_mask_are_named_as_not_measured(attentions):
    run = attentions("liver")
    table = controls_table(run.controls, run.conditions)

    assert any(note.startswith("Not measured here: map's energy") for note in table.notes)
    assert not table.frame["measure"].str.contains("parenchyma").any()


def test_the_smoke_profile_claims_nothing_about_measures_or_models(attentions):
    run = attentions(profile="smoke")
    controls, verdicts = list(tables(run))[2:4]

    assert set(controls.frame["tells"]) == {"–"} and "Measures nothing" not in controls.text()
    assert set(verdicts.frame["verdict"]) == {"not claimed\n(smoke)"}
    assert "By the controls" not in verdicts.text()
    for table in (controls, verdicts):
        assert table.text().count("it claims nothing") == 1


def test_every_claim_shows_who_makes_it_what_was_read_and_the_verdict(attentions):
    run = attentions()
    frame = attention_verdicts_table(run.verdicts, run.conditions).frame

    broken = run.verdicts["verdict"].replace("cannot be tested here", "cannot be\ntested here")
    assert list(frame["verdict"]) == list(broken)
    assert frame["said by"].iloc[0] == "thesis,\narticle" and "ours" in set(frame["said by"])
    of_truth = run.verdicts["claim"].str.endswith("-truth").to_numpy()
    assert set(frame["read on"][of_truth]) == {"truth"}
    assert set(frame["read on"][~of_truth]) == {"maps", "predictions", "original"}
    assert set(frame["claim"][of_truth]) == {""}  # below the same claim on labels as they came
    assert not frame["claim"].str.contains("labels as they came").any()
    effect = run.verdicts.set_index("claim").loc["augmentation-removes-the-pull"]
    at = run.verdicts["claim"].eq("augmentation-removes-the-pull").to_numpy().argmax()
    shown = frame["here [95 %]"].iloc[at]
    assert shown.startswith(f"{100 * effect['effect']:+.1f} [{100 * effect['ci_low']:+.1f},")


def test_verdicts_on_measures_that_measure_nothing_are_marked_as_such(attentions):
    run = attentions()
    with_controls = attention_verdicts_table(run.verdicts, run.conditions, run.controls)
    without = attention_verdicts_table(run.verdicts, run.conditions)

    note = next(note for note in with_controls.notes if note.startswith("By the controls"))
    assert MEASURE_NAMES["energy_parenchyma"] in note
    assert MEASURE_NAMES["shift_markers"] not in note
    assert "By the controls" not in without.text()


def test_the_smallest_difference_that_could_be_told_is_named_for_maps_and_for_each_score(
    attentions,
):
    run = attentions()
    note = next(n for n in verdict_notes(run.verdicts, run) if n.startswith("Smallest"))
    by_claim = run.verdicts.set_index("claim")["resolvable"]
    wanted = {"maps": [], "flips": [], "AUC": []}
    for claim in attention_claims():
        found = [by_claim.get(claim.id), by_claim.get(f"{claim.id}-truth", np.nan)]
        kind = {"flipped": "flips", "auc": "AUC"}.get(claim.measure)
        if kind is None and claim.measure.startswith(("energy", "gain", "shift")):
            kind = "maps"
        if kind:
            wanted[kind] += found
    for kind, widths in wanted.items():
        assert f" {kind} {100 * np.nanmax(widths):.1f}" in note

    unknown = run.verdicts.assign(resolvable=np.nan)
    assert not any(n.startswith("Smallest") for n in verdict_notes(unknown, run))


def verdict_notes(verdicts, run):
    return attention_verdicts_table(verdicts, run.conditions).notes


def test_runs_decide_and_the_interval_over_patients_stands_beside(attentions):
    run = attentions()
    frame = attention_verdicts_table(run.verdicts, run.conditions).frame
    told = run.verdicts["effect"].notna().to_numpy()

    assert (frame["patients"][told] != "–").all() and (frame["patients"][~told] == "–").all()
    found = run.verdicts[told].iloc[0]
    shown = f"[{100 * found['boot_low']:+.1f}, {100 * found['boot_high']:+.1f}]"
    assert frame["patients"][told].iloc[0] == shown not in frame["here [95 %]"][told].iloc[0]


def test_every_measure_that_is_judged_has_a_kind_of_resolvable_difference():
    for claim in attention_claims():
        assert _resolved(claim.measure) in RESOLVED.values()


def test_what_cannot_be_tested_gives_its_reason_once(attentions):
    run = attentions("liver")
    table = attention_verdicts_table(run.verdicts, run.conditions)
    reasons = [note for note in table.notes if note.startswith("Cannot be tested here")]

    assert len(reasons) == len(set(reasons)) > 0
    assert any("mask of the parenchyma" in reason for reason in reasons)


@given(st.permutations(["thesis, section 6.4", "article, Fig. 5", "slides on markers, last"]))
def test_all_documents_of_a_claim_are_named_once_in_their_order(places):
    documents = [place.split()[0].rstrip(",") for place in places]

    assert said_by("; ".join([*places, places[0]])) == ", ".join(documents)
    assert said_by("this project's comparison, in no source") == "ours"
    assert said_by("this project's comparison (thesis, section 6.4, leaves it open)") == "ours"


def test_every_measure_has_a_name_that_can_be_read_alone():
    assert len(set(MEASURE_NAMES.values())) == len(MEASURE_NAMES)
    assert not any("the same" in name for name in MEASURE_NAMES.values())


def test_missing_columns_are_refused_by_name(attentions):
    run = attentions()

    with pytest.raises(UserError, match="ci_low"):
        kinds_table(run.summary.drop(columns="ci_low"), run.conditions)
    with pytest.raises(UserError, match="against"):
        gone = run.differences.drop(columns="against")
        two_by_two_table(run.summary, gone, run.conditions)
    with pytest.raises(UserError, match="informative"):
        controls_table(run.controls.drop(columns="informative"), run.conditions)
    with pytest.raises(UserError, match="against"):
        dose_table(run.summary, gone, run.conditions)
    with pytest.raises(UserError, match="boot_low"):
        attention_verdicts_table(run.verdicts.drop(columns="boot_low"), run.conditions)


@pytest.mark.parametrize("data", ["phantom", "liver"])
def test_a_results_folder_of_fig5_prints_the_tables_of_its_run(attentions, tmp_path, data):
    run, folder = attentions(data), tmp_path / "fig5"
    folder.mkdir()
    for name in ("results", "verdicts", "summary", "differences", "controls"):
        getattr(run, name).to_csv(folder / f"{name}.csv", index=False)
    settings = {"profile": "demo", "initialisation": "scratch-A"}
    about = {"data": data, "settings": settings, "not_run": dict(run.conditions.not_run)}
    (folder / "provenance.json").write_text(json.dumps(about))

    text = as_text(folder)

    two, kinds, controls, verdicts, _ = (table.text() for table in tables(run))
    assert text == "\n\n\n".join((verdicts, controls, kinds, two))


def test_empty_frames_make_empty_tables(attentions):
    run = attentions()
    nothing = (run.summary.head(0), run.differences.head(0))

    assert two_by_two_table(*nothing, run.conditions).frame.empty
    assert kinds_table(nothing[0], run.conditions).frame.empty
    assert controls_table(run.controls.head(0), run.conditions).frame.empty
    assert dose_table(*nothing, run.conditions).frame.empty


@pytest.mark.parametrize("scoring", ["original", "truth"])
def test_each_strength_shows_what_the_bias_cost_and_what_the_augmentation_keeps(
    attentions, scoring
):
    run = attentions()
    chosen = dose_table(run.summary, run.differences, run.conditions, scoring=scoring).frame
    by_name = 100 * run.results.groupby(["row", "metric"])["value"].mean()

    def auc(row, strength, suffix=""):
        name = row if not strength else f"{row}, bias {strength:g}"
        return by_name[name, f"auc_{scoring}{suffix}"]

    assert list(chosen["marked\npositives"]) == ["0 %", "50 %", "100 %"]
    for strength, line in zip((0.0, 0.5, 1.0), chosen.itertuples(index=False), strict=True):
        _, without, with_, gain, fallen, with_fallen, biased = line
        assert float(first(without)) == pytest.approx(auc(WITHOUT, strength), abs=0.051)
        assert float(first(with_)) == pytest.approx(auc(WITH, strength), abs=0.051)
        difference = auc(WITH, strength) - auc(WITHOUT, strength)
        assert float(first(gain)) == pytest.approx(difference, abs=0.051) and "[" in gain
        if not strength:
            assert (fallen, with_fallen, biased) == ("–", "–", "–")
            continue
        for shown, row in ((fallen, WITHOUT), (with_fallen, WITH)):
            assert float(shown) == pytest.approx(auc(row, 0) - auc(row, strength), abs=0.051)
        as_trained = auc(WITHOUT, strength, "_as_trained")
        assert float(first(biased)) == pytest.approx(as_trained, abs=0.051)


def test_a_dose_of_nothing_or_scored_on_unknown_labels_says_so(attentions):
    smoke, liver = attentions(profile="smoke"), attentions("liver")
    alone = dose_table(smoke.summary, smoke.differences, smoke.conditions)

    assert list(alone.frame["marked\npositives"]) == ["0 %"]
    assert "strength 0 alone was run" in " ".join(alone.text().split())
    truth = {"scoring": "truth"}
    assert dose_table(liver.summary, liver.differences, liver.conditions, **truth).frame.empty
    with pytest.raises(UserError, match="curated"):
        dose_table(smoke.summary, smoke.differences, smoke.conditions, scoring="curated")
    run = attentions()
    changed = run.summary[run.summary["condition"] != "as in training"]
    assert set(dose_table(changed, run.differences, run.conditions).frame.iloc[:, -1]) == {"–"}
