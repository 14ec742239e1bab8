import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from testiculus.base.errors import UserError
from testiculus.claims import Conditions
from testiculus.claims.peers_schema import (
    AS_LABELLED,
    AT_PLANTED,
    AVERAGE_PRECISION,
    CHOICE_COLUMNS,
    CORRECTED,
    CURATIONS,
    PLANTED,
    RANKING_METRICS,
    SCORED_RULES,
    SUMMARY_COLUMNS,
    WITHIN_LABEL,
    condition_name,
    curated_row,
)
from testiculus.claims.schema import RESULT_COLUMNS, VERDICT_COLUMNS, VERDICT_EXTRAS
from testiculus.noise.peers import ARTICLE, CLEANLAB, MARGIN, RULES
from testiculus.report import (
    as_text,
    choice_table,
    curated_table,
    peers_answer,
    peers_verdicts_table,
    ranking_table,
)


def summary_of(kinds=PLANTED, rates=(0.05, 0.4)):
    found = [(kind, rate) for kind in kinds for rate in rates] + [(AS_LABELLED, 0.1)]
    lines = []
    for number, (kind, rate) in enumerate(found):
        for place, rule in enumerate(SCORED_RULES):
            value = 0.9 - 0.1 * place + 0.001 * number
            for metric in RANKING_METRICS:
                head = (condition_name(kind, rate), kind, rate, rule, metric)
                lines.append((*head, value, value - 0.05, value + 0.05, 60, 240, 24))
    return pd.DataFrame(lines, columns=SUMMARY_COLUMNS)


def choice_of(conditions=6):
    lines = [
        (AVERAGE_PRECISION, CLEANLAB, 0.80, 0.0, 0.0, 0.0, True, True, conditions),
        (AVERAGE_PRECISION, MARGIN, 0.79, 0.01, -0.02, 0.04, False, True, conditions),
        (AVERAGE_PRECISION, ARTICLE, 0.70, 0.10, 0.06, 0.14, False, False, conditions),
        (WITHIN_LABEL, MARGIN, 0.60, 0.0, 0.0, 0.0, True, True, conditions),
        (WITHIN_LABEL, CLEANLAB, 0.50, 0.10, 0.05, 0.15, False, False, conditions),
        (WITHIN_LABEL, ARTICLE, 0.58, 0.02, -0.01, 0.05, False, True, conditions),
    ]
    return pd.DataFrame(lines, columns=CHOICE_COLUMNS)


def trained():
    """Results and predictions of all rows: the truth gains ten points, all else nothing."""
    rows = ["Complete", *(curated_row(r, c) for r in RULES for c in CURATIONS), CORRECTED]
    results, predictions = [], []
    for row in rows:
        for run, spread in enumerate((0.0, 0.02, -0.01)):
            gain = 0.1 + spread / 10 if row == CORRECTED else 0.0
            for metric in ("f1_truth", "auc_truth"):
                results.append(("peers", row, 0, run, metric, 0.5 + spread + gain))
        for image in range(20):
            wrong = image < 4 and row != CORRECTED
            label = np.nan if wrong and row.endswith("filtered") else float(wrong)
            predictions.append((row, 0, 0, image, f"p{image}", wrong, label, 0.0, 0.3))
    columns = "row seed fold image patient label curated_label true_label probability".split()
    frames = (pd.DataFrame(results, columns=RESULT_COLUMNS), columns)
    return frames[0], pd.DataFrame(predictions, columns=columns)


def verdicts_of():
    columns = [*VERDICT_COLUMNS, *VERDICT_EXTRAS]
    extras = (60, 0.04, 0.06, 0.14, "", "phantom", "demo")
    lines = [
        ("a", "ours", np.nan, 0.1, 0.06, 0.14, "supported", "It ranks better.", *extras),
        ("b", "ours", np.nan, np.nan, np.nan, np.nan, "cannot be tested here", "It gains.")
        + (0, np.nan, np.nan, np.nan, "row x was not run", "phantom", "demo"),
    ]
    return pd.DataFrame(lines, columns=columns)


@pytest.fixture(scope="module")
def run():
    results, predictions = trained()
    return SimpleNamespace(
        conditions=Conditions("phantom", "demo", "scratch-A"),
        summary=summary_of(),
        choice=choice_of(),
        results=results,
        predictions=predictions,
        verdicts=verdicts_of(),
    )


def test_rankings_have_a_column_a_rate_and_a_block_a_kind(run):
    table = ranking_table(run.summary, run.conditions)
    frame = table.frame

    assert list(frame) == ["errors", "rule", "5 %", "40 %"]
    assert [kind for kind in frame["errors"] if kind] == [*PLANTED, AS_LABELLED]
    assert frame.loc[0, "5 %"] == "90.0\n[85.0, 95.0]" and frame.loc[0, "40 %"].startswith("90.1")
    assert frame.iloc[-1]["40 %"] == "" and "24 of 240 labels are known" in table.text()


def test_without_planted_noise_the_one_column_is_the_labels_as_they_came(run):
    table = ranking_table(summary_of(kinds=()), run.conditions, AT_PLANTED)

    assert list(table.frame) == ["errors", "rule", "as labelled"] and len(table.frame) == 7
    assert table.caption.startswith("Precision at the planted number")
    assert "first column" not in table.text()


def test_the_choice_says_who_is_best_not_told_apart_and_behind(run):
    frame = choice_table(run.choice, run.conditions).frame
    within = choice_table(run.choice, run.conditions, WITHIN_LABEL)

    assert within.frame["rule"].tolist() == [MARGIN, CLEANLAB, ARTICLE]
    assert "one label" in within.caption
    assert frame[""].tolist() == ["best", "not told apart from it", "behind it"]
    assert frame.loc[2, "best is ahead by"] == "+10.0" and frame.loc[2, "[95 %]"] == "[+6.0, +14.0]"


def test_the_answer_is_read_from_the_results(run):
    text = peers_answer(run.choice, run.results, run.conditions)

    assert "best is cleanlab: mean average precision 80.0 % on average over 6" in text
    assert f"Not told apart from it: {MARGIN}." in text
    assert "ahead of the article's rule by +10.0 [+6.0, +14.0] points" in text
    assert "flags changes F1 on true labels by +0.0 [+0.0, +0.0] points, which is not" in text
    assert "right changes F1 on true labels by +10.0" in text and text.endswith("points.")
    assert f"Among images of one label, though, {MARGIN} is ahead of it by +10.0 [" in text
    other = run.choice.iloc[[2, 1, 0, 3, 5, 4]].assign(as_good=[True, False, False] * 2)
    other.loc[5, "as_good"] = True
    answer = peers_answer(other, run.results, run.conditions)
    assert "Among images of one label article's rule is among the best too." in answer
    assert "best is article's rule" in peers_answer(other, run.results, run.conditions)
    assert "ahead of the article" not in peers_answer(other, run.results, run.conditions)


def test_retrained_rows_show_the_errors_left_and_the_gain(run):
    frame = curated_table(run.results, run.predictions, run.conditions, "random noise 10 %").frame

    assert len(frame) == 2 + 2 * len(RULES)
    assert frame.loc[0, "labels wrong"] == "20.0" and frame.loc[0, "F1 gain\n[95 %]"] == "–"
    assert frame.loc[1, "labels wrong"] == "0.0" and frame.loc[2, "labels wrong"] == "20.0"
    last = frame.iloc[-1]
    assert last["labels wrong"] == "0.0" and last["F1 gain\n[95 %]"].startswith("+10.0")
    assert frame.loc[0, "F1"] == "50.33 ± 1.53"


def test_claims_that_could_not_be_tested_say_why(run):
    table = peers_verdicts_table(run.verdicts, run.conditions)

    assert table.frame["verdict"].tolist() == ["supported", "cannot be tested here"]
    assert table.frame.iloc[0, 1] == "+10.0 [+6.0, +14.0]"
    assert "–: row x was not run" in table.text()


def test_smoke_claims_nothing(run):
    smoke = Conditions("phantom", "smoke")

    assert set(choice_table(run.choice, smoke).frame[""]) == {"not claimed (smoke)"}
    assert set(peers_verdicts_table(run.verdicts, smoke).frame["verdict"]) == {
        "not claimed (smoke)"
    }
    assert peers_answer(run.choice, run.results, smoke).startswith("The smoke profile tests")


def test_a_results_folder_prints_all_of_it_within_a_terminal(run, tmp_path):
    folder = tmp_path / "peers"
    folder.mkdir()
    for name in ("summary", "choice", "results", "predictions", "verdicts"):
        getattr(run, name).to_csv(folder / f"{name}.csv", index=False)
    settings = {"profile": "demo", "initialisations": ["scratch-A", "scratch-B"]}
    about = {"data": "phantom", "settings": settings | {"retrained": "random noise 10 %"}}
    (folder / "provenance.json").write_text(json.dumps(about))

    text = as_text(folder)
    assert text.startswith(ranking_table(run.summary, run.conditions).text())
    answer = " ".join(peers_answer(run.choice, run.results, run.conditions).split())
    assert " ".join(text.split()).endswith(answer)
    assert max(map(len, text.splitlines())) <= 100


def test_a_frame_without_its_columns_is_refused(run):
    with pytest.raises(UserError, match="rate"):
        ranking_table(run.summary.drop(columns="rate"), run.conditions)
