import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_score, recall_score

from testiculus.base.errors import UserError
from testiculus.noise import (
    LossRecord,
    Rule,
    average_precision,
    exceedance_matrix,
    exceedances,
    flag_table,
    flags_from,
    images_flagged_at_least,
    known_wrong,
    separation,
    times_flagged,
)


def record(samples, losses):
    return LossRecord(np.array(samples, dtype=np.int32), np.array(losses, dtype=np.float32))


def random_record(seed, n=9, epochs=4, draws=12):
    generator = np.random.default_rng(seed)
    loss = generator.exponential(1.0, (epochs, draws)).astype(np.float32)
    return record(generator.integers(0, n, (epochs, draws)), loss)


def naive(recorded, n, threshold, occasion):
    """The article's sentence, word by word; for epochs, the released code's average first."""
    found = []
    for image in range(n):
        occasions = 0
        for samples, losses in zip(recorded.sample, recorded.loss, strict=True):
            seen = [float(x) for s, x in zip(samples, losses, strict=True) if s == image]
            if occasion == "draw":
                occasions += sum(x > threshold for x in seen)
            elif seen:
                occasions += sum(seen) / len(seen) > threshold
        found.append(occasions)
    return found


@pytest.mark.parametrize("occasion", ["draw", "epoch"])
@given(seed=st.integers(0, 10_000), threshold=st.sampled_from([0.3, 1.0, 2.5]))
def test_exceedances_equal_the_sentence_written_as_loops(occasion, seed, threshold):
    recorded = random_record(seed)

    found = exceedances(recorded, 9, threshold, occasion)

    assert found.dtype == np.int64
    assert found.tolist() == naive(recorded, 9, threshold, occasion)


def test_a_sample_drawn_three_times_in_one_epoch_has_three_draws_and_one_epoch():
    recorded = record([[0, 0, 0, 1]], [[1.2, 1.3, 1.4, 0.1]])

    assert exceedances(recorded, 2, occasion="draw").tolist() == [3, 0]
    assert exceedances(recorded, 2, occasion="epoch").tolist() == [1, 0]


def test_an_epochs_low_losses_can_outweigh_its_spike():
    recorded = record([[0, 0]], [[1.5, 0.1]])

    assert exceedances(recorded, 1, occasion="draw").tolist() == [1]
    assert exceedances(recorded, 1, occasion="epoch").tolist() == [0]


def test_a_loss_of_exactly_the_threshold_does_not_exceed_it():
    recorded = record([[0, 1]], [[1.0, np.nextafter(np.float32(1), np.float32(2))]])

    for occasion in ("draw", "epoch"):
        assert exceedances(recorded, 2, 1.0, occasion).tolist() == [0, 1]


def test_the_rule_on_a_record_with_a_known_answer():
    """Image 0 spikes in both runs, 1 in one of its two, 2 never; 3 is trained on once, 4 never."""
    both = [0, 0, 0, 1, 1, 1, 2, 2]
    runs = [
        (record([both, [3] * 8], [[2, 2, 2, 2, 2, 2, 0, 0], [2] * 8]), np.array([0, 1, 2, 3])),
        (record([both, [2] * 8], [[2, 2, 2, 2, 2, 0, 0, 0], [0] * 8]), np.array([0, 1, 2])),
    ]

    table = flag_table(runs, 5)

    assert table["times_flagged"].tolist() == [2, 1, 0, 1, 0]
    assert table["evaluations"].tolist() == [2, 2, 2, 1, 0]
    assert table["suspicious"].tolist() == [True, False, False, True, False]
    assert table["times_flagged_1"].tolist() == [2, 2, 0, 1, 0]
    assert table["times_flagged_4"].tolist() == [0, 0, 0, 1, 0]


def test_an_image_in_training_that_was_never_drawn_was_evaluated():
    table = flag_table([(record([[0, 0]], [[0.1, 0.1]]), np.array([0, 1]))], 3)

    assert table["evaluations"].tolist() == [1, 1, 0]
    assert not table["suspicious"].any()


def test_fewer_evaluations_can_be_required():
    matrix = np.array([[3, 3, 0], [3, 0, 0], [3, -1, -1]])

    assert flags_from(matrix)["suspicious"].tolist() == [True, False, False]
    assert flags_from(matrix, evaluations_required=1)["suspicious"].tolist() == [True, True, False]


def test_three_folds_evaluate_every_image_in_two_of_three_runs():
    folds = np.arange(9) % 3
    runs = []
    for seed in range(8):
        for fold in range(3):
            train = np.flatnonzero(folds != fold)
            runs.append((random_record(seed, n=len(train)), train))
    runs = [(record(train[r.sample], r.loss), train) for r, train in runs]

    table = flag_table(runs, 9)

    assert (table["evaluations"] == 16).all()


@given(st.integers(0, 1000))
def test_more_occasions_never_flag_more(seed):
    runs = [(random_record(seed + k), np.arange(9)) for k in range(3)]
    table = flag_table(runs, 9)
    times = [times_flagged(table, k) for k in (1, 3, 4, 5)]

    assert all((a >= b).all() for a, b in zip(times, times[1:], strict=False))


@pytest.mark.parametrize("occasions", [2, 3, 7])
def test_every_number_of_occasions_has_its_column_whatever_the_rule_in_use(occasions):
    runs = [(random_record(k), np.arange(9)) for k in range(3)]

    table = flag_table(runs, 9, occasions=occasions)

    names = [c for c in table if c.startswith("times_flagged_")]
    assert names == [f"times_flagged_{k}" for k in sorted({1, 3, 4, 5, occasions})]
    assert times_flagged(table, occasions).tolist() == table["times_flagged"].tolist()
    assert (times_flagged(table, 3) == flag_table(runs, 9)["times_flagged"]).all()


def test_a_number_of_occasions_without_a_column_is_refused():
    with pytest.raises(UserError, match="times_flagged_4"):
        times_flagged(pd.DataFrame({"times_flagged": [9], "times_flagged_3": [2]}), 4)


def test_a_rule_says_itself_in_words():
    assert Rule().of_a_run() == "loss > 1 at 3 or more draws"
    assert Rule().in_words().endswith("in all of the trainings that used the image")
    other = Rule(0.5, 2, "epoch", 12).in_words()
    assert other.startswith("mean loss > 0.5 in 2 or more epochs, in 12 or more of the trainings")
    with pytest.raises(UserError, match="draw, epoch"):
        Rule(occasion="batch")


@pytest.mark.parametrize("kind", ["Int8", "float64", "object"])
def test_a_label_is_wrong_only_where_the_truth_is_known(kind):
    label, truth = [0, 1, 1, None, 0, 1], [0, 0, None, 1, 1, 1]
    frame = pd.DataFrame({"label": label, "true_label": truth}).astype(kind)

    known, wrong = known_wrong(frame)

    assert known.tolist() == [True, True, False, False, True, True]
    assert wrong.tolist() == [False, True, False, False, True, False]


def test_without_any_truth_nothing_is_known_and_nothing_wrong():
    known, wrong = known_wrong(pd.DataFrame({"label": [0, 1], "true_label": [None, None]}))

    assert not known.any() and not wrong.any()


def test_a_loss_outside_the_training_part_is_noticed():
    with pytest.raises(ValueError, match="outside the training part"):
        exceedance_matrix([(record([[2]], [[5.0]]), np.array([0, 1]))], 3)


def test_a_diverged_run_is_reported_with_a_remedy():
    with pytest.raises(UserError, match="learning rates"):
        record([[0]], [[np.nan]])


@pytest.mark.parametrize("samples", [[[0, 1, 2]], [[0, -1]]])
def test_records_that_do_not_fit_are_refused(samples):
    with pytest.raises(ValueError):
        exceedances(record(samples, [[1.0, 1.0]]), 2)


def test_rules_that_mean_nothing_are_refused():
    recorded = random_record(0)

    with pytest.raises(UserError, match="draw, epoch"):
        exceedances(recorded, 9, occasion="batch")
    with pytest.raises(UserError, match="OCCASIONS=0"):
        flag_table([(recorded, np.arange(9))], 9, occasions=0)


@given(st.lists(st.integers(0, 16), max_size=30))
def test_flagged_at_least_counts_by_a_loop(times):
    expected = [sum(t >= n for t in times) for n in range(1, 17)]

    assert images_flagged_at_least(times).tolist() == expected


@given(st.integers(0, 10_000))
def test_average_precision_equals_scikit_learns_weighted_or_not(seed):
    generator = np.random.default_rng(seed)
    times, wrong = generator.integers(0, 5, 20), generator.random(20) < 0.3
    wrong[0] = True
    weights = generator.integers(0, 4, (3, 20)).astype(float)
    weights[:, 0] += 1

    found = average_precision(times, wrong, weights)

    expected = [average_precision_score(wrong, times, sample_weight=w) for w in weights]
    assert found == pytest.approx(expected)
    assert average_precision(times, wrong)[0] == pytest.approx(
        average_precision_score(wrong, times)
    )


def test_separation_by_hand():
    times = [4, 4, 4, 1, 0]
    wrong, suspicious = [True, True, False, True, False], [True, True, True, False, False]

    found = separation(times, wrong, np.array(suspicious))

    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["average_precision"] == pytest.approx(2 / 3 * 2 / 3 + 1 / 3 * 3 / 4)


def test_separation_equals_scikit_learns_scores():
    generator = np.random.default_rng(3)
    times, wrong = generator.integers(0, 17, 80), generator.random(80) < 0.3

    found = separation(times, wrong, times >= 12)

    assert found["precision"] == pytest.approx(precision_score(wrong, times >= 12))
    assert found["recall"] == pytest.approx(recall_score(wrong, times >= 12))
    assert found["average_precision"] == pytest.approx(average_precision_score(wrong, times))


def test_separation_knows_what_it_cannot_say():
    nothing_flagged = separation([0, 0], [True, False], [False, False])
    nothing_wrong = separation([3, 0], [False, False], [True, False])

    assert np.isnan(nothing_flagged["precision"]) and nothing_flagged["recall"] == 0
    assert np.isnan(list(nothing_wrong.values())).all()
    assert np.isnan(average_precision(np.array([1]), np.array([False]))[0])
