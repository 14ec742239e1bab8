import pandas as pd
import pytest

from testiculus.base.errors import UserError
from testiculus.claims.controls_schema import CONTROL_COLUMNS, NOISE, PERMUTED, UNTRAINED
from testiculus.claims.schema import VERDICT_COLUMNS, VERDICT_EXTRAS, Conditions
from testiculus.report.plots_controls import negative_controls_plot
from testiculus.report.tables_controls import (
    negative_controls_table,
    negative_controls_verdicts_table,
    permuted_words,
)

DEMO, SMOKE = Conditions("phantom", "demo", folds=3), Conditions("phantom", "smoke")
NAN = float("nan")


def controls(beside=True):
    own = [0.454, 0.558, 0.818, NAN, 4.41] if beside else [NAN] * 5
    lines = [
        ("table1", PERMUTED, "Complete", "f1", 0.27, 0.24, 0.31, 220, 0.28, "Complete", own[0]),
        ("table1", PERMUTED, "Flipped", "f1", 0.51, 0.46, 0.55, 220, 0.36, "Flipped", own[1]),
        ("table2", NOISE, NOISE, "probe_auc", 0.61, 0.58, 0.64, 30, 0.5, "UD", own[2]),
        ("table2", NOISE, "random weights", "probe_auc", 0.6, 0.57, 0.63, 30, 0.5, "", own[3]),
        ("fig4", UNTRAINED, UNTRAINED, "frechet_whole", 52.5, NAN, NAN, 99, NAN, "before", own[4]),
    ]
    verdicts = ["supported", "contradicted", "not resolved", "", NAN]
    rows = [(*line, verdict) for line, verdict in zip(lines, verdicts, strict=True)]
    return pd.DataFrame(rows, columns=list(CONTROL_COLUMNS))


def verdicts():
    names = [*VERDICT_COLUMNS, *VERDICT_EXTRAS]
    told = {"claim": "a", "text": "Noise gives no more.", "effect": 0.012, "ci_low": -0.02}
    told |= {"ci_high": 0.044, "verdict": "supported", "note": "no more means at most 5 points"}
    told |= {"resolvable": 0.032}
    untested = {"claim": "b", "text": "Trained images give more.", "note": "table3 was not run"}
    untested |= {"verdict": "cannot be tested here"}
    return pd.DataFrame([told, untested], columns=names)


def test_each_figure_stands_beside_chance_and_the_tables_own():
    frame = negative_controls_table(controls(), DEMO).frame

    assert frame.iloc[0].tolist() == [
        *("Table 1", "permuted labels, Complete", "F1", "27.0 [24.0, 31.0]", "28.0"),
        *("45.4 (Complete)", "supported"),
    ]
    assert frame.iloc[3].tolist()[3:] == ["60.0 [57.0, 63.0]", "50.0", "–", ""]


def test_a_distance_is_no_percentage_and_has_no_interval():
    line = negative_controls_table(controls(), DEMO).frame.iloc[4]

    assert line.tolist()[2:] == ["Fréchet distance", "52.50", "–", "4.41 (before)", ""]


def test_a_table_can_be_shown_alone():
    shown = negative_controls_table(controls(), DEMO, "table2")

    assert shown.caption == "Negative controls of Table 2: phantom, profile demo"
    assert shown.frame["table"].tolist() == ["Table 2", ""]
    assert max(map(len, str(shown).splitlines())) <= 100


def test_the_smoke_profile_claims_nothing():
    frame = negative_controls_table(controls(), SMOKE).frame
    told = negative_controls_verdicts_table(verdicts(), SMOKE).frame

    assert set(frame["verdict"]) == {"not claimed (smoke)", ""}
    assert set(told["verdict"]) == {"not claimed (smoke)"}


def test_the_claims_say_their_margin_and_why_one_was_not_tested():
    shown = negative_controls_verdicts_table(verdicts(), DEMO)

    assert shown.frame["here [95 %]"].tolist() == ["+1.2 [-2.0, +4.4]", "–"]
    assert "No more means at most 5 points." in shown.notes
    assert "–: table3 was not run" in shown.notes


def test_every_claim_shows_what_it_could_have_resolved():
    shown = negative_controls_verdicts_table(verdicts(), DEMO).frame

    assert shown["resolvable"].tolist() == ["3.2", "–"]


@pytest.mark.parametrize(
    ("claim", "verdict", "word"),
    [
        ("fig4-untrained-kept", "supported", "by construction"),
        ("table1-permuted-curated-auc-at-chance", "contradicted", "circularity shown"),
    ],
)
def test_a_verdict_that_reads_otherwise_says_how_and_below_why(claim, verdict, word):
    told = verdicts().assign(claim=[claim, "b"])
    told.loc[0, "verdict"] = verdict
    shown = negative_controls_verdicts_table(told, DEMO)
    beside = negative_controls_table(controls().assign(verdict=f"{verdict} ({word})"), DEMO)

    assert shown.frame["verdict"].tolist() == [f"{verdict} ({word})", "cannot be tested here"]
    for table in (shown, beside):
        assert [note for note in table.notes if note.startswith(word.capitalize())]
    plain = negative_controls_verdicts_table(verdicts(), DEMO).notes
    assert not any(word in note.casefold() for note in plain)


def test_table_1_says_which_row_has_no_control():
    noted = {
        table: any(note.startswith("Filtered") for note in shown.notes)
        for table in ("", "table1", "table2")
        for shown in [negative_controls_table(controls(), DEMO, table)]
    }
    assert noted == {"": True, "table1": True, "table2": False}


def test_the_words_on_permuted_labels_are_the_results():
    facts = {"flagged": 203, "evaluations": 8}
    words = permuted_words(facts, controls(), DEMO, 880)

    assert "Of 880 labels that mean nothing, the article's rule flags 203 in all of 8" in words
    assert "F1 goes from 27.0 to 51.0 %." in words
    assert "what chance gives: from 28.0 to 36.0 %" in words
    assert "Above chance, F1 goes from -1.0 to +15.0 points." in words
    assert words.endswith("With real labels Table 1 goes from 45.4 to 55.8 %.")
    assert "real labels" not in permuted_words(facts, controls(beside=False), DEMO, 880)
    assert permuted_words(facts, controls(), SMOKE, 880).startswith("The smoke profile claims")


def test_the_plot_has_a_line_for_every_share_and_none_for_a_distance():
    axis = negative_controls_plot(controls(), DEMO).axes[0]
    names = [label.get_text() for label in axis.get_yticklabels()]

    assert len(names) == 4 and names[0] == "Table 1: permuted labels, Complete; F1"
    drawn = {line.get_label(): 100 * controls()["value"][:4] for line in axis.lines[2:3]}
    assert axis.lines[2].get_xdata() == pytest.approx(drawn["control"])
    assert axis.lines[1].get_xdata()[:3] == pytest.approx([45.4, 55.8, 81.8])


def test_a_frame_without_its_columns_is_refused():
    with pytest.raises(UserError, match="controls lack the columns"):
        negative_controls_table(controls().drop(columns="chance"), DEMO)
