import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from testiculus.base.errors import UserError
from testiculus.claims import Conditions
from testiculus.claims.peers import (
    Rankings,
    choice_frame,
    judge_peers,
    summary_frame,
    within_label,
)
from testiculus.claims.peers_schema import (
    AS_LABELLED,
    AVERAGE_PRECISION,
    CHOICE_METRICS,
    PLANTED,
    SCORED_RULES,
    WITHIN_LABEL,
    condition_name,
    curated_row,
    slug,
)
from testiculus.claims.schema import PREDICTION_COLUMNS, RESULT_COLUMNS
from testiculus.claims.verdicts import CONTRADICTED, NOT_RESOLVED, SUPPORTED, UNTESTABLE
from testiculus.intervals import patient_bootstrap
from testiculus.noise import average_precision
from testiculus.noise.peers import ARTICLE, CLEANLAB, MARGIN, MEAN_LOSS, PEERS, RANDOM, RULES

# How well each rule tells wrong labels: the shift of a wrong label's score, in standard deviations.
SKILL = dict(zip(SCORED_RULES, (1.5, 4.0, 1.5, 0.7, 0.7, 0.0, 1.0), strict=True))


def condition(kind, rate, generator, patients=40, truth=True):
    """Made-up scores of `patients` with four images each."""
    n = 4 * patients
    true = generator.integers(0, 2, n)
    wrong = generator.random(n) < rate
    frame = pd.DataFrame({"image": [f"{i}.png" for i in range(n)]})
    frame["patient"] = [f"p{i // 4}" for i in range(n)]
    frame = frame.assign(
        condition=condition_name(kind, rate), kind=kind, rate=rate, label=true ^ wrong
    )
    frame["true_label"] = true if truth else np.nan
    for rule, skill in SKILL.items():
        noise = 0.0 if rule == RANDOM else generator.normal(size=n)
        frame[rule] = skill * wrong + noise
    frame[MARGIN] = frame[ARTICLE]  # a rule that ranks exactly as the article's
    return frame


@pytest.fixture(scope="module")
def scores():
    generator = np.random.default_rng(0)
    parts = [condition(kind, rate, generator) for kind in PLANTED[:2] for rate in (0.1, 0.3)]
    return pd.concat([*parts, condition(AS_LABELLED, 0.2, generator)], ignore_index=True)


def nothing_trained():
    return pd.DataFrame(columns=RESULT_COLUMNS), pd.DataFrame(columns=PREDICTION_COLUMNS)


def judged(scores, conditions=None, trained=None):
    rankings = Rankings(scores, draws=200)
    frames = trained or nothing_trained()
    return judge_peers(rankings, *frames, conditions or Conditions("phantom", "demo"))


def test_the_better_rule_is_found_out_and_an_equal_one_is_not(scores):
    verdicts = judged(scores).set_index("claim")["verdict"]

    for kind in (*PLANTED[:2], AS_LABELLED):
        name = f"article-ranks-above-{{}}-{slug(kind)}"
        assert verdicts[name.format("random")] == SUPPORTED
        assert verdicts[name.format("cleanlab")] == CONTRADICTED
        assert verdicts[name.format(slug(MARGIN))] == NOT_RESOLVED
    assert set(verdicts.filter(like="borderline")) == {UNTESTABLE}
    assert set(verdicts.filter(like="-beats-")) == {UNTESTABLE}


def test_a_claim_is_the_mean_difference_over_the_rates_of_a_kind(scores):
    found = judged(scores).set_index("claim").loc["article-ranks-above-mean-loss-random-noise"]
    parts = [p for _, p in scores[scores["kind"] == PLANTED[0]].groupby("rate")]
    wrong = [(p["label"] != p["true_label"]).to_numpy() for p in parts]

    def lead(weights):
        each = [
            average_precision(p[ARTICLE].to_numpy(), w, weights)
            - average_precision(p[MEAN_LOSS].to_numpy(), w, weights)
            for p, w in zip(parts, wrong, strict=True)
        ]
        return sum(each) / 2

    plain = patient_bootstrap(lead, parts[0]["patient"], seed=0, draws=200)
    assert found["effect"] == pytest.approx(plain.effect)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((plain.low, plain.high))
    assert found["n"] == 40 and np.isnan(found["paper"]) and "no source" in found["source"]


def test_intervals_do_not_depend_on_what_was_asked_before(scores):
    asked = ([condition_name(PLANTED[0], 0.1)], CLEANLAB, AVERAGE_PRECISION)
    fresh, used = Rankings(scores, draws=300), Rankings(scores, draws=300)
    summary_frame(used)

    assert fresh.interval(*asked) == used.interval(*asked)
    assert fresh.interval(*asked, less=ARTICLE) == used.interval(*asked, less=ARTICLE)


def test_the_choice_is_the_best_rule_and_says_who_is_as_good(scores):
    both = choice_frame(Rankings(scores, draws=200))
    choice = both[both["metric"] == AVERAGE_PRECISION].set_index("rule")

    assert both["metric"].value_counts().to_dict() == dict.fromkeys(CHOICE_METRICS, len(RULES))
    assert choice.index[0] == CLEANLAB and choice["best"].tolist() == [True] + [False] * 5
    assert choice["value"].is_monotonic_decreasing and set(choice.index) == set(RULES)
    assert not choice.loc[ARTICLE, "as_good"] and choice.loc[CLEANLAB, "as_good"]
    assert choice["conditions"].eq(4).all()  # the labels as they came do not decide
    behind = choice["value"].iloc[0] - choice["value"]
    np.testing.assert_allclose(choice["behind"], behind, atol=1e-12)
    close = scores.assign(**{CLEANLAB: scores[ARTICLE]})
    same = choice_frame(Rankings(close, draws=50))
    same = same[same["metric"] == AVERAGE_PRECISION].set_index("rule")
    assert same.loc[[ARTICLE, CLEANLAB, MARGIN], "as_good"].all()


def test_within_a_label_the_order_of_the_labels_counts_for_nothing():
    generator = np.random.default_rng(4)
    labels, wrong = generator.integers(0, 2, 60), generator.random(60) < 0.3
    ranked, weights = generator.normal(size=60), generator.integers(0, 3, (5, 60)).astype(float)

    found = within_label(ranked, wrong, labels, weights)
    for draw, w in enumerate(weights):
        parts = [(labels == label) & (w > 0) for label in (0, 1)]
        each = [average_precision_score(wrong[p], ranked[p], sample_weight=w[p]) for p in parts]
        counts = [(w * wrong)[p].sum() for p in parts]
        assert found[draw] == pytest.approx(np.average(each, weights=counts))
    moved = within_label(ranked + 100 * labels, wrong, labels, weights)
    np.testing.assert_array_equal(moved, found)
    assert np.isnan(within_label(ranked, wrong & False, labels, weights)).all()


def test_a_lead_between_labels_is_none_within_them(scores):
    biased = scores.assign(**{ARTICLE: 9 * scores["label"] + scores[MEAN_LOSS]})
    verdicts = judged(biased).set_index("claim")

    within = verdicts.loc["article-ranks-above-mean-loss-within-label"]
    assert within["effect"] == pytest.approx(0.0) and within["verdict"] == NOT_RESOLVED
    assert verdicts.loc["article-ranks-above-cleanlab-within-label", "verdict"] == CONTRADICTED
    found = Rankings(biased, draws=5)
    one = found.interval(found.deciding, ARTICLE, WITHIN_LABEL).effect
    assert one == pytest.approx(found.interval(found.deciding, MEAN_LOSS, WITHIN_LABEL).effect)


def test_without_planted_noise_the_labels_as_they_came_decide(scores):
    rankings = Rankings(scores[scores["kind"] == AS_LABELLED], draws=50)

    assert rankings.deciding == [AS_LABELLED]
    assert choice_frame(rankings)["conditions"].eq(1).all()


def test_images_of_unknown_truth_are_left_out(scores):
    unknown = np.arange(len(scores)) % 160 < 40
    partly = scores.assign(true_label=scores["true_label"].where(~unknown))

    summary = summary_frame(Rankings(partly, draws=20))
    expected = summary_frame(Rankings(scores[~unknown], draws=20))
    pd.testing.assert_frame_equal(summary, expected)
    assert summary["images"].eq(120).all() and summary["patients"].eq(30).all()


def trained(gain):
    """Made-up models of two seeds and three folds: right about a share of images, by row."""
    rows = {"Complete": 0.7} | {curated_row(rule, "flipped"): 0.7 for rule in PEERS}
    rows[curated_row(ARTICLE, "flipped")] = 0.7 + gain
    lines, generator = [], np.random.default_rng(1)
    true = np.arange(240) % 2
    from testiculus.classification_metrics import scores as score

    results = []
    for row, right in rows.items():
        for run in range(6):
            test = np.flatnonzero(np.arange(240) // 4 % 3 == run % 3)
            hit = generator.random(len(test)) < right
            chance = np.where(hit == (true[test] == 1), 0.9, 0.1)
            found = score(true[test], chance)
            results += [
                ("peers", row, run // 3, run % 3, f"{m}_truth", v) for m, v in found.items()
            ]
            for image, p in zip(test, chance, strict=True):
                one = (row, run // 3, run % 3, image, f"p{image // 4}")
                lines.append((*one, true[image], true[image], true[image], p))
    return (
        pd.DataFrame(results, columns=RESULT_COLUMNS),
        pd.DataFrame(lines, columns=PREDICTION_COLUMNS),
    )


def test_rows_trained_on_better_labels_are_told_from_equal_ones(scores):
    few = scores[scores["kind"] == AS_LABELLED]
    better = judged(few, trained=trained(0.28)).set_index("claim")
    equal = judged(few, trained=trained(0.0)).set_index("claim")

    assert better.loc["article-flipped-beats-nothing", "verdict"] == SUPPORTED
    assert better.loc["article-flipped-beats-random", "effect"] > 0.1
    assert equal.loc["article-flipped-beats-nothing", "verdict"] == NOT_RESOLVED
    assert equal["boot_low"].filter(like="article-flipped").notna().all()
    assert better.loc["article-filtered-beats-nothing", "verdict"] == UNTESTABLE
    assert "not run" in better.loc["article-filtered-beats-nothing", "note"]


def test_smoke_claims_nothing(scores):
    assert set(judged(scores, Conditions("phantom", "smoke"))["verdict"]) == {UNTESTABLE}


def test_frames_that_do_not_fit_are_refused(scores):
    with pytest.raises(UserError, match="cleanlab"):
        Rankings(scores.drop(columns=CLEANLAB))
    mixed = scores[(scores["kind"] == PLANTED[0]) | (scores.index < 200)]
    mixed = pd.concat([mixed, scores[scores["condition"] == "frame misses 30 %"].head(8)])
    rankings = Rankings(mixed, draws=5)
    with pytest.raises(ValueError, match="not the same"):
        rankings.interval(["random noise 10 %", "frame misses 30 %"], ARTICLE, AVERAGE_PRECISION)
