import copy
import io
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.base.store import Checkpoint
from testiculus.pretrain import PretrainSettings, pretrain
from testiculus.pretrain.batches import batch_rows
from testiculus.pretrain.model import PretrainModel
from testiculus.pretrain.training import Training
from testiculus.pretrain.views import draw_views, make_view

CPU = torch.device("cpu")
SETTINGS = PretrainSettings(
    steps=6, batch_size=8, lr=0.5, trust_coefficient=0.05, weight_decay=1e-2, warmup_steps=2,
    projection=(12, 8), precision="fp32", seed=1,
)  # fmt: skip


class Memory:
    """A checkpoint kept as bytes, as a file would keep it."""

    def __init__(self):
        self.saved = []

    def load(self):
        if not self.saved:
            return None
        return torch.load(io.BytesIO(self.saved[-1]), weights_only=True)

    def save(self, state):
        stream = io.BytesIO()
        torch.save(state, stream)
        self.saved.append(stream.getvalue())


def tiny_encoder(seed=0):
    """A network with batch normalisation and a channels-last convolution, small enough to loop."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, 2, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
            nn.Conv2d(4, 6, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip


def two_organs(n=20, side=16):
    """Textures whose organ is their brightness."""
    organs = np.arange(n, dtype=np.int64) % 2
    noise = torch.randint(0, 100, (n, 1, side, side), generator=generator("noise"))
    return (noise + 100 * torch.from_numpy(organs)[:, None, None, None]).to(torch.uint8), organs


def run(settings=SETTINGS, encoder=None, **more):
    encoder = tiny_encoder() if encoder is None else encoder
    return pretrain(*two_organs(), settings, device=CPU, encoder=encoder, **more)


def same(first, second):
    return all(np.array_equal(first[k], second[k], equal_nan=True) for k in first | second)


def same_weights(first, second):
    return all(torch.equal(v, second.state_dict()[k]) for k, v in first.state_dict().items())


def naive_contrastive(z, temperature):
    """Article, eq. 1 and 2; rows k and k + n are two views of one image."""
    z = [row / row.norm() for row in z]
    n, losses = len(z) // 2, []
    for j in range(2 * n):
        k = (j + n) % (2 * n)
        others = sum(torch.exp(z[j] @ z[m] / temperature) for m in range(2 * n) if m != j)
        losses.append(-torch.log(torch.exp(z[j] @ z[k] / temperature) / others))
    return sum(losses) / (2 * n)


def naive_organ(logits, organs):
    """Article, eq. 3: the cross-entropy, averaged over the 2N views."""
    losses = [-torch.log_softmax(c, 0)[y] for c, y in zip(logits, [*organs, *organs], strict=True)]
    return sum(losses) / len(losses)


def naive_step(model, velocity, rate, settings):
    """LARS for weights, gradient descent with momentum for biases and normalisation."""
    for name, p in model.named_parameters():
        gradient = p.grad
        if p.ndim > 1:
            decay = settings.weight_decay
            length = p.norm()
            scale = settings.trust_coefficient * length / (gradient.norm() + decay * length)
            gradient = scale * (gradient + decay * p)
        velocity[name] = settings.momentum * velocity.get(name, 0) + gradient
        p.sub_(rate * velocity[name])


def test_a_run_equals_the_method_written_as_a_plain_loop():
    settings = replace(SETTINGS, steps=4)  # of 8 images each: into the second epoch of 20
    encoder, pixels, organs = tiny_encoder(), *two_organs()
    result = run(settings, encoder)

    model, velocity, losses = PretrainModel(tiny_encoder(), 6, 2, settings).train(), {}, []
    for step in range(4):
        rows = batch_rows(len(pixels), 8, SETTINGS.seed, step)
        draws = draw_views("article", 8, (16, 16), generator("views", SETTINGS.seed, step))
        views = torch.cat([make_view(pixels[rows].float() / 255, drawn) for drawn in draws])
        features = model.encoder((views - 0.5) / 0.25)
        contrastive = naive_contrastive(model.projection(features), 0.5)
        organ = naive_organ(model.organ_head(features), organs[rows].tolist())
        model.zero_grad()
        (contrastive + 0.2 * organ).backward()
        with torch.no_grad():
            naive_step(model, velocity, result.learning_rate[step], settings)
        losses.append((contrastive.item(), organ.item()))
    np.testing.assert_allclose(np.c_[result.contrastive, result.organ], losses, rtol=2e-5)
    for mine, plain in zip(encoder.parameters(), model.encoder.parameters(), strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-4, atol=1e-6)


def test_training_lowers_both_losses_and_moves_views_of_an_image_together():
    settings = replace(SETTINGS, steps=60, batch_size=16, organ_weight=1.0)
    result = run(settings)
    assert result.contrastive[-10:].mean() < result.contrastive[:10].mean() - 0.1
    assert result.organ[-10:].mean() < 0.5 * result.organ[:5].mean()


def test_the_history_has_every_step_and_about_ten_looks():
    settings = replace(SETTINGS, steps=23)
    result = run(settings)
    assert result.step.tolist() == list(range(1, 24))
    assert np.isfinite(result.contrastive).all() and np.isfinite(result.organ).all()
    assert result.measured_step[0] == 0 and result.measured_step[-1] == 23
    assert len(result.measured_step) == 11
    assert (result.alignment >= 0).all() and (result.uniformity <= 0).all()
    assert result.contrastive.dtype == np.float32 and result.step.dtype == np.int64


def test_the_learning_rate_warms_up_and_falls_on_a_line():
    rates = run().learning_rate
    np.testing.assert_allclose(rates, 0.5 * np.array([1 / 3, 2 / 3, 1, 3 / 4, 2 / 4, 1 / 4]))


def test_the_same_inputs_give_the_same_bits_and_another_seed_others():
    encoders = [tiny_encoder() for _ in range(3)]
    first, again = run(encoder=encoders[0]), run(encoder=encoders[1])
    other = run(replace(SETTINGS, seed=2), encoder=encoders[2])
    assert same(first.history(), again.history()) and same_weights(*encoders[:2])
    assert not np.array_equal(first.contrastive, other.contrastive)


def test_global_random_state_is_neither_read_nor_changed():
    before = torch.random.get_rng_state()
    first = run()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(99)
    assert same(first.history(), run().history())


def test_looking_at_the_features_does_not_change_the_training(monkeypatch):
    looked, blind = tiny_encoder(), tiny_encoder()
    with_looks = run(encoder=looked)
    monkeypatch.setattr("testiculus.pretrain.training.measured_steps", lambda steps: [steps])
    without = run(encoder=blind)
    assert len(without.measured_step) == 1
    assert np.array_equal(with_looks.contrastive, without.contrastive)
    assert same_weights(looked, blind)


@pytest.mark.parametrize("at", [1, 3, 5])
def test_a_run_stopped_after_any_step_ends_in_the_same_bits(at):
    memory, whole, resumed = Memory(), tiny_encoder(), tiny_encoder()
    expected = run(encoder=whole, checkpoint=memory, checkpoint_seconds=0)
    assert len(memory.saved) == SETTINGS.steps - 1  # none after the last step
    del memory.saved[at:]

    steps = []
    result = run(encoder=resumed, checkpoint=memory, on_step=lambda step, *_: steps.append(step))

    assert steps == list(range(at + 1, SETTINGS.steps + 1))
    assert same(result.history(), expected.history()) and same_weights(resumed, whole)
    assert result.seconds > 0


SCRIPT = """
import sys, time
from pathlib import Path
from tests_of_training import CPU, SETTINGS, tiny_encoder, two_organs
from testiculus.base.store import Checkpoint
from testiculus.pretrain import pretrain

def wait(step, *_):
    if step == 3:
        print("three", flush=True)
        time.sleep(60)

pretrain(*two_organs(), SETTINGS, device=CPU, encoder=tiny_encoder(), on_step=wait,
         checkpoint=Checkpoint(Path(sys.argv[1])), checkpoint_seconds=0)
"""


def test_a_run_killed_with_sigkill_and_started_again_ends_in_the_same_bits(tmp_path):
    (tmp_path / "tests_of_training.py").write_text(Path(__file__).read_text())
    path = os.pathsep.join([str(tmp_path), os.getcwd()])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    file, whole, resumed, steps = tmp_path / "checkpoint.pt", tiny_encoder(), tiny_encoder(), []
    words = [sys.executable, "-c", SCRIPT, str(file)]

    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"three\n"
        process.send_signal(signal.SIGKILL)
    again = run(
        encoder=resumed, checkpoint=Checkpoint(file), on_step=lambda step, *_: steps.append(step)
    )

    assert steps == [4, 5, 6]
    assert same(again.history(), run(encoder=whole).history()) and same_weights(resumed, whole)


def test_a_checkpoint_of_another_run_is_refused():
    memory = Memory()
    run(checkpoint=memory, checkpoint_seconds=0)
    with pytest.raises(UserError, match="the checkpoint belongs to another run"):
        run(replace(SETTINGS, lr=0.1), checkpoint=memory)


def test_without_lambda_the_organ_head_and_its_loss_play_no_part():
    settings = replace(SETTINGS, organ_weight=0)
    encoders = [tiny_encoder(), tiny_encoder()]
    pixels, organs = two_organs()
    results = [
        pretrain(pixels, o, settings, device=CPU, encoder=e)
        for o, e in zip((organs, organs * 0), encoders, strict=True)
    ]
    assert np.isnan(results[0].organ).all() and np.isfinite(results[0].contrastive).all()
    assert same(results[0].history(), results[1].history()) and same_weights(*encoders)


def test_the_organ_loss_alone_leaves_the_projection_head_as_it_was():
    settings = replace(SETTINGS, contrastive=False, organ_weight=1.0)
    training = Training(*two_organs(), 2, settings, CPU, tiny_encoder())
    before = copy.deepcopy(training.model)
    training.take_step()
    training.look()
    assert np.isnan(training.seen[0, 0]) and training.seen[0, 1] == training.seen[0, 2]
    for head, changed in (("projection", False), ("organ_head", True), ("encoder", True)):
        parts = (getattr(model, head) for model in (before, training.model))
        pairs = zip(*(part.parameters() for part in parts), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs) is not changed, head


def test_a_doubled_organ_loss_at_half_the_lambda_is_the_articles():
    single = run(replace(SETTINGS, organ_weight=0.4))
    doubled = run(replace(SETTINGS, organ_weight=0.2, doubled_organ_loss=True))
    np.testing.assert_allclose(doubled.organ, 2 * single.organ, rtol=1e-5)
    np.testing.assert_allclose(doubled.contrastive, single.contrastive, rtol=1e-5)


def test_the_draws_of_a_batch_can_be_shared_and_the_views_chosen():
    results = [
        run(replace(SETTINGS, **change))
        for change in ({}, {"shared_draw": True}, {"views": "released"})
    ]
    first = [float(result.contrastive[0]) for result in results]
    assert len(set(first)) == 3 and np.isfinite(first).all()


def test_bf16_trains_too_with_losses_in_fp32():
    training = Training(*two_organs(), 2, replace(SETTINGS, precision="bf16"), CPU, tiny_encoder())
    training.take_step()
    training.look()
    exact = run(replace(SETTINGS, steps=2, warmup_steps=0)).contrastive[0]
    assert training.losses.dtype == torch.float32
    assert 0 < abs(training.seen[0, 0] - exact) < 0.05
    assert all(p.dtype == torch.float32 for p in training.model.parameters())


def test_progress_is_told_steps_losses_and_learning_rate():
    told = []
    result = run(on_step=lambda *values: told.append(values))
    assert [values[:2] for values in told] == [(step, 6) for step in range(1, 7)]
    assert [values[2:] for values in told] == list(
        zip(result.contrastive, result.organ, result.learning_rate, strict=True)
    )


def test_more_steps_than_images_and_any_last_batch_will_do():
    settings = replace(SETTINGS, steps=7, batch_size=20)
    assert np.isfinite(run(settings).contrastive).all()


def test_the_encoder_is_trained_in_place_and_left_in_evaluation_mode():
    encoder = tiny_encoder()
    run(encoder=encoder)
    assert not encoder.training and not same_weights(encoder, tiny_encoder())
    assert encoder[1].num_batches_tracked == SETTINGS.steps


@pytest.mark.parametrize(("looks", "step"), [([6], 2), ([1, 6], 1)])
def test_a_loss_or_a_feature_that_is_not_finite_stops_the_run_and_names_the_step(
    looks, step, monkeypatch
):
    monkeypatch.setattr("testiculus.pretrain.training.measured_steps", lambda steps: looks)
    with pytest.raises(UserError, match=f"not a finite number in step {step} of 6") as caught:
        run(replace(SETTINGS, lr=1e30, warmup_steps=0))
    assert "lower the learning rate" in str(caught.value)


class Blind(nn.Module):
    """An encoder whose features are the same whatever it sees."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.ones(6))

    def forward(self, images):
        return self.bias + 0 * images.mean(dim=(1, 2, 3))[:, None]


def test_a_collapsed_representation_stops_the_run_and_names_the_step():
    with pytest.raises(UserError, match="collapsed after step 1 of 6") as caught:
        run(encoder=Blind())
    assert "lower the learning rate" in str(caught.value)


def test_a_batch_larger_than_the_data_is_refused_before_anything_trains():
    encoder = tiny_encoder()
    with pytest.raises(UserError, match="larger than the data"):
        run(replace(SETTINGS, batch_size=21), encoder=encoder)
    assert same_weights(encoder, tiny_encoder())
