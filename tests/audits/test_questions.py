import numpy as np
import pandas as pd
import pytest

from testiculus.audits.questions import label_questions
from testiculus.base.errors import UserError

SETTINGS = {"positive_class": "malignant", "negative_class": "benign"}


def frame(label, **columns):
    number = len(label)
    patients = [f"p{i}" for i in range(number)]
    table = {"patient": patients, "label": pd.array(label, dtype="Int8"), **columns}
    return pd.DataFrame(table)


def test_the_manifests_own_label_is_asked_about_by_its_classes_names():
    questions, reasons = label_questions(frame([0, 1] * 5 + [None]), SETTINGS)

    (question,) = questions
    assert (question.column, question.positive, question.negative) == (
        "label", "malignant", "benign",
    )  # fmt: skip
    assert question.rows.tolist() == list(range(10)) and question.labels.tolist() == [0, 1] * 5
    assert not reasons


def test_a_further_column_of_labels_is_asked_about_pair_by_pair_the_own_pair_first():
    named = ["normal"] * 9 + ["malignant"] * 6 + ["benign"] * 5 + [""]
    questions, _ = label_questions(frame([None] * 21, publisher_label=named), SETTINGS)

    pairs = [(q.positive, q.negative) for q in questions]
    assert pairs[0] == ("malignant", "benign") and len(pairs) == 3
    assert all(len(set(pair)) == 2 for pair in pairs)
    assert len(questions[0].rows) == 11


def test_a_column_that_repeats_another_is_left_out():
    label = [0, 1] * 6
    twice = frame(label, true_label=pd.array(label, dtype="Int8"))

    assert [q.column for q in label_questions(twice, {})[0]] == ["label"]
    turned = twice.assign(true_label=pd.array([1, *label[1:]], dtype="Int8"))
    assert [q.column for q in label_questions(turned, {})[0]] == ["label", "true_label"]


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ([None] * 12, "no image has a label"),
        ([1] * 12, "all of label is one class"),
        ([1] * 10 + [0, 0], "fewer than 5 patients"),
    ],
)
def test_a_label_that_cannot_be_asked_about_is_named_with_the_reason(label, why):
    questions, reasons = label_questions(frame(label), {})

    assert not questions and len(reasons) == 1 and why in reasons[0]


def test_columns_that_hold_names_are_no_labels():
    names = np.array([f"n{i}" for i in range(12)])
    questions, _ = label_questions(frame([0, 1] * 6, label_writer=names), {})

    assert [q.column for q in questions] == ["label"]


def test_a_column_is_asked_about_on_demand_and_must_be_there():
    grades = frame([None] * 12, grade=["a", "b"] * 6)

    assert [q.column for q in label_questions(grades, {}, ["grade"])[0]] == ["grade"]
    with pytest.raises(UserError, match="did you mean 'grade'"):
        label_questions(grades, {}, ["grad"])
