import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from testiculus.augment import augment
from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.finetune import FinetuneSettings, finetune
from testiculus.finetune.training import (
    Training,
    batches,
    draw_epoch,
    normalise,
    optimiser_for,
    predict,
    to_float,
    training_set,
)
from testiculus.models import Classifier, build_classifier

CPU = torch.device("cpu")
UNMARKED_AND_MARKED = ("article-unmarked", "article")
SETTINGS = FinetuneSettings(
    initialisation="scratch-A", epochs=3, batch_size=4, encoder_lr=1e-3, head_lr=1e-2,
    augmentation="article", precision="fp32", seed=1, fold=2,
)  # fmt: skip


class Memory:
    """A checkpoint kept as bytes, as a file would keep it."""

    def __init__(self):
        self.saved = None
        self.saves = 0

    def load(self):
        if self.saved is None:
            return None
        return torch.load(io.BytesIO(self.saved), weights_only=True)

    def save(self, state):
        stream = io.BytesIO()
        torch.save(state, stream)
        self.saved, self.saves = stream.getvalue(), self.saves + 1


def tiny_classifier(seed=0):
    """A network with batch normalisation and a channels-last convolution, small enough to loop."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = nn.Sequential(
            nn.Conv2d(1, 4, 3, 2, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
            nn.Conv2d(4, 6, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        return Classifier(encoder, nn.Linear(6, 2))


def bright_and_dark(n=20, side=16):
    """Images whose class is their brightness, a quarter of them positive."""
    labels = (np.arange(n) % 4 == 0).astype(np.int64)
    noise = torch.randint(0, 80, (n, 1, side, side), generator=generator("noise"))
    return (noise + 100 * torch.from_numpy(labels)[:, None, None, None]).to(torch.uint8), labels


def run(settings=SETTINGS, model=None, train=None, n=20, **more):
    pixels, labels = bright_and_dark(n)
    train = np.arange(n - 7) if train is None else train
    model = tiny_classifier() if model is None else model
    test = np.arange(n - 7, n)
    return finetune(pixels, labels, train, test, settings, device=CPU, model=model, **more)


def same(first, second):
    names = ("probabilities", "test_index", "sample", "loss")
    return all(np.array_equal(getattr(first, n), getattr(second, n)) for n in names)


def test_a_run_equals_the_protocol_written_as_a_plain_loop():
    result = run()

    pixels, labels = bright_and_dark()
    model, sample, losses = tiny_classifier(), [], []
    decay = {"weight_decay": SETTINGS.weight_decay}
    groups = [
        {"params": model.encoder.parameters(), "lr": 1e-3, **decay},
        {"params": model.head.parameters(), "lr": 1e-2, **decay},
    ]
    optimiser = torch.optim.AdamW(groups, foreach=False)
    weights = torch.tensor([1 / (labels[:13] == label).sum() for label in labels[:13]])
    model.train()
    for epoch in range(3):
        random = generator("finetune", 1, 2, epoch)
        order = torch.multinomial(weights.double(), 13, replacement=True, generator=random)
        varied = augment(pixels[order].float() / 255, "article", random)
        for rows in ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11, 12]):
            logits = model((varied[rows] - 0.5) / 0.25)
            target = torch.from_numpy(labels)[order[rows]]
            each = -torch.log_softmax(logits, 1)[range(len(rows)), target]
            optimiser.zero_grad()
            (each.sum() / len(rows)).backward()
            optimiser.step()
            losses += each.tolist()
        sample += order.tolist()
    model.eval()
    chances = torch.softmax(model((pixels[13:].float() / 255 - 0.5) / 0.25), 1)[:, 1]

    assert result.sample.ravel().tolist() == sample
    np.testing.assert_allclose(result.loss.ravel(), losses, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(result.probabilities, chances.detach(), rtol=1e-4, atol=1e-5)


def test_a_result_has_the_shapes_and_types_of_its_contract():
    result = run()
    assert result.probabilities.shape == (7,) and result.probabilities.dtype == np.float32
    assert result.test_index.tolist() == list(range(13, 20))
    assert result.sample.shape == result.loss.shape == (3, 13)
    assert result.sample.dtype == np.int32 and result.loss.dtype == np.float32
    assert (result.loss > 0).all() and result.seconds > 0
    assert set(result.sample.ravel()) <= set(range(13))


def test_training_separates_what_can_be_separated():
    result = run(replace(SETTINGS, epochs=12, encoder_lr=1e-2), n=40)
    positive = bright_and_dark(40)[1][result.test_index] == 1
    assert result.probabilities[positive].min() > result.probabilities[~positive].max()
    assert result.loss[-1].mean() < result.loss[0].mean() / 2


def test_the_same_run_gives_the_same_bits():
    assert same(run(), run())
    brief = replace(SETTINGS, epochs=1, precision="auto")
    first, second = (run(brief, model=build_classifier("scratch-A", 0)) for _ in range(2))
    assert same(first, second)


def test_seed_and_fold_decide_the_draws_and_nothing_else_does():
    first = run()
    for other in ({"seed": 2}, {"fold": 0}):
        assert not np.array_equal(first.sample, run(replace(SETTINGS, **other)).sample)
    for other in ({"augmentation": "none"}, {"initialisation": "uscl"}, {"encoder_lr": 1e-4}):
        assert np.array_equal(first.sample, run(replace(SETTINGS, **other)).sample)


def stopped_and_resumed(settings, build, stop):
    """The result of a run that is interrupted after `stop` epochs and taken up again."""
    checkpoint, epochs = Memory(), []

    def interrupt(done, total, loss):
        epochs.append(done)
        if epochs == list(range(1, stop + 1)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(
            settings, model=build(), checkpoint=checkpoint, on_epoch=interrupt,
            checkpoint_seconds=0,
        )  # fmt: skip
    assert checkpoint.load()["epoch"] == stop
    resumed = run(settings, model=build(), checkpoint=checkpoint, on_epoch=interrupt)
    assert epochs == list(range(1, settings.epochs + 1))
    return resumed


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_a_run_stopped_after_any_epoch_resumes_to_the_same_bits(stop, precision):
    settings = replace(SETTINGS, epochs=5, precision=precision)
    resumed = stopped_and_resumed(settings, tiny_classifier, stop)
    assert same(run(settings), resumed)


def test_a_resnet_resumes_to_the_same_bits():
    settings = replace(SETTINGS, epochs=2, precision="auto", batch_size=8)
    resumed = stopped_and_resumed(settings, lambda: build_classifier("scratch-A", 0), 1)
    assert same(run(settings, model=build_classifier("scratch-A", 0)), resumed)


def test_moments_that_come_back_in_another_memory_layout_are_laid_out_again():
    whole = run()
    checkpoint = Memory()
    with pytest.raises(ZeroDivisionError):
        run(checkpoint=checkpoint, checkpoint_seconds=0, on_epoch=lambda *_: 1 / 0)
    state = checkpoint.load()
    for moments in state["optimiser"]["state"].values():
        for name, value in moments.items():
            moments[name] = value.contiguous()
    checkpoint.save(state)
    assert same(whole, run(checkpoint=checkpoint))


def test_a_resumed_run_counts_the_seconds_of_all_attempts():
    checkpoint = Memory()
    with pytest.raises(ZeroDivisionError):
        run(checkpoint=checkpoint, checkpoint_seconds=0, on_epoch=lambda *_: 1 / 0)
    state = checkpoint.load()
    state["seconds"] = 1000.0
    checkpoint.save(state)
    assert run(checkpoint=checkpoint).seconds > 1000


def test_checkpoints_are_as_far_apart_as_asked_and_none_follows_the_last_epoch():
    checkpoint = Memory()
    run(checkpoint=checkpoint, checkpoint_seconds=0)
    assert checkpoint.saves == 2
    run(checkpoint=(rare := Memory()), checkpoint_seconds=3600)
    assert rare.saves == 0


def test_a_checkpoint_of_another_run_is_refused():
    checkpoint = Memory()
    run(checkpoint=checkpoint, checkpoint_seconds=0)
    with pytest.raises(UserError, match="belongs to another run"):
        run(replace(SETTINGS, seed=9), checkpoint=checkpoint)


def test_both_classes_are_drawn_equally_often_whatever_the_test_labels():
    labels = np.array([1] * 20 + [0] * 180 + [1] * 500)
    pixels = torch.zeros(700, 1, 4, 4, dtype=torch.uint8)
    data = training_set(pixels, labels, np.arange(200), CPU)
    drawn = torch.cat([draw_epoch(data, SETTINGS, epoch).sample for epoch in range(20)])
    assert len(drawn) == 4000 and drawn.max() < 200
    assert abs((drawn < 20).float().mean() - 0.5) < 0.04
    counts = torch.bincount(drawn, minlength=200).float()
    assert abs(counts[:20].mean() / counts[20:].mean() - 9) < 1.5


@given(st.integers(2, 300), st.integers(2, 70))
def test_batches_cover_every_draw_and_none_holds_a_single_image(n, size):
    cut = batches(n, size)
    assert [i for rows in cut for i in range(n)[rows]] == list(range(n))
    lengths = [rows.stop - rows.start for rows in cut]
    assert min(lengths) >= 2 and max(lengths) <= size + 1
    assert all(length == size for length in lengths[:-1])


def test_losses_are_full_precision_under_bf16_autocast():
    full, half = run(), run(replace(SETTINGS, precision="bf16"))
    assert half.loss.dtype == np.float32
    assert np.array_equal(full.sample, half.sample)
    assert 0 < np.abs(full.loss - half.loss).max() < 0.1
    bits = np.ascontiguousarray(half.loss).view(np.uint32)
    assert np.count_nonzero(bits & 0xFFFF) > half.loss.size / 2


def test_encoder_and_head_have_their_own_rates():
    model = tiny_classifier()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    run(replace(SETTINGS, encoder_lr=0.0, weight_decay=0.0), model=model)
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"head.weight", "head.bias"}


def test_the_fused_step_on_channels_last_weights_is_adamw():
    pixels, labels = bright_and_dark(8)
    images, target = normalise(to_float(pixels)), torch.from_numpy(labels)
    fused = tiny_classifier().to(memory_format=torch.channels_last)
    plain = tiny_classifier()
    ours = optimiser_for(fused, SETTINGS)
    rates = [
        {"params": plain.encoder.parameters(), "lr": SETTINGS.encoder_lr},
        {"params": plain.head.parameters(), "lr": SETTINGS.head_lr},
    ]
    theirs = torch.optim.AdamW(rates, weight_decay=SETTINGS.weight_decay, foreach=False)
    for _ in range(4):
        for model, optimiser in ((fused, ours), (plain, theirs)):
            optimiser.zero_grad()
            functional.cross_entropy(model(images), target).backward()
            optimiser.step()
    for a, b in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_every_image_is_predicted_alone_as_in_any_batch():
    pixels, _ = bright_and_dark(301)
    model = tiny_classifier()
    model.encoder[1].running_mean += 0.3
    together = predict(model, pixels, np.arange(301)[::-1].copy())
    alone = torch.cat([predict(model, pixels, np.array([i])) for i in (300, 150, 0)])
    torch.testing.assert_close(together[[0, 150, 300]], alone)
    assert not model.training


def test_a_model_is_left_in_evaluation_mode_and_predicts_what_was_returned():
    model = tiny_classifier()
    result = run(model=model)
    again = predict(model, bright_and_dark()[0], result.test_index)
    assert np.array_equal(result.probabilities, again.numpy())


@pytest.mark.parametrize("rate", [1e30, float("inf")])
def test_a_diverging_run_says_which_run_and_epoch(rate):
    diverging = replace(SETTINGS, encoder_lr=rate, head_lr=rate)
    with pytest.raises(UserError, match="(?s)diverged.*epoch 1 of 3.*scratch-A, seed 1, fold 2"):
        run(diverging)


def test_weights_that_break_in_the_very_last_step_are_noticed():
    model = tiny_classifier()

    def break_at_the_end(done, total, loss):
        if done == total:
            model.head.bias.data.fill_(float("nan"))

    with pytest.raises(UserError, match="epoch 3 of 3"):
        run(model=model, on_epoch=break_at_the_end)


def test_progress_is_told_after_each_epoch():
    told = []
    result = run(on_epoch=lambda *call: told.append(call))
    assert [call[:2] for call in told] == [(1, 3), (2, 3), (3, 3)]
    assert [call[2] for call in told] == pytest.approx(result.loss.mean(axis=1).tolist())


def test_markers_change_the_losses_and_leave_the_draws_as_they_are():
    plain, marked = (run(replace(SETTINGS, augmentation=name)) for name in UNMARKED_AND_MARKED)
    assert np.array_equal(plain.sample, marked.sample)
    assert not np.array_equal(plain.loss, marked.loss)


def test_the_global_random_state_is_neither_read_nor_changed():
    before = torch.random.get_rng_state()
    run()
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_images_are_left_as_they_were():
    pixels, labels = bright_and_dark()
    kept = pixels.clone()
    settings = replace(SETTINGS, epochs=1)
    finetune(
        pixels, labels, np.arange(13), np.arange(13, 20), settings,
        device=CPU, model=tiny_classifier(),
    )  # fmt: skip
    assert torch.equal(pixels, kept)


def test_training_holds_its_records_on_the_device_from_the_start():
    pixels, labels = bright_and_dark()
    data = training_set(pixels, labels, np.arange(13), CPU)
    training = Training(tiny_classifier(), data, SETTINGS)
    place = training.loss.data_ptr()
    training.train_epoch()
    assert training.loss.data_ptr() == place and training.epoch == 1


@pytest.mark.parametrize("seed", range(3))
def test_one_image_alone_is_predicted_as_among_others(seed):
    model = build_classifier("scratch-A", seed)
    pixels, labels = bright_and_dark()
    settings = replace(SETTINGS, precision="bf16", epochs=1, seed=seed)
    finetune(pixels, labels, np.arange(13), np.arange(13, 20), settings, device=CPU, model=model)
    alone = torch.cat([predict(model, pixels, np.array([i])) for i in range(5)])
    assert torch.allclose(alone, predict(model, pixels, np.arange(5)), atol=1e-5)
