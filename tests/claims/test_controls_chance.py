"""What chance scores, against counting all permutations, and weighted scores against sklearn."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from testiculus.claims.controls_chance import (
    chance_scores,
    patient_interval,
    weighted_auc,
    weighted_f1,
    weighted_f1_gap,
)
from testiculus.classification_metrics import scores

IMAGES = 6
cases = st.tuples(
    st.lists(st.sampled_from([0, 1]), min_size=IMAGES, max_size=IMAGES),
    st.lists(st.sampled_from([0.1, 0.3, 0.6, 0.9]), min_size=IMAGES, max_size=IMAGES),
)


@given(cases)
def test_chance_is_the_mean_over_all_ways_of_dealing_labels_out(case):
    labels, chances = np.array(case[0]), np.array(case[1])
    told = chance_scores(labels.mean(), (chances > 0.5).mean())
    every = [scores(np.array(dealt), chances) for dealt in set(permutations(labels.tolist()))]

    for metric, value in told.items():
        mean = np.mean([found[metric] for found in every])
        assert np.isnan(mean) or value == pytest.approx(mean)


@given(cases, st.lists(st.integers(0, 4), min_size=IMAGES, max_size=IMAGES))
def test_weighted_scores_are_sklearns(case, counts):
    labels, chances = np.array(case[0], dtype=bool), np.array(case[1])
    weights = np.array([counts, [1] * IMAGES], dtype=float)
    aucs, f1s = (f(labels, chances, weights) for f in (weighted_auc, weighted_f1))

    for draw, auc, f1 in zip(weights, aucs, f1s, strict=True):
        if draw[labels].sum() and draw[~labels].sum():
            assert auc == pytest.approx(roc_auc_score(labels, chances, sample_weight=draw))
        else:
            assert np.isnan(auc)
        if draw.sum():
            expected = f1_score(labels, chances > 0.5, sample_weight=draw, zero_division=0)
            assert f1 == pytest.approx(expected)


def test_the_gap_of_a_draw_is_its_score_less_its_own_chance():
    labels, chances = np.array([True, False, True, False]), np.array([0.9, 0.8, 0.2, 0.1])
    weights = np.array([[3.0, 1, 0, 1]])
    again = np.repeat(np.arange(4), [3, 1, 0, 1])
    found = scores(labels[again].astype(int), chances[again])["f1"]
    chance = chance_scores(labels[again].mean(), (chances[again] > 0.5).mean())["f1"]

    assert weighted_f1_gap(labels, chances, weights)[0] == pytest.approx(found - chance)


def invented(informative, runs=4, patients=60):
    """Two images a patient; predictions that know the label, or nothing."""
    random = np.random.default_rng(3)
    label = np.repeat(random.permutation(np.arange(patients) % 4 == 0), 2).astype(int)
    parts = []
    for seed in range(runs):
        noise = random.random(2 * patients)
        chance = 0.5 * noise + 0.5 * label if informative else noise
        part = pd.DataFrame({"image": range(2 * patients), "seed": seed, "fold": 0})
        part["patient"] = [f"p{i // 2}" for i in range(2 * patients)]
        parts.append(part.assign(label=label, curated_label=label, probability=chance))
    return pd.concat(parts, ignore_index=True)


def test_the_interval_holds_chance_where_predictions_know_nothing_and_not_where_they_do():
    nothing = patient_interval(invented(False), "auc_gap")
    label = patient_interval(invented(True), "auc_gap")

    assert nothing.low < 0 < nothing.high and nothing.n == 60
    assert label.low > 0.2


def test_images_without_a_label_are_left_out():
    frame = invented(True)
    frame["curated_label"] = frame["curated_label"].astype("Int8").where(frame["image"] > 1)
    rest = frame[frame["image"] > 1]

    assert patient_interval(frame, "f1") == patient_interval(rest, "f1")
