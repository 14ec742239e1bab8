import numpy as np
import pytest
import torch
from torch import nn

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.representation import features

PIXELS = torch.randint(0, 256, (9, 1, 12, 12), generator=generator("p"), dtype=torch.uint8)


def small_encoder() -> nn.Module:
    """Convolution, batch normalisation and dropout: all that a mode can change."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten()
        )
        encoder[1].running_mean.uniform_(-1, 1)
        encoder[1].running_var.uniform_(0.5, 2)
    return encoder


def test_features_equal_a_plain_forward_of_each_image_alone():
    encoder = small_encoder().eval()
    found = features(encoder, PIXELS, "cpu", batch=4)
    with torch.no_grad():
        plain = [encoder((image[None].float() / 255 - 0.5) / 0.25)[0].numpy() for image in PIXELS]
    assert found.dtype == np.float32 and found.shape == (9, 400)
    np.testing.assert_allclose(found, np.stack(plain), rtol=1e-5, atol=1e-6)


def test_features_of_the_projects_own_encoder_have_512_numbers():
    from testiculus.models import build_classifier

    encoder = build_classifier("scratch-A", seed=0).encoder
    assert features(encoder, PIXELS[:2].repeat(1, 1, 3, 3), "cpu").shape == (2, 512)


def test_the_encoder_is_neither_trained_nor_switched_to_another_mode():
    encoder = small_encoder().train()
    encoder[1].eval()  # a frozen layer inside a training encoder stays frozen
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    features(encoder, PIXELS, "cpu")
    assert [module.training for module in encoder] == [True, False, True, True, True]
    assert encoder.training
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_permuted_images_have_permuted_features():
    encoder, order = small_encoder(), torch.randperm(9, generator=generator("order"))
    found = features(encoder, PIXELS[order], "cpu", batch=4)
    np.testing.assert_allclose(
        found, features(encoder, PIXELS, "cpu", batch=9)[order.numpy()], rtol=1e-5, atol=1e-6
    )


def test_autocast_around_the_call_leaves_features_in_fp32():
    encoder = small_encoder()
    expected = features(encoder, PIXELS, "cpu")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(features(encoder, PIXELS, "cpu"), expected)


@pytest.mark.parametrize(
    "pixels", [PIXELS.float(), PIXELS[:, 0], PIXELS.repeat(1, 3, 1, 1), PIXELS[:0]]
)
def test_pixels_of_another_kind_are_refused(pixels):
    with pytest.raises(UserError, match="features need"):
        features(small_encoder(), pixels, "cpu")


def test_features_that_are_not_finite_are_refused_and_the_mode_comes_back():
    encoder = small_encoder().train()
    encoder[0].weight.data[0] = torch.nan
    with pytest.raises(UserError, match="not finite"):
        features(encoder, PIXELS, "cpu")
    assert encoder.training
