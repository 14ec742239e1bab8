from dataclasses import replace

import numpy as np
import pytest
import torch

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.base.store import Checkpoint
from testiculus.diffusion import SamplerSettings, draw_images, train_generator
from testiculus.diffusion.losses import vlb_term
from testiculus.diffusion.model import build_unet
from testiculus.diffusion.process import Process
from testiculus.diffusion.training import SNAPSHOT_IMAGES, Training

CPU = torch.device("cpu")


def run(pixels, settings, **more):
    return train_generator(pixels, settings, device=CPU, **more)


def same(first, second):
    return all(np.array_equal(first[name], second[name]) for name in first | second)


def same_weights(first, second):
    return all(torch.equal(v, second.state_dict()[k]) for k, v in first.state_dict().items())


def test_a_run_equals_the_method_written_as_a_plain_loop(tiny, pixels):
    result, average = run(pixels, tiny)

    model, process = build_unet(tiny, 8), Process(tiny.chain)
    weights = list(model.parameters())
    optimiser = torch.optim.AdamW(weights, lr=tiny.lr, weight_decay=0.0)
    means = [weight.detach().clone() for weight in weights]
    for step in range(tiny.steps):
        random = generator("diffusion", tiny.seed, step)
        rows = torch.randint(10, (4,), generator=random)
        t = torch.randint(tiny.chain, (4,), generator=random)
        mirrored = torch.rand(4, generator=random) < 0.5
        noise = torch.randn(4, 1, 8, 8, generator=random)
        x0 = torch.stack(
            [
                (pixels[row].flip(-1) if flip else pixels[row]) / 127.5 - 1
                for row, flip in zip(rows, mirrored, strict=True)
            ]
        )
        left = process.alphas_cumprod[t].view(-1, 1, 1, 1)
        x_t = left.sqrt() * x0 + (1 - left).sqrt() * noise
        eps, v = model(x_t, t).sample.split(1, dim=1)
        simple = ((eps - noise) ** 2).mean()
        bound = tiny.chain * vlb_term(process, eps, v, x0, x_t, t).mean()
        optimiser.zero_grad()
        (simple + 0.001 * bound).backward()
        optimiser.step()
        decay = min(0.9, (1 + step) / (10 + step)) if step else 0.0
        for mean, weight in zip(means, weights, strict=True):
            mean.mul_(decay).add_((1 - decay) * weight.detach())
        assert result.simple[step] == pytest.approx(simple.item(), rel=1e-5)
        assert result.vlb[step] == pytest.approx(bound.item(), rel=1e-4)
    for mine, plain in zip(average.parameters(), means, strict=True):
        if mine.ndim == 1:  # a bias before a normalisation has no gradient but rounding
            continue
        torch.testing.assert_close(mine, plain, rtol=1e-3, atol=2e-5)


def test_training_lowers_both_losses(tiny, pixels):
    settings = replace(tiny, steps=60, batch_size=8, lr=4e-3, snapshots=1)
    result, _ = run(pixels, settings)
    assert result.simple[0] == pytest.approx(1, abs=0.2)  # an untrained network knows nothing
    assert result.simple[-20:].mean() < 0.6
    assert result.vlb[-20:].mean() < 0.7 * result.vlb[:5].mean()


def test_the_history_has_every_step_and_the_snapshots(tiny, pixels):
    result, average = run(pixels, tiny)
    history = result.history()
    assert set(history) == {"simple", "vlb", "snapshot_step", "snapshots"}
    assert history["simple"].shape == history["vlb"].shape == (5,)
    assert history["simple"].dtype == np.float32 and np.isfinite(history["vlb"]).all()
    assert history["snapshot_step"].tolist() == [3, 5]
    assert history["snapshots"].shape == (2, 16, 1, 8, 8)
    assert history["snapshots"].dtype == np.uint8
    assert not average.training


def test_the_last_snapshot_is_drawn_by_the_model_that_is_returned(tiny, pixels):
    result, average = run(pixels, tiny)
    sampler = SamplerSettings(tiny.chain, tiny.chain, tiny.seed)
    again = draw_images(average, range(SNAPSHOT_IMAGES), sampler, pixels=8, device=CPU)
    assert np.array_equal(result.snapshots[-1], again.numpy())


def test_drawing_snapshots_does_not_change_the_training(tiny, pixels):
    (few, one), (many, other) = (run(pixels, replace(tiny, snapshots=number)) for number in (1, 5))
    assert np.array_equal(few.simple, many.simple) and same_weights(one, other)


def test_the_same_inputs_give_the_same_bits_and_another_seed_others(tiny, pixels):
    (first, one), (again, two) = run(pixels, tiny), run(pixels, tiny)
    other, _ = run(pixels, replace(tiny, seed=2))
    assert same(first.history(), again.history()) and same_weights(one, two)
    assert not np.array_equal(first.simple, other.simple)


def test_global_random_state_is_neither_read_nor_changed(tiny, pixels):
    before = torch.random.get_rng_state()
    first, _ = run(pixels, tiny)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(99)
    assert same(first.history(), run(pixels, tiny)[0].history())


@pytest.mark.parametrize(("at", "precision"), [(1, "fp32"), (3, "bf16"), (4, "fp32")])
def test_a_run_stopped_after_any_step_ends_in_the_same_bits(tiny, pixels, memory, at, precision):
    settings = replace(tiny, precision=precision)
    expected, whole = run(pixels, settings, checkpoint=memory, checkpoint_seconds=0)
    assert len(memory.saved) == tiny.steps - 1  # none after the last step
    del memory.saved[at:]

    steps = []
    result, resumed = run(
        pixels, settings, checkpoint=memory, on_step=lambda step, *_: steps.append(step)
    )

    assert steps == list(range(at + 1, tiny.steps + 1))
    assert same(result.history(), expected.history()) and same_weights(resumed, whole)


def test_a_checkpoint_file_carries_a_run_over(tiny, pixels, tmp_path):
    def stop(step, *_):
        if step == 2:
            raise KeyboardInterrupt

    place = Checkpoint(tmp_path / "checkpoint.pt")
    with pytest.raises(KeyboardInterrupt):
        run(pixels, tiny, checkpoint=place, checkpoint_seconds=0, on_step=stop)
    resumed, one = run(pixels, tiny, checkpoint=place)
    whole, other = run(pixels, tiny)
    assert same(resumed.history(), whole.history()) and same_weights(one, other)


def test_a_checkpoint_of_another_run_is_refused(tiny, pixels, memory):
    run(pixels, tiny, checkpoint=memory, checkpoint_seconds=0)
    for other in (replace(tiny, lr=1e-4), replace(tiny, attention=())):
        with pytest.raises(UserError, match="the checkpoint belongs to another run"):
            run(pixels, other, checkpoint=memory)


def test_lists_and_tuples_of_settings_mean_the_same_run(tiny, pixels, memory):
    run(pixels, tiny, checkpoint=memory, checkpoint_seconds=0)
    run(pixels, replace(tiny, multipliers=[1, 2], attention=[4]), checkpoint=memory)


def test_images_are_mirrored_only_where_that_is_wanted(tiny, pixels):
    straight = Training(pixels, replace(tiny, flip=False, batch_size=32), CPU).draw_batch()[0]
    mirrored = Training(pixels, replace(tiny, batch_size=32), CPU).draw_batch()[0]
    turned = (mirrored != straight).flatten(1).any(1)
    assert 4 < turned.sum() < 28
    assert torch.equal(mirrored[turned], straight[turned].flip(-1))


def test_bf16_trains_too_with_losses_in_fp32(tiny, pixels):
    training = Training(pixels, replace(tiny, precision="bf16"), CPU)
    for _ in range(3):
        training.take_step()
    training.look()
    exact, _ = run(pixels, tiny)
    assert training.losses.dtype == torch.float32
    assert 0 < abs(training.seen[2, 0] - exact.simple[2]) < 0.02
    assert all(weight.dtype == torch.float32 for weight in training.weights)


def test_progress_is_told_steps_and_losses(tiny, pixels):
    told = []
    result, _ = run(pixels, tiny, on_step=lambda *values: told.append(values))
    assert [values[:2] for values in told] == [(step, 5) for step in range(1, 6)]
    assert [values[2:] for values in told] == list(zip(result.simple, result.vlb, strict=True))


def test_identical_images_and_a_batch_larger_than_the_data_will_do(tiny, pixels):
    result, _ = run(pixels[:1].repeat(2, 1, 1, 1), replace(tiny, batch_size=16))
    assert np.isfinite(result.simple).all()


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(tiny, pixels):
    with pytest.raises(UserError, match=r"not a finite loss in step [23] of 5") as caught:
        run(pixels, replace(tiny, lr=1e30))
    assert "lower the learning rate" in str(caught.value)


def test_bad_input_is_refused_before_anything_trains(tiny, pixels):
    with pytest.raises(UserError, match="at least 2"):
        run(pixels[:1], tiny)
