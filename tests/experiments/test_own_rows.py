import numpy as np
import pytest
import torch
from torch import nn

from testiculus.base.errors import UserError
from testiculus.base.files import write_tensors
from testiculus.base.store import Store
from testiculus.claims.schema import RESULT_COLUMNS
from testiculus.diffusion import training
from testiculus.experiments import sampling, table2, table3
from testiculus.experiments.own_rows import encoder_rows, filter_rows
from testiculus.experiments.synthetic_images import finish_sources
from testiculus.manifold.filtering import keep
from testiculus.models import build_classifier

GENERATOR = {
    **{"width": 32, "multipliers": [1], "blocks": 1, "attention": [16], "generator_steps": 2},
    **{"generator_batch": 2, "sampler_steps": 2, "generated": 20, "filter_neighbours": 110},
}


def noise(model, numbers, settings, *, pixels, device, on_step=None):
    draw = [np.random.default_rng(100 + n).integers(0, 256, (1, pixels, pixels)) for n in numbers]
    return torch.from_numpy(np.stack(draw).astype(np.uint8))


@pytest.fixture(scope="module")
def runs(tmp_path_factory, fakes):
    """Small networks and images, and one store for this file."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("runs")
        fakes.use(patch, folder)
        for module in (sampling, training):
            patch.setattr(module, "draw_images", noise)
        yield folder


@pytest.fixture(scope="module")
def sources(runs, fakes):
    return table2.plan(**fakes.TINY)


@pytest.fixture(scope="module")
def synthetic(runs, fakes):
    return table3.plan(**fakes.TINY, **GENERATOR, exclude_test=0, pretrain_lr=30)


def values(results, row, metric="probe_auc"):
    chosen = results.query("row == @row and metric == @metric")
    return chosen.sort_values(["seed", "fold"])["value"].to_numpy()


def test_the_random_encoder_of_the_table_under_another_name_scores_as_the_table_says(sources):
    start = build_classifier(sources.starts["none"], 0).encoder

    found = encoder_rows(sources, {"again": start})

    assert tuple(found) == RESULT_COLUMNS and set(found["row"]) == {"none", "again"}
    for metric in ("probe_auc", "probe_f1_truth", "probe_auc_clean", "knn_accuracy_original"):
        assert (values(found, "again", metric) == values(found, "none", metric)).all()
    assert len(values(found, "again")) == 2 * 3  # partitions x folds


def test_an_encoder_may_give_any_number_of_features(sources):
    brightness = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    found = encoder_rows(sources, {"brightness": brightness, "pixels": nn.Flatten()})

    assert len(values(found, "brightness")) == len(values(found, "pixels")) == 6


def test_the_file_of_a_resnet_is_probed_and_fine_tuned_as_the_rows_are(sources, tmp_path):
    encoder = build_classifier(sources.starts["none"], 0).encoder
    file = tmp_path / "mine.safetensors"
    write_tensors(file, encoder.state_dict(), {})

    found = encoder_rows(sources, {"mine": file, "pixels": nn.Flatten()})

    assert (values(found, "mine") == values(found, "none")).all()
    assert len(values(found, "mine", "f1")) == len(values(found, "mine", "f1_truth")) == 3
    assert not len(values(found, "pixels", "f1"))


def test_the_articles_filter_as_a_filter_of_ones_own_gives_the_articles_row(synthetic):
    found = filter_rows(
        synthetic, {"same": lambda real, generated: keep(real, generated, synthetic.sources[0].k)}
    )

    figures = found.figures.set_index("row")
    assert list(figures.index[:2]) == ["synthetic", "synthetic filtered"]
    assert figures.loc["same"].equals(figures.loc["synthetic filtered"])
    assert 8 <= figures.loc["same", "images"] < figures.loc["synthetic", "images"] == 20
    assert (values(found.results, "same") == values(found.results, "synthetic filtered")).all()
    assert (values(found.results, "same") != values(found.results, "synthetic")).any()


def test_rows_beside_a_filter_are_the_tables_own_pretrainings(synthetic, runs):
    found = filter_rows(synthetic, {"all": lambda _, generated: np.ones(len(generated), bool)})

    sifted = finish_sources(Store(runs), synthetic.sources)
    table = {wanted.row: wanted for wanted in synthetic.complete(sifted).pretrainings}
    for row in ("synthetic", "synthetic filtered", "synthetic, random filter"):
        assert row in set(found.results["row"])
        assert Store(runs).has(table[row].wanted)
    assert not Store(runs).has(table["real testes"].wanted)
    assert (values(found.results, "all") == values(found.results, "synthetic")).all()


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (lambda real, generated: generated[:, 0], "'mine' returned float32 of shape"),
        (lambda real, generated: np.ones(len(real), bool), "returned bool of shape"),
        (lambda real, generated: np.arange(len(generated)) < 5, "larger than the 5 images"),
    ],
)
def test_a_filter_that_cannot_be_followed_is_refused(synthetic, mask, said):
    with pytest.raises(UserError, match=said):
        filter_rows(synthetic, {"mine": mask})


def test_the_names_of_the_tables_rows_are_taken(sources, synthetic):
    with pytest.raises(UserError, match="has a row 'UD' already"):
        encoder_rows(sources, {"UD": nn.Flatten()})
    with pytest.raises(UserError, match="has a row 'synthetic' already"):
        filter_rows(synthetic, {"synthetic": keep})
