from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.base.errors import InputWarning, UserError
from testiculus.claims.synthetic import (
    REAL_OTHERS,
    SYNTHETIC,
    SYNTHETIC_FILTERED,
    TABLE3_EXCLUDED,
    TABLE3_ROWS,
)
from testiculus.diffusion import training
from testiculus.experiments import sampling, table2, table3

GENERATOR = {
    **{"width": 32, "multipliers": [1], "blocks": 1, "attention": [16], "generator_steps": 2},
    **{"generator_batch": 2, "sampler_steps": 2, "generated": 20, "filter_neighbours": 110},
}


def like_the_real_ones(model, numbers, settings, *, pixels, device, on_step=None):
    """Noise, as the made-up images are: what a well-trained generator would draw."""
    draw = [np.random.default_rng(100 + n).integers(0, 256, (1, pixels, pixels)) for n in numbers]
    return torch.from_numpy(np.stack(draw).astype(np.uint8))


def use(patch, runs, fakes, draw=like_the_real_ones, **options):
    fakes.use(patch, runs, **options)
    for module in (sampling, training):  # what is drawn in the end, and to look at on the way
        patch.setattr(module, "draw_images", draw)
    return fakes.TINY | GENERATOR


@pytest.fixture(scope="module")
def found(tmp_path_factory, fakes):
    """Table 3 run whole, once, with the test patients left out too: its outcome and its store."""
    with pytest.MonkeyPatch.context() as patch:
        runs = tmp_path_factory.mktemp("runs")
        yield table3.run(table3.plan(**use(patch, runs, fakes))), runs


def test_every_row_is_fine_tuned_and_probed_on_both_kinds_of_labels(found):
    outcome, _ = found
    rows = [*TABLE3_ROWS, "none", *outcome.plan.rows[7:]]
    assert list(outcome.results["row"].unique()) == list(outcome.plan.rows) == rows
    counts = outcome.results.groupby(["row", "metric"]).size().unstack()
    for suffix in ("", "_truth", "_clean"):
        assert (counts[f"f1{suffix}"] == 3).all()
        assert (counts[f"probe_auc{suffix}"].drop(TABLE3_EXCLUDED) == 6).all()
    assert counts.loc[TABLE3_EXCLUDED, "probe_auc"] == 3
    assert outcome.results["experiment"].eq("table3").all()


def test_rows_take_the_images_that_their_names_say(found):
    outcome, _ = found
    kept = outcome.generated["kept"][0]
    of = outcome.encoders.set_index("row")
    assert 8 <= kept < 20
    assert of.loc[SYNTHETIC, "images"] == 20 and of.loc["real testes", "images"] == 32
    for row in (SYNTHETIC_FILTERED, "synthetic, random filter"):
        assert (of.loc[row, "images"], of.loc[row, "organs"]) == (kept, "testis")
    assert of.loc["real thyroids + synthetic filtered", "images"] == kept + 12
    assert of.loc["real thyroids + synthetic, random filter", "organs"] == "testis, thyroid"
    organ_loss = of["organ_loss"].groupby(of.index.str.contains(r"\+")).unique()
    assert organ_loss[True] == [0.2] and organ_loss[False] == [0]
    assert of.loc[TABLE3_EXCLUDED, "fold"].tolist() == [0, 1, 2] and of["steps"].eq(2).all()


def test_what_each_generator_made_and_the_filter_kept_is_told(found):
    generated = found[0].generated
    first = ["generation", "images", "kept", "k", "real", "features", "steps", "seconds"]
    assert list(generated) == first
    assert generated["generation"].tolist() == [
        "all patients", "without fold 0", "without fold 1", "without fold 2",
    ]  # fmt: skip
    assert generated["real"].tolist() == [24, 16, 16, 16]
    assert generated["k"].tolist() == [3, 2, 2, 2]  # in proportion to the real images
    assert (generated["images"] == 20).all() and "thyroid" in generated["features"][0]


def test_nothing_of_a_folds_patients_is_in_generator_filter_and_pretraining(found):
    plan = found[0].plan
    folds, patients = plan.folds[0], plan.images.frame["patient"].to_numpy()
    for source in plan.sources[1:]:
        stay = torch.from_numpy(folds != source.fold)
        assert torch.equal(source.generation.training, plan.images.pixels[stay])
        assert torch.equal(source.real, plan.images.pixels[stay])
        assert not set(patients[folds != source.fold]) & set(patients[folds == source.fold])
    for wanted in (w for w in plan.pretrainings if w.row == TABLE3_EXCLUDED):
        pixels, organs = wanted.pictures()
        done = found[0].sifted[1 + wanted.fold]
        assert torch.equal(pixels[organs == 0], done.generated.pixels[torch.from_numpy(done.kept)])
        assert (organs == 1).sum() == 12  # all thyroids: their patients are no labelled ones


def test_the_features_are_those_of_the_row_that_saw_thyroids_alone(found):
    """One pretraining, which Fig. 4 takes from the store as well."""
    plan = found[0].plan
    row = next(wanted for wanted in plan.pretrainings if wanted.row == REAL_OTHERS)
    keys = {source.encoder.pretraining.wanted.key for source in plan.sources}
    assert keys == {row.wanted.key}


def test_a_random_choice_is_as_large_as_what_the_filter_keeps_and_not_the_same(found):
    first = found[0].sifted[0]
    chosen = {name: set(np.flatnonzero(mask)) for name, mask in first.chosen.items()}
    assert len(chosen["random"]) == len(chosen["kept"]) and chosen["random"] != chosen["kept"]
    assert len(chosen["all"]) == 20


def test_real_rows_are_those_of_table_2_and_are_trained_once(found, monkeypatch, fakes):
    outcome, runs = found
    fakes.use(monkeypatch, runs)
    first = [w for w in table2.plan(**fakes.TINY).pretrainings if w.settings.seed == 0]
    keys = {wanted.row: wanted.wanted.key for wanted in first}
    own = {w.row: w.wanted.key for w in outcome.plan.pretrainings}
    assert own["real testes"] == keys["UD testes only"]
    assert own["real thyroids"] == keys["UD thyroids only"]
    assert own["real testes + real thyroids"] == keys["UD"]


def test_a_second_run_trains_nothing_and_finds_the_same(found, monkeypatch, fakes):
    outcome, runs = found
    planned = table3.plan(**use(monkeypatch, runs, fakes))
    cost = planned.estimate()
    assert [cost[name] for name in ("generators", "pretrainings", "runs", "seconds")] == [0] * 4
    assert "nothing to train" in planned.summary()
    again = table3.run(planned)
    assert again.cost["reused_runs"] == again.cost["runs"] == outcome.cost["runs"]
    pd.testing.assert_frame_equal(again.results, outcome.results)
    pd.testing.assert_frame_equal(again.generated, outcome.generated)


def test_before_the_first_run_everything_is_priced(monkeypatch, tmp_path, fakes):
    planned = table3.plan(**use(monkeypatch, tmp_path, fakes))
    cost = planned.estimate()
    assert (cost["generators"], cost["pretrainings"]) == (4, 10 + 3)
    assert cost["seconds"] > 0 and cost["runs"] == 2 * 3 * (1 + 10 + 1)
    assert not list(tmp_path.glob("*/run.json"))


def test_what_is_written_is_what_the_contract_names(found, tmp_path):
    folder = found[0].write(tmp_path / "results")
    assert folder == tmp_path / "results" / "made-up" / "smoke" / "table3"
    names = {"results", "verdicts", "predictions", "probes", "history", "map", "encoders"}
    assert {path.stem for path in folder.glob("*.csv")} == names | {"generated"}
    about = (folder / "provenance.json").read_text()
    assert "without fold 2" in about and str(found[1]) not in about


def test_pictures_show_every_source_and_what_the_filter_dropped(found):
    outcome, _ = found
    pictures = outcome.pictures(5)
    assert list(pictures) == [
        "real testes", "real thyroids", "synthetic", "synthetic filtered", "dropped by the filter",
    ]  # fmt: skip
    assert all(p.dtype == torch.uint8 and 0 < len(p) <= 5 for p in pictures.values())


def test_a_filter_that_keeps_too_few_says_which_row_how_many_and_what_to_do(
    monkeypatch, tmp_path, fakes
):
    def black(model, numbers, settings, *, pixels, **_):
        return torch.zeros(len(numbers), 1, pixels, pixels, dtype=torch.uint8)

    tiny = use(monkeypatch, tmp_path, fakes, draw=black)
    with pytest.raises(UserError, match=r"keeps 0 of 20(?s:.*)'synthetic filtered'") as error:
        table3.run(table3.plan(**tiny, exclude_test=0))
    assert "FILTER_NEIGHBOURS" in str(error.value) and "GENERATED" in str(error.value)


def test_a_filter_that_keeps_everything_is_said(found):
    first = found[0].sifted[0]
    with pytest.warns(InputWarning, match="keeps all 20"):
        table3._warn_of_an_idle_filter(replace(first, kept=np.ones(20, dtype=bool)))


def test_generated_images_can_be_brought(found, monkeypatch, tmp_path, fakes):
    from testiculus.experiments import generated_sets
    from testiculus.experiments.generation import Generated, generated_set

    outcome, runs = found
    tiny = use(monkeypatch, runs, fakes)
    brought = Generated.imported(generated_set(outcome.sifted[0].generated, "testis"))
    monkeypatch.setattr(generated_sets, "read_generated", lambda path, images: brought)
    planned = table3.plan(synthetic="theirs/manifest.csv", **tiny)
    assert len(planned.sources) == 1 and "SYNTHETIC" in planned.not_run[TABLE3_EXCLUDED]
    assert "were brought" in planned.settings()["generator"]
    again = table3.run(planned)
    assert again.generated["generation"].tolist() == ["imported: made-up-synthetic"]
    rows = [row for row in planned.rows if row != TABLE3_EXCLUDED]
    both = [o.results[o.results["row"].isin(rows)].reset_index(drop=True) for o in (again, outcome)]
    pd.testing.assert_frame_equal(*both)  # the same images, and so the same figures
