import numpy as np
import pytest

from testiculus.base.errors import UserError
from testiculus.experiments import table1
from testiculus.experiments.own_rules import ARTICLES_RULE, flagging_rows
from testiculus.noise import known_wrong


@pytest.fixture(scope="module")
def planned(tmp_path_factory, fakes):
    """Table 1's plan of nine phantom patients at 16 px, with a tiny network and its own store."""
    with pytest.MonkeyPatch.context() as patch:
        fakes.use(patch, tmp_path_factory.mktemp("runs"))
        yield table1.plan(
            **{"profile": "smoke", "device": "cpu", "patients": 9, "pixels": 16, "epochs": 2},
            **{"batch_size": 8, "occasions": 1, "evaluations": 3},
        )


def wrong(planned):
    return known_wrong(planned.images.frame)[1]


def values(found, row, metric="auc_truth"):
    chosen = found.results.query("row == @row and metric == @metric")
    return chosen.sort_values(["seed", "fold"])["value"].to_numpy()


def test_a_rule_sees_every_training_with_its_images_and_finds_what_it_ranks_first(planned):
    seen = []

    def truth(records, labels):
        seen.extend(records)
        assert (labels == planned.images.labels()).all()
        return wrong(planned).astype(float)

    number = int(wrong(planned).sum())
    found = flagging_rows(planned, {"truth": truth}, flagged=number)

    assert len(seen) == 2 * 1 * 3  # initialisations x seeds x folds
    assert all(np.isin(record.sample, index).all() for record, index in seen)
    told = found.rules.set_index("rule").loc["truth"]
    assert told.tolist() == [number, 1, 1, 1] and number > 0
    assert (found.suspicious["truth"] == wrong(planned)).all()


def test_the_articles_own_flags_as_a_rule_give_the_articles_row(planned):
    flags = flagging_rows(planned, {}).suspicious[ARTICLES_RULE]
    found = flagging_rows(planned, {"same": lambda *_: flags.astype(float)})

    assert 0 < flags.sum() < len(flags)
    assert (values(found, "Flipped, same") == values(found, "Flipped")).all()
    assert (values(found, "Flipped") != values(found, "Complete")).any()


def test_a_rule_that_flags_nothing_gives_complete(planned):
    found = flagging_rows(planned, {"none": lambda _, labels: labels.astype(float)}, flagged=0)

    assert (values(found, "Flipped, none") == values(found, "Complete")).all()
    assert found.rules.set_index("rule").loc["none", "flagged"] == 0


def test_among_equal_scores_the_image_that_comes_first_is_flagged(planned):
    found = flagging_rows(planned, {"flat": lambda _, labels: np.zeros(len(labels))}, flagged=2)

    assert np.flatnonzero(found.suspicious["flat"]).tolist() == [0, 1]


def test_a_row_is_scored_on_its_own_labels_on_those_that_came_and_on_the_truth(planned):
    found = flagging_rows(planned, {"flat": lambda _, labels: np.zeros(len(labels))}, flagged=2)

    metrics = found.results.query("row == 'Flipped, flat'").groupby("metric").size()
    assert (metrics[["f1", "f1_original", "f1_truth"]] == 3).all()


@pytest.mark.parametrize(
    ("rule", "more", "said"),
    [
        (lambda _, labels: labels[:3], {}, "rule 'mine' returned no 36 finite numbers"),
        (lambda _, labels: labels * np.nan, {}, "returned no 36 finite numbers"),
        (lambda *_: None, {}, "returned no 36 finite numbers"),
        (lambda *_: "high", {}, "returned no 36 finite numbers"),
        (lambda _, labels: labels, {"flagged": 37}, "a whole number from 0 to 36"),
        (lambda _, labels: labels, {"flagged": 1.5}, "a whole number from 0 to 36"),
        (lambda _, labels: labels, {"flagged": -1}, "a whole number from 0 to 36"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(planned, rule, more, said):
    with pytest.raises(UserError, match=said):
        flagging_rows(planned, {"mine": rule}, **more)


def test_a_rule_that_leaves_one_class_is_refused(planned):
    positive = int(planned.images.labels().sum())
    rule = {"mine": lambda _, labels: labels.astype(float)}

    with pytest.raises(UserError, match="'Flipped, mine' leaves one class to train on, seed 0"):
        flagging_rows(planned, rule, flagged=positive)


def test_the_name_of_the_articles_rule_is_taken(planned):
    with pytest.raises(UserError, match="is there already"):
        flagging_rows(planned, {ARTICLES_RULE: lambda _, labels: labels})
