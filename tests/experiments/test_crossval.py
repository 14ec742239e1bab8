from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.base.store import Store
from testiculus.data.images import ImageSet
from testiculus.experiments import crossval

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images():
    """Twelve patients of two images each; the first eight patients are negative."""
    labels = np.repeat(np.array([0] * 8 + [1] * 4), 2)
    frame = pd.DataFrame({"patient": [f"p{i // 2:02d}" for i in range(24)], "organ": "testis"})
    frame["image"] = [f"{i}.png" for i in range(24)]
    for column in ("label", "true_label"):
        frame[column] = pd.Series(labels, dtype="Int8")
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (24, 1, 32, 32), np.uint8))
    return ImageSet.build(pixels, frame, "made-up", {}, {})


@pytest.fixture(scope="module")
def protocol():
    return crossval.Protocol(
        seeds=(0, 1),
        folds=3,
        grouped=True,
        epochs=1,
        batch_size=8,
        encoder_lr=1e-3,
        head_lr=1e-3,
        weight_decay=0.0,
        augmentation="none",
        precision="fp32",
    )


def jobs(images, protocol, kept=None, labels=None):
    kept = np.ones(len(images), dtype=bool) if kept is None else kept
    labels = images.labels() if labels is None else labels
    folds = crossval.fold_table(images, protocol)
    return crossval.row_jobs("Row", images, labels, kept, "scratch-A", protocol, folds, CPU)


def test_each_seed_tests_every_image_once_and_never_trains_on_a_test_patient(images, protocol):
    patients = images.frame["patient"].to_numpy()
    planned = jobs(images, protocol)
    assert [(job.seed, job.fold) for job in planned] == [(s, f) for s in (0, 1) for f in range(3)]
    for seed in protocol.seeds:
        tested = np.concatenate([job.test_index for job in planned if job.seed == seed])
        assert sorted(tested) == list(range(24))
    for job in planned:
        assert not set(patients[job.train_index]) & set(patients[job.test_index])


def test_an_image_left_out_is_not_trained_on_and_still_tested(images, protocol):
    kept = np.arange(24) != 5
    planned = jobs(images, protocol, kept)
    assert all(5 not in job.train_index for job in planned)
    assert sum(5 in job.test_index for job in planned) == len(protocol.seeds)


def test_rows_that_train_on_the_same_labels_share_their_runs(images, protocol):
    flipped = np.where(np.arange(24) == 0, 1, images.labels())
    same, other = jobs(images, protocol), jobs(images, protocol, labels=flipped)
    keys = [job.job.key for job in same]
    assert keys == [job.job.key for job in jobs(images, protocol)] and len(set(keys)) == 6
    trained_on_it = [0 in job.train_index for job in same]
    assert [a != b.job.key for a, b in zip(keys, other, strict=True)] == trained_on_it
    assert sum(trained_on_it) == 4  # of 2 seeds x 3 folds


def test_an_executor_gives_the_same_runs_as_one_process(images, protocol, tmp_path):
    planned = jobs(images, protocol)[:2]
    alone = crossval.finish_rows(Store(tmp_path / "a"), planned, "alone")
    with ThreadPoolExecutor(1) as pool:
        pooled = crossval.finish_rows(Store(tmp_path / "b"), planned, "pooled", pool)
    for one, other in zip(alone, pooled, strict=True):
        for name in ("probabilities", "sample", "loss"):
            np.testing.assert_array_equal(one.run.arrays[name], other.run.arrays[name])


def test_the_cost_of_an_image_leaves_out_warming_up_and_what_each_call_costs(
    images, protocol, monkeypatch
):
    clock, calls = [0.0], []

    def fake(pixels, labels, index, *rest, **more):
        calls.append(len(index))
        clock[0] += (9.0 if len(calls) == 1 else 2.0) + 0.25 * len(index)

    monkeypatch.setattr(crossval, "train_one", fake)
    monkeypatch.setattr(crossval.time, "perf_counter", lambda: clock[0])
    assert crossval.seconds_per_image(jobs(images, protocol)[0], CPU) == pytest.approx(0.25)


def test_timing_a_step_works_where_the_first_images_are_of_one_class(images, protocol):
    assert 0 < crossval.seconds_per_image(jobs(images, protocol)[0], CPU, batches=3) < 10
