"""Labels, true labels and why they differ: rates against closed forms, draws against settings."""

import dataclasses

import numpy as np
import pytest

from testiculus.data.phantom import PhantomSettings, expected_rates, truth_table

MANY = 3000  # patients, no pixels: two testes and four views each


def measured(settings):
    frame = truth_table(settings, range(MANY))
    wrong = frame["label"] != frame["true_label"]
    return {
        "label": frame["label"].mean(),
        "true_label": frame["true_label"].mean(),
        "frame": (frame["why"] == "frame").mean(),
        "reader": (frame["why"] == "reader").mean(),
        "wrong": wrong.mean(),
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"prevalence": 0.5, "frame_miss_rate": 0.4, "reader_error_rate": 0.3},
        {"prevalence": 0.1, "frame_miss_rate": 0.0, "reader_error_rate": 0.2},
    ],
)
def test_rates_match_their_closed_forms(changes):
    settings = PhantomSettings(**changes)
    expected = expected_rates(settings)

    found = measured(settings)

    for name, rate in expected.items():
        # Views of a testis go together: at most twice the variance of independent ones.
        tolerance = 4 * np.sqrt(2 * rate * (1 - rate) / (4 * MANY)) + 1e-12
        assert found[name] == pytest.approx(rate, abs=tolerance), name


def test_closed_form_equals_a_sum_over_all_cases():
    settings = PhantomSettings(prevalence=0.3, frame_miss_rate=0.25, reader_error_rate=0.1)
    half = settings.reader_error_rate / 2
    total = dict.fromkeys(expected_rates(settings), 0.0)
    for examined in (0, 1):
        p = settings.prevalence if examined else 1 - settings.prevalence
        for misread in (0, 1):
            q = half / p if misread else 1 - half / p
            for missed in (0, 1):
                m = settings.frame_miss_rate if missed else 1 - settings.frame_miss_rate
                label, truth = examined ^ misread, int(examined and not missed)
                weight = p * q * m
                total["label"] += weight * label
                total["true_label"] += weight * truth
                total["wrong"] += weight * (label != truth)
                total["reader"] += weight * (label != truth and misread)
                total["frame"] += weight * (label != truth and not misread)

    assert total == pytest.approx(expected_rates(settings))


def test_default_set_is_close_to_a_fifth_positive_and_a_tenth_wrong():
    frame = truth_table(PhantomSettings())

    assert len(frame) == 880
    assert frame["label"].mean() == pytest.approx(0.20, abs=0.02)
    assert (frame["label"] != frame["true_label"]).mean() == pytest.approx(0.10, abs=0.02)


def test_why_is_given_exactly_where_label_and_truth_differ():
    frame = truth_table(PhantomSettings(), range(300))

    wrong = frame["label"] != frame["true_label"]

    assert ((frame["why"] != "") == wrong).all()
    missed = frame[frame["why"] == "frame"]
    assert (missed["label"] == 1).all() and (missed["kind"] != "").all()


def test_rates_of_zero_leave_every_label_true():
    frame = truth_table(PhantomSettings(frame_miss_rate=0, reader_error_rate=0), range(200))

    assert (frame["label"] == frame["true_label"]).all()
    assert (frame["label"] == (frame["kind"] != "")).all()


def test_severities_of_sick_and_well_testes_overlap():
    frame = truth_table(PhantomSettings(), range(500))
    sick, well = frame["severity"][frame["kind"] != ""], frame["severity"][frame["kind"] == ""]

    assert sick.median() == pytest.approx(1.0, rel=0.1)
    assert well.median() == pytest.approx(PhantomSettings().normal_severity, rel=0.1)
    assert well.max() > sick.min()


def test_a_rate_changes_labels_only():
    plain = truth_table(PhantomSettings(), range(100))
    noisy = truth_table(PhantomSettings(reader_error_rate=0.3), range(100))

    same = ["true_label", "severity", "kind", "scanner"]
    assert plain[same].equals(noisy[same])
    assert not plain["label"].equals(noisy["label"])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_scanners_are_shared_out_as_asked(share):
    settings = PhantomSettings(scanner_shares=(share, 1 - share))

    first = truth_table(settings, range(600))["scanner"] == "mylab25-like"

    assert first.mean() == pytest.approx(share, abs=0.06)


def test_thyroids_have_no_label():
    frame = truth_table(dataclasses.replace(PhantomSettings(), organ="thyroid"), range(5))

    assert frame["label"].isna().all() and frame["true_label"].isna().all()
    assert (frame["why"] == "").all() and (frame["organ"] == "thyroid").all()
