import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cdist

from testiculus.base.errors import UserError
from testiculus.claims import (
    CONTRADICTED,
    NOT_RESOLVED,
    SUPPORTED,
    UNTESTABLE,
    VERDICT_COLUMNS,
    VERDICT_EXTRAS,
    Conditions,
)
from testiculus.claims.generation import BY_CONSTRUCTION, ONE_GENERATOR, in_distance, judge_fig4
from testiculus.paper import claim_texts

CONDITIONS = Conditions("phantom", "demo")
WORDS = {
    "other-organs": "features of an encoder pretrained on thyroid images alone",
    "ud": "features of the encoder pretrained on UD",
    "inception": "Inception's features",
}
REFERENCES = {"whole": (1, 880), "batch": (3, 64), "heldout": (5, 440), "insample": (5, 440)}
NUMBERS = {"before": 1000, "filtered": 464, "random": 464, "real": 464}
ARTICLE = {  # what the filter does where the article is right
    "precision": {"before": 0.6, "filtered": 0.8, "random": 0.6, "real": 0.85},
    "recall": {"before": 0.5, "filtered": 0.3, "random": 0.45, "real": 0.6},
    "frechet": {"before": 30.0, "filtered": 25.0, "random": 31.0, "real": 5.0},
}
THESIS = {metric: dict(rows) for metric, rows in ARTICLE.items()}
for rows in THESIS.values():
    rows["before"], rows["filtered"] = rows["filtered"], rows["before"]


def figures(levels=ARTICLE, spaces=("other-organs", "ud"), insample=0.1, rows=tuple(NUMBERS)):
    """Figures of fidelity about `levels`, with a larger gain in precision in sample."""
    generator = np.random.default_rng(0)
    lines = []
    for space, (reference, (batches, n_real)) in itertools.product(spaces, REFERENCES.items()):
        for batch, metric in itertools.product(range(batches), levels):
            noise = generator.normal(0, 0.002)
            for row in rows:
                value = levels[metric][row] + noise + generator.normal(0, 0.002)
                gains = reference == "insample" and row == "filtered" and metric == "precision"
                value += insample if gains else 0
                numbers = (metric, value, n_real, NUMBERS[row])
                is_fid = space == "inception"
                lines.append((WORDS[space], space, is_fid, reference, row, batch, *numbers))
    columns = "features space is_fid reference row batch metric value n_real n_generated"
    return pd.DataFrame(lines, columns=columns.split())


def replicates(levels=ARTICLE, scatter=0.02, number=200, rows=tuple(NUMBERS)):
    generator = np.random.default_rng(1)
    lines = []
    for reference, metric, i in itertools.product(("whole", "heldout"), levels, range(number)):
        together = generator.normal(0, 10 * scatter)  # of the real patients: common to all rows
        for row in rows:
            value = levels[metric][row] + together + generator.normal(0, scatter)
            lines.append((reference, row, metric, i, value))
    return pd.DataFrame(lines, columns=["reference", "row", "metric", "replicate", "value"])


def copies(generated=0, filtered=0, spaces=("pixels", "other-organs")):
    counts = {"generated": (1000, generated), "filtered": (464, filtered)}
    counts |= {"held-out real": (784, 0), "planted: exact": (50, 50)}
    lines = [
        (subject, space, n, found) for space in spaces for subject, (n, found) in counts.items()
    ]
    return pd.DataFrame(lines, columns=["subject", "space", "n", "copies"])


def judged(fidelity=None, drawn=None, counted=None, conditions=CONDITIONS):
    given = (fidelity, drawn, counted)
    made = (figures, replicates, copies)
    frames = [make() if frame is None else frame for frame, make in zip(given, made, strict=True)]
    return judge_fig4(*frames, conditions).set_index("claim")


@pytest.fixture(scope="module")
def article():
    return judged()


@pytest.fixture(scope="module")
def thesis():
    return judged(figures(THESIS), replicates(THESIS))


def of_sources(verdicts, document):
    return verdicts[verdicts.index.str.startswith(f"{document}-")]


def test_the_frame_is_that_of_every_other_table(article):
    assert list(article.reset_index()) == [*VERDICT_COLUMNS, *VERDICT_EXTRAS]
    assert article.index.is_unique
    claims = {claim.id for claim in claim_texts("fig4")}
    assert claims <= set(article.index)
    assert all(any(name.startswith(claim) for claim in claims) for name in article.index)
    assert (article["data"] == "phantom").all() and (article["profile"] == "demo").all()


def test_each_document_is_right_where_its_figures_are_found(article, thesis):
    for verdicts, right, wrong in ((article, "article", "thesis"), (thesis, "thesis", "article")):
        assert (of_sources(verdicts, right)["verdict"] == SUPPORTED).all()
        assert (of_sources(verdicts, wrong)["verdict"] == CONTRADICTED).all()
        assert len(of_sources(verdicts, right)) == len(of_sources(verdicts, wrong)) == 6


def test_opposite_claims_have_opposite_effects_on_the_same_reference(article):
    pairs = {
        "article-filter-raises-precision-whole": "thesis-filter-lowers-precision",
        "article-filter-lowers-recall": "thesis-filter-raises-recall-batches",
        "article-filter-lowers-distance-whole": "thesis-filter-raises-distance",
    }
    for one, other in pairs.items():
        a, b = article.loc[one], article.loc[other]
        assert (a["effect"], a["ci_low"]) == pytest.approx((-b["effect"], -b["ci_high"]))


def test_an_effect_is_positive_where_it_is_what_the_claim_says(article):
    effects = {
        "article-filter-raises-precision-whole": 0.2,
        "article-filter-lowers-recall-whole": 0.2,
        "article-filter-lowers-distance-whole": 5.0,
        "thesis-filter-raises-distance": -5.0,
        "filtered-nearer-than-random": 6.0,
        "real-nearer-than-filtered": 20.0,
        "gain-is-smaller-on-unseen-patients": 0.1,
        "filter-raises-precision-in-other-features": 0.2,
    }
    for claim, effect in effects.items():
        assert article.loc[claim, "effect"] == pytest.approx(effect, abs=0.01), claim
        assert article.loc[claim, "verdict"] == (SUPPORTED if effect > 0 else CONTRADICTED)


def test_whole_sets_are_decided_by_percentiles_of_paired_replicates(article):
    drawn = replicates().query("reference == 'whole' and metric == 'precision'")
    wide = drawn.pivot(index="replicate", columns="row", values="value")
    differences = wide["filtered"] - wide["before"]
    low, middle, high = np.percentile(differences, [2.5, 50, 97.5])

    found = article.loc["article-filter-raises-precision-whole"]

    expected = (found["effect"] + low - middle, found["effect"] + high - middle)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(expected)
    assert high - low < 0.2  # unpaired, the real patients' common part would widen it tenfold
    assert found["n"] == 880 and "200 paired replicates" in found["note"]


def test_batches_are_decided_by_the_t_interval_of_their_paired_differences(article):
    wide = figures().query(
        "reference == 'batch' and metric == 'recall' and space == 'other-organs'"
    )
    wide = wide.pivot(index="batch", columns="row", values="value")
    oracle = stats.ttest_rel(wide["before"], wide["filtered"]).confidence_interval(0.95)

    found = article.loc["article-filter-lowers-recall"]

    assert (found["ci_low"], found["ci_high"]) == pytest.approx((oracle.low, oracle.high))
    assert found["n"] == 3 and "3 disjoint batches of 64 labelled images" in found["note"]


def test_the_papers_figure_stands_at_its_own_reference_and_a_distances_only_for_fid(article):
    paper = article["paper"].dropna()

    assert paper.to_dict() == pytest.approx(
        {
            "article-filter-raises-precision": 0.1042,
            "article-filter-lowers-recall": 0.131,
            "thesis-filter-lowers-precision": 0.0753,
            "thesis-filter-raises-recall": 0.0893,
        }
    )
    inception = judged(figures(spaces=("inception", "ud")))["paper"].dropna()
    assert inception["article-filter-lowers-distance"] == pytest.approx(3.0)
    assert inception["thesis-filter-raises-distance"] == pytest.approx(10.0)
    assert len(inception) == 6


def test_every_note_says_features_reference_numbers_and_that_it_is_one_generator(article):
    tested = article[article["verdict"] != UNTESTABLE]
    assert len(tested) == len(article) == 24

    assert tested["note"].str.contains(ONE_GENERATOR).all()
    of_fidelity = tested[~tested.index.str.contains("copy")]
    assert of_fidelity["note"].str.contains("features of").all()
    assert of_fidelity["note"].str.contains("reference: ").all()
    of_filter = of_fidelity.drop(index="fewer-images-raise-distance")
    assert of_filter["note"].str.contains("464 filtered").all()


def test_what_cannot_be_otherwise_is_said_to_be_so(article):
    said = article.index[article["note"].str.contains(BY_CONSTRUCTION, regex=False)]

    assert set(said) == {
        "article-filter-raises-precision-whole",
        "thesis-filter-lowers-precision",
    }


@given(st.integers(0, 10_000), st.integers(4, 30))
def test_what_the_metric_counts_the_filter_keeps_so_precision_cannot_fall(seed, k):
    draw = np.random.default_rng(seed)
    real, generated = draw.normal(0, 1, (31, 4)), draw.normal(0.5, 1, (40, 4))
    to_real = np.sort(cdist(real, real), axis=1)

    counted, kept = ((cdist(generated, real) <= to_real[:, n]).any(axis=1) for n in (3, k))

    assert not (counted & ~kept).any()
    assert not kept.any() or counted[kept].mean() >= counted.mean()


def test_a_distance_of_fewer_images_is_said_to_be_raised_by_that(article):
    said = article.index[article["note"].str.contains("fewer images")]

    assert "article-filter-lowers-distance" in said and "thesis-filter-raises-distance" in said
    assert not any("random" in claim or "real-nearer" in claim for claim in said)
    assert not any("precision" in claim or "recall" in claim for claim in said)


def test_copies_are_judged_in_every_space_and_before_and_after_the_filter():
    found = judged(counted=copies(generated=40, filtered=1))

    for suffix in ("", "-other-organs"):
        assert found.loc[f"generated-copy-no-more-than-real{suffix}", "verdict"] == CONTRADICTED
        assert found.loc[f"filtered-copy-no-more-than-real{suffix}", "verdict"] == NOT_RESOLVED
    texts = found["text"]
    assert texts["generated-copy-no-more-than-real"].endswith(", in pixels.")
    assert WORDS["other-organs"] in texts["generated-copy-no-more-than-real-other-organs"]


def test_further_features_have_verdicts_of_their_own():
    found = judged(figures(spaces=("inception", "other-organs", "ud")))
    claim = "filter-raises-precision-in-other-features"

    assert WORDS["other-organs"] in found.loc[claim, "note"]
    assert WORDS["ud"] in found.loc[f"{claim}-ud", "note"]
    alone = judged(figures(spaces=("ud",))).loc[claim]
    assert alone["verdict"] == UNTESTABLE and "one network only" in alone["note"]


def test_what_was_not_measured_cannot_be_tested_and_says_what_is_missing():
    rows = ("before", "filtered")
    found = judged(figures(rows=rows), replicates(rows=rows), copies(spaces=()))

    for claim, missing in {
        "filtered-nearer-than-random": "no Fréchet distance of random (whole)",
        "real-nearer-than-filtered": "no Fréchet distance of real (heldout)",
        "generated-copy-no-more-than-real": "no held-out real images",
    }.items():
        assert found.loc[claim, "verdict"] == UNTESTABLE and missing in found.loc[claim, "note"]
    assert found.loc["filter-raises-precision-on-unseen-patients", "verdict"] == SUPPORTED

    bare = judged(drawn=replicates(number=0)).loc["filtered-nearer-than-random"]
    assert bare["verdict"] == UNTESTABLE and "no replicates of filtered and random" in bare["note"]


def test_a_filter_that_kept_nothing_is_judged_on_nothing():
    fidelity = figures()
    fidelity.loc[fidelity["row"].isin(["filtered", "random"]), "value"] = float("nan")

    found = judged(fidelity)

    assert (found[~found.index.str.contains("copy")]["verdict"] == UNTESTABLE).all()
    assert "no precision of filtered" in found.loc["thesis-filter-lowers-precision", "note"]


def test_a_filter_that_kept_everything_resolves_nothing():
    same = {metric: rows | {"filtered": rows["before"]} for metric, rows in ARTICLE.items()}
    fidelity, drawn = figures(same, insample=0), replicates(same)
    for frame in (fidelity, drawn):
        keys = [c for c in frame if c not in ("row", "value", "n_generated")]
        before = frame[frame["row"] == "before"].set_index(keys)["value"]
        kept = frame["row"] == "filtered"
        at = pd.MultiIndex.from_frame(frame.loc[kept, keys])
        frame.loc[kept, "value"] = before.loc[at].to_numpy()

    found = judged(fidelity, drawn)

    for document in ("article", "thesis"):
        assert (of_sources(found, document)["verdict"] == NOT_RESOLVED).all()
        assert (of_sources(found, document)["effect"] == 0).all()


def test_the_smoke_profile_claims_nothing_and_few_replicates_bound_nothing(article):
    found = judged(drawn=replicates(number=3), conditions=Conditions("phantom", "smoke"))

    assert (found["verdict"] == UNTESTABLE).all()
    whole = found.loc["article-filter-raises-precision-whole"]
    assert whole["effect"] == article.loc["article-filter-raises-precision-whole", "effect"]
    assert np.isnan(whole["ci_low"]) and "3 replicates" in whole["note"]


def test_a_frame_without_its_columns_is_refused():
    with pytest.raises(UserError, match="fidelity figures lack the columns space"):
        judged(figures().drop(columns="space"))
    with pytest.raises(UserError, match="counts of copies lack the columns n"):
        judged(counted=copies().drop(columns="n"))


def test_distances_are_told_from_fractions(article):
    distances = {claim for claim in article.index if in_distance(claim)}

    assert {
        claim for claim in article.index if "distance" in claim or "nearer" in claim
    } == distances
    assert not in_distance("gain-is-smaller-on-unseen-patients")


@pytest.mark.parametrize("claim", claim_texts("fig4"), ids=lambda claim: claim.id)
def test_a_claim_of_a_document_says_which_and_any_other_that_it_is_in_no_source(claim):
    document = claim.source.partition(",")[0]

    assert document in ("article", "thesis") or "in no source" in claim.source
    assert claim.text.endswith(".") and len(claim.text) < 100


def test_a_filter_that_keeps_every_image_leaves_its_claims_untested():
    kept_all = figures().assign(n_generated=1000)
    found = judged(kept_all)

    about_filter = found[~found.index.str.contains("copy|real-nearer")]
    assert (about_filter["verdict"] == UNTESTABLE).all()
    assert about_filter["note"].str.contains("keeps all 1,000 images").all()
    assert found.loc["real-nearer-than-filtered", "verdict"] == SUPPORTED
