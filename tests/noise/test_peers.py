import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from testiculus.noise import LossRecord, Rule, average_precision, flag_table
from testiculus.noise.peers import (
    ARTICLE,
    CLEANLAB,
    CONFIDENCE,
    MARGIN,
    MEAN_LOSS,
    PEERS,
    RANDOM,
    RULES,
    SMALLEST_LOSS,
    TIED,
    confident_learning_scores,
    draw_means,
    flagged,
    label_probabilities,
    margins,
    precision_at_planted,
    score_table,
)

N, WRONG = 60, np.arange(0, 60, 6)


def record(random, trained, high, epochs=6):
    """A training in which the images of `high` keep a high loss, and the others lose theirs."""
    sample = random.choice(trained, size=(epochs, len(trained)))
    falling = np.linspace(0.9, 0.1, epochs)[:, None]
    loss = np.where(np.isin(sample, high), 2.0, falling) + random.uniform(0, 0.05, sample.shape)
    return LossRecord(sample.astype(np.int32), loss.astype(np.float32)), trained


@pytest.fixture(scope="module")
def run():
    """Two trainings of three folds on labels of which ten are wrong, and held-out predictions."""
    random = np.random.default_rng(0)
    truth = np.arange(N) % 2
    labels = np.where(np.isin(np.arange(N), WRONG), 1 - truth, truth)
    folds = np.arange(N) // 2 % 3
    records = [record(random, np.flatnonzero(folds != k), WRONG) for k in range(3)]
    probabilities = np.clip(0.15 + 0.7 * truth + random.normal(0, 0.05, N), 0.01, 0.99)
    return records, labels, probabilities


def test_every_rule_finds_labels_that_keep_a_high_loss_but_chance_does_not(run):
    scores, wrong = score_table(*run), np.isin(np.arange(N), WRONG)

    assert list(scores) == [*RULES, TIED] and PEERS == RULES[1:]
    for rule in RULES:
        found = average_precision(scores[rule].to_numpy(), wrong)[0]
        assert found == pytest.approx(len(WRONG) / N if rule == RANDOM else 1), rule


def naive_means(records, value):
    drawn = {i: [] for i in range(N)}
    for done, _ in records:
        for sample, loss in zip(done.sample.ravel(), done.loss.ravel(), strict=True):
            drawn[int(sample)].append(value(float(loss)))
    return np.array([np.mean(drawn[i]) for i in range(N)])


def test_the_rules_that_average_over_draws_agree_with_a_loop_over_draws(run):
    scores = score_table(*run)
    own = {
        MEAN_LOSS: lambda loss: loss,
        CONFIDENCE: lambda loss: 1 - np.exp(-loss),
        MARGIN: lambda loss: -np.log(np.exp(-loss) / (1 - np.exp(-loss))),
    }

    for rule, value in own.items():
        np.testing.assert_allclose(scores[rule], naive_means(run[0], value), rtol=1e-6)


@given(st.floats(-12, 12), st.floats(-12, 12), st.integers(0, 1))
@settings(max_examples=60, deadline=None)
def test_with_two_classes_the_margin_can_be_read_from_the_loss(first, second, label):
    logits = torch.tensor([[first, second]], dtype=torch.float64)
    loss = functional.cross_entropy(logits, torch.tensor([label])).numpy()
    margin = (first, second)[label] - (first, second)[1 - label]

    if loss > SMALLEST_LOSS:
        assert margins(loss) == pytest.approx(margin, abs=1e-6 + 1e-7 * abs(margin))


def test_a_margin_is_finite_where_the_loss_has_been_rounded_to_zero():
    found = margins(np.array([0.0, 1e-9, 200.0], dtype=np.float32))

    assert found[0] == found[1] == pytest.approx(24 * np.log(2), abs=1e-6)
    assert found[2] == pytest.approx(-200)
    assert label_probabilities(np.array([0.0]))[0] == 1


def test_the_articles_rule_ranks_by_times_flagged_and_then_by_exceedances(run):
    rule = Rule(loss_threshold=0.5, occasions=2)
    scores = score_table(*run, rule=rule)
    flags = flag_table(run[0], N, rule.loss_threshold, rule.occasions)

    assert (scores[TIED] == flags["times_flagged"]).all()
    above = np.zeros(N)
    for done, _ in run[0]:
        np.add.at(above, done.sample[done.loss > 0.5], 1)
    order = np.lexsort((np.arange(N), -above, -flags["times_flagged"].to_numpy()))
    assert np.array_equal(np.argsort(-scores[ARTICLE].to_numpy(), kind="stable"), order)
    assert (np.floor(scores[ARTICLE]) == scores[TIED]).all()


def test_cleanlabs_issues_come_first_in_the_order_of_its_own_ranking(run):
    from cleanlab.filter import find_label_issues

    random = np.random.default_rng(3)
    labels, positive = run[1], np.clip(run[2] + random.normal(0, 0.2, N), 0.01, 0.99)
    both = np.stack([1 - positive, positive], axis=1)
    ranked = find_label_issues(labels, both, return_indices_ranked_by="self_confidence", n_jobs=1)

    scores = confident_learning_scores(labels, positive)
    assert 0 < len(ranked) < N and (scores > 1).sum() == len(ranked)
    assert np.array_equal(np.argsort(-scores, kind="stable")[: len(ranked)], ranked)
    own = both[np.arange(N), labels]  # the default quality: the label's own probability
    np.testing.assert_allclose(scores % 1, (1 - own) % 1, atol=1e-12)
    assert CLEANLAB in score_table(*run)


def test_an_image_that_was_never_drawn_is_the_least_suspicious():
    done = LossRecord(np.array([[0, 1, 1]]), np.array([[2.0, 0.3, 0.4]], dtype=np.float32))
    records = [(done, np.arange(3))]

    assert np.isnan(draw_means(records, 3, np.asarray)[2])
    table = score_table(records, np.array([0, 1, 0]), np.array([0.2, 0.7, 0.4]))
    for rule in (ARTICLE, MARGIN, CONFIDENCE, MEAN_LOSS):
        assert table[rule][2] == table[rule].min() and table[rule].notna().all()
        assert table[rule].idxmax() == 0


def expected_precision(scores, wrong, orders=4000):
    """The mean over random orders of equal scores, one order at a time."""
    random, found = np.random.default_rng(1), []
    for _ in range(orders):
        order = np.lexsort((random.permutation(len(scores)), -scores))
        found.append(wrong[order[: wrong.sum()]].mean())
    return np.mean(found)


def test_precision_at_the_planted_number_is_what_random_orders_of_equals_give_on_average():
    random = np.random.default_rng(2)
    for levels in (2, 4, 1000):
        scores, wrong = random.integers(0, levels, 40), random.random(40) < 0.3
        found = precision_at_planted(scores, wrong)
        assert found[0] == pytest.approx(expected_precision(scores, wrong), abs=0.012)


def test_a_weight_of_two_is_the_image_twice():
    random = np.random.default_rng(5)
    scores, wrong = random.integers(0, 9, 30), random.random(30) < 0.3
    weights = random.integers(0, 3, (4, 30)).astype(float)

    found = precision_at_planted(scores, wrong, weights)
    for one, drawn in zip(found, weights.astype(int), strict=True):
        again = np.repeat(scores, drawn), np.repeat(wrong, drawn)
        assert one == pytest.approx(precision_at_planted(*again)[0])
    assert np.isnan(precision_at_planted(scores, wrong, np.zeros((1, 30)))).all()


def test_flags_are_the_highest_scores_and_equals_are_drawn_by_lot():
    scores = np.array([5.0, 1.0, 1.0, 1.0, 0.0])
    drawn = [flagged(scores, 2, np.random.default_rng(seed)) for seed in range(40)]

    assert all(one[0] and one.sum() == 2 and not one[4] for one in drawn)
    assert np.logical_or.reduce(drawn)[1:4].all()
    again = flagged(scores, 2, np.random.default_rng(7))
    assert np.array_equal(again, drawn[7])
    with pytest.raises(ValueError, match="budget"):
        flagged(scores, 6, np.random.default_rng(0))
