import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency

from testiculus.audits.balance import balance_finding, balance_table, chi_squared
from testiculus.audits.findings import CLEAR, FOUND, SKIPPED, holm
from testiculus.audits.questions import Question


def question(labels):
    return Question("label", "sick", "well", np.arange(len(labels)), np.asarray(labels))


def judged(labels, **columns):
    frame = pd.DataFrame({"patient": np.arange(len(labels)), **columns})
    table = balance_table([question(labels)], frame)
    return table.assign(p_adjusted=holm(table["p"]))


def test_chi_squared_is_the_librarys():
    random = np.random.default_rng(0)
    labels, codes = random.integers(0, 2, 90), random.integers(0, 3, 90)
    counts = [[np.sum((codes == c) & (labels == v)) for v in (0, 1)] for c in range(3)]

    expected = chi2_contingency(counts, correction=False).statistic

    np.testing.assert_allclose(chi_squared(labels, codes), expected)
    np.testing.assert_allclose(chi_squared(np.stack([labels, 1 - labels]), codes), expected)
    assert chi_squared(np.ones(4), np.array([0, 0, 1, 1])) == 0


def test_a_device_that_holds_most_of_a_class_is_found():
    labels = np.tile([0, 1], 40)
    device = np.where(np.arange(80) < 60, labels, 1 - labels).astype(str)

    table = judged(labels, device=device)
    finding = balance_finding(table, [])

    assert finding.state == FOUND and "by device, from 25% to 75%" in finding.found
    of_device = table[table["grouping"] == "device"]
    assert of_device["images"].sum() == 80 and of_device["positives"].sum() == 40


def test_classes_spread_by_chance_are_not_found():
    random = np.random.default_rng(1)
    sides = random.choice(["left", "right"], 80)

    assert balance_finding(judged(random.integers(0, 2, 80), side=sides), []).state == CLEAR


def test_a_patient_who_is_most_of_a_class_is_found():
    patients = [0] * 10 + list(range(1, 31))
    labels = np.array([1] * 10 + [1] * 10 + [0] * 20)
    table = balance_table([question(labels)], pd.DataFrame({"patient": patients}))

    finding = balance_finding(table.assign(p_adjusted=np.nan), [])

    assert finding.state == FOUND and "one patient holds 50% of a class" in finding.found


def test_without_labels_the_reason_is_said():
    finding = balance_finding(balance_table([], pd.DataFrame()), ["no image has a label"])

    assert finding.state == SKIPPED and "no image has a label" in finding.found
