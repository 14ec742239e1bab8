import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from testiculus.base import convolution
from testiculus.base.convolution import ConvolutionOnSmallMaps, faster_on_small_maps
from testiculus.base.devices import generator


def pair(kernel, stride, padding, bias=False):
    """A plain convolution of 3 to 5 channels, and the same one that may take the product."""
    plain = nn.utils.skip_init(nn.Conv2d, 3, 5, kernel, stride, padding, bias=bias)
    random = generator("convolution", kernel, stride, padding)
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.normal_(generator=random)
    other = nn.utils.skip_init(nn.Conv2d, 3, 5, kernel, stride, padding, bias=bias)
    other.load_state_dict(plain.state_dict())
    return plain, faster_on_small_maps(other)


@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.sampled_from([(1, 1, 0), (3, 1, 1), (3, 2, 1), (2, 2, 0), (1, 2, 0)]),
    st.booleans(),
)
def test_result_and_gradients_are_those_of_the_plain_convolution(size, shape, bias):
    plain, small = pair(*shape, bias=bias)
    images = torch.randn(2, 3, *size, generator=generator("images", size))
    if min(side + 2 * shape[2] for side in size) < shape[0]:
        return  # the kernel does not fit: nothing to compare
    results, gradients = [], []
    for layer in (plain, small):
        given_images = images.clone().requires_grad_()
        result = layer(given_images)
        result.square().sum().backward()
        results.append(result)
        gradients.append([given_images.grad, *(p.grad for p in layer.parameters())])
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-3)


def test_the_product_is_taken_on_small_maps_only(monkeypatch):
    _, small = pair(3, 1, 1)
    monkeypatch.setattr(nn.Conv2d, "forward", lambda self, images: "plain")
    assert small(torch.rand(1, 3, 3, 2)) == "plain"
    assert small(torch.rand(1, 3, 2, 2)).shape == (1, 5, 2, 2)


@pytest.mark.parametrize("other", [{"groups": 3}, {"dilation": 2}, {"padding_mode": "reflect"}])
def test_what_is_no_plain_convolution_is_left_to_pytorch(other, monkeypatch):
    layer = faster_on_small_maps(nn.Conv2d(3, 3, 1, **other))
    assert isinstance(layer, ConvolutionOnSmallMaps)
    monkeypatch.setattr(nn.Conv2d, "forward", lambda self, images: "plain")
    assert layer(torch.rand(1, 3, 2, 2)) == "plain"


def test_memory_stays_channels_last():
    _, small = pair(3, 1, 1)
    images = torch.rand(2, 3, 2, 2).to(memory_format=torch.channels_last)
    result = small.to(memory_format=torch.channels_last)(images)
    assert result.is_contiguous(memory_format=torch.channels_last)


def test_bf16_stays_close_to_fp32():
    plain, small = pair(3, 1, 1)
    images = torch.rand(4, 3, 2, 2, generator=generator("bf16"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        close = small(images)
    assert close.dtype == torch.bfloat16
    torch.testing.assert_close(close.float(), plain(images), rtol=0.02, atol=0.05)


def test_a_module_s_parameters_keep_their_names():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3, padding="same"))
    names = list(model.state_dict())
    changed = faster_on_small_maps(model)
    assert list(changed.state_dict()) == names
    assert type(changed[2]) is nn.Conv2d  # padding in words is left alone
    assert convolution.SMALL == 4
