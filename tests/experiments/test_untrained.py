from dataclasses import replace

import torch

from testiculus.base.devices import generator
from testiculus.base.store import Store
from testiculus.diffusion import DiffusionSettings, SamplerSettings, draw_images, read_generator
from testiculus.diffusion.model import build_unet
from testiculus.diffusion.process import Process
from testiculus.diffusion.sampling import to_bytes
from testiculus.experiments.generating import generator_file
from testiculus.experiments.untrained import untrained_job

NET = DiffusionSettings(
    steps=2, width=32, multipliers=(1,), blocks=1, attention=(16,), heads=4, seed=5
)
CPU = torch.device("cpu")


def test_the_file_holds_the_network_that_a_training_starts_from(tmp_path):
    store = Store(tmp_path)
    run = store.finish(untrained_job(NET, 16, CPU))
    model, first = read_generator(generator_file(run)), build_unet(NET, 16)

    for name, weights in first.state_dict().items():
        assert torch.equal(model.state_dict()[name], weights)
    assert run.arrays["parameters"].item() == sum(w.numel() for w in first.parameters())
    assert store.finish(untrained_job(NET, 16, CPU)).reused


def test_it_predicts_no_noise_so_that_the_sampler_alone_draws(tmp_path):
    """In one step from x the predicted image is x / sqrt(alpha bar), held within [-1, 1]."""
    model = read_generator(generator_file(Store(tmp_path).finish(untrained_job(NET, 16, CPU))))
    x = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    assert not model(x, torch.tensor([3, 999])).sample.any()

    drawn = draw_images(model, [0, 1], SamplerSettings(steps=1), pixels=16, device=CPU)
    noise = [torch.randn(1, 16, 16, generator=generator("image", 0, i)) for i in (0, 1)]
    at = Process(1000).scheduler(1).timesteps[0]
    shrunk = torch.stack(noise) / Process(1000).scheduler(1).alphas_cumprod[at].sqrt()
    assert torch.equal(drawn, to_bytes(shrunk.clamp(-1, 1)))


def test_another_net_another_size_and_another_seed_are_other_runs():
    variants = (NET, 16), (NET, 32), (replace(NET, seed=6), 16)

    assert len({untrained_job(net, side, CPU).key for net, side in variants}) == 3
