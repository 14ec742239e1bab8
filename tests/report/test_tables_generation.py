import numpy as np
import pandas as pd
import pytest

from testiculus.base.errors import UserError
from testiculus.report import (
    as_text,
    copies_table,
    fidelity_table,
    generation_verdicts_table,
    heldout_table,
)


def tables(run):
    yield fidelity_table(run.fidelity, run.conditions, run.replicates)
    yield heldout_table(run.fidelity, run.conditions)
    yield copies_table(run.copies, run.conditions)
    yield generation_verdicts_table(run.verdicts, run.conditions)


def line(table, images, against="all 880\nlabelled images"):
    frame = table.frame.assign(against=table.frame["against"].replace("", np.nan).ffill())
    return frame[frame["against"] == against].set_index("images").loc[images]


def values(run, row, metric, reference, space="other-organs"):
    chosen = run.fidelity[run.fidelity["space"] == space]
    return chosen.query("row == @row and metric == @metric and reference == @reference")["value"]


@pytest.mark.parametrize("data", ["phantom", "liver"])
@pytest.mark.parametrize("spaces", [("other-organs", "ud"), ("inception", "other-organs")])
def test_tables_fit_a_terminal_and_name_data_and_profile(generations, data, spaces):
    for table in tables(generations(data, spaces=spaces)):
        text = table.text()
        assert max(map(len, text.splitlines())) <= 100
        assert f"{data}, profile demo" in " ".join(text.split("---")[0].split())
        assert table.html().count("<tr>") == len(table.frame) + 1


def test_the_papers_figures_stand_above_those_measured_here(generations):
    run = generations()
    table = fidelity_table(run.fidelity, run.conditions)
    article = line(table, "before (article)", "3 batches of 64\nlabelled images")
    measured = values(run, "before", "precision", "batch")

    assert article["precision"] == "79.7 ± 4.8" and article["number"] == "about 20,000"
    assert line(table, "filtered (thesis)")["recall"] == "36.5"
    here = line(table, "before", "3 batches of 64\nlabelled images")
    assert here["precision"] == f"{100 * measured.mean():.1f} ± {100 * measured.std():.1f}"
    assert list(table.frame["images"])[2:6] == ["before", "filtered", "random", "real"]


def test_the_whole_set_takes_its_spread_from_replicates(generations):
    run = generations()
    std = run.replicates.query("reference == 'whole' and row == 'real' and metric == 'recall'")
    with_spread = fidelity_table(run.fidelity, run.conditions, run.replicates)
    without = fidelity_table(run.fidelity, run.conditions)

    mean = f"{100 * values(run, 'real', 'recall', 'whole').mean():.1f}"
    assert line(with_spread, "real")["recall"] == f"{mean} ± {100 * std['value'].std():.1f}"
    assert line(without, "real")["recall"] == mean and "bootstrap" not in without.text()


def test_replicates_of_the_first_features_are_not_shown_as_another_ones(generations):
    run = generations()
    table = fidelity_table(run.fidelity, run.conditions, run.replicates, space="ud")

    assert "±" not in line(table, "before")["precision"] and "seen the labelled" in table.caption


def test_only_inceptions_distance_and_score_are_called_fid_and_inception_score(generations):
    ours, inception = generations(), generations(spaces=("inception", "other-organs"))
    table = fidelity_table(ours.fidelity, ours.conditions)
    theirs = fidelity_table(inception.fidelity, inception.conditions)

    assert "Fréchet distance" in table.frame and "FID" not in table.frame
    assert "no FID" in table.text() and "thyroid images alone" in table.text()
    assert line(table, "before (thesis)")["Fréchet distance"] == "FID 49.0"  # the paper's is one
    assert {"FID", "Inception score"} <= set(theirs.frame)
    assert line(theirs, "before (thesis)")["FID"] == "49.0"


def test_gains_on_unseen_patients_are_paired_by_split(generations):
    run = generations()
    frame = heldout_table(run.fidelity, run.conditions).frame
    gains = {
        reference: values(run, "filtered", "precision", reference).to_numpy()
        - values(run, "before", "precision", reference).to_numpy()
        for reference in ("insample", "heldout")
    }

    shown = frame["filtered\n- before"].iloc[:2]
    for cell, gain in zip(shown, gains.values(), strict=True):
        assert cell == f"{100 * gain.mean():+.1f} ± {100 * gain.std(ddof=1):.1f}"
    assert list(frame["measured against"][:2]) == ["the filter's own half", "the other patients"]


def test_without_halves_the_table_says_not_run(generations):
    run = generations()
    whole = run.fidelity[run.fidelity["reference"] == "whole"]

    assert list(heldout_table(whole, run.conditions).frame["metric"]) == ["not run"]


def test_every_subject_of_the_search_has_its_count_rate_and_threshold(generations):
    run = generations()
    frame = copies_table(run.copies, run.conditions).frame

    subjects = run.copies["subject"].replace("planted: flipped", "planted: mirrored")
    assert list(frame["images"]) == list(subjects)
    assert frame["copies"].iloc[0] == "2 of 1,000"
    assert frame["rate [95 %]"].iloc[0] == "0.2 [0.0, 0.8]"
    told = frame["measured in"].iloc[0]
    assert told.startswith("pixels\n(copy: up to 0.480;") and "at most 2.4 %" in told


def test_a_subject_without_images_has_dashes(generations):
    run = generations()
    none = run.copies.head(1).assign(n=0, copies=0, median_distance=np.nan)
    none[["rate", "low", "high", "threshold", "authenticity"]] = np.nan
    frame = copies_table(none, run.conditions).frame

    cells = frame[["copies", "rate [95 %]", "median", "authentic"]].iloc[0]
    assert list(cells) == ["0 of 0", "–", "–", "–"]


def test_every_claim_shows_who_says_it_and_distances_keep_their_unit(generations):
    run = generations()
    frame = generation_verdicts_table(run.verdicts, run.conditions).frame.set_index("claim")
    by_id = run.verdicts.set_index("claim")

    assert list(frame["verdict"]) == list(run.verdicts["verdict"])
    assert [said for said in frame["said by"] if said] == ["article", "thesis", "ours"]
    effect = by_id.loc["article-filter-raises-precision"]
    cell = frame.loc[effect["text"], "here [95 %]"]
    assert cell.startswith(f"{100 * effect['effect']:+.1f} [")
    distance = by_id.loc["article-filter-lowers-distance"]
    cell = frame.loc[distance["text"], "here [95 %]"]
    assert float(cell.split()[0]) == pytest.approx(distance["effect"], rel=0.01)
    assert cell.split()[1] == "d"


def test_the_smoke_profile_claims_nothing(generations):
    run = generations(profile="smoke")
    table = generation_verdicts_table(run.verdicts, run.conditions)

    assert set(table.frame["verdict"]) == {"not claimed (smoke)"}


def test_what_cannot_be_tested_gives_its_reason_once(generations):
    run = generations()
    verdicts = run.verdicts.assign(effect=np.nan, verdict="cannot be tested here", note="no halves")
    table = generation_verdicts_table(verdicts, run.conditions)

    assert set(table.frame["here [95 %]"]) == {"–"}
    assert table.text().count("no halves") == 1


def test_a_space_that_was_not_measured_and_a_missing_column_are_refused(generations):
    run = generations()

    with pytest.raises(UserError, match="clip"):
        fidelity_table(run.fidelity, run.conditions, space="clip")
    with pytest.raises(UserError, match="n_real"):
        heldout_table(run.fidelity.drop(columns="n_real"), run.conditions)


def test_frames_read_from_files_make_the_same_tables(generations, tmp_path):
    run = generations(spaces=("inception", "other-organs"))
    for name in ("fidelity", "replicates"):
        getattr(run, name).to_csv(tmp_path / f"{name}.csv", index=False)
    read = {name: pd.read_csv(tmp_path / f"{name}.csv") for name in ("fidelity", "replicates")}

    again = fidelity_table(read["fidelity"], run.conditions, read["replicates"])
    assert again.text() == fidelity_table(run.fidelity, run.conditions, run.replicates).text()


def test_a_results_folder_of_fig4_prints_its_claims_copies_and_figures(generations, tmp_path):
    import json

    run, folder = generations(), tmp_path / "fig4"
    folder.mkdir()
    for name in ("results", "verdicts", "copies", "fidelity", "replicates"):
        getattr(run, name).to_csv(folder / f"{name}.csv", index=False)
    not_run = dict(run.conditions.not_run)
    about = {"data": "phantom", "settings": {"profile": "demo"}, "not_run": not_run}
    (folder / "provenance.json").write_text(json.dumps(about))

    text = as_text(folder)

    assert text.startswith("Claims of Fig. 4") and "Does it copy training images?" in text
    assert text.endswith(fidelity_table(run.fidelity, run.conditions, run.replicates).text())
