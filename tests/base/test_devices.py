import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from testiculus.base import devices
from testiculus.base.errors import UserError


def test_an_unknown_device_lists_the_allowed_ones():
    with pytest.raises(UserError, match="allowed: auto, cpu, cuda"):
        devices.resolve_device("gpu")


@pytest.mark.parametrize("name", ["cuda:99", "cuda:x"])
def test_a_gpu_that_is_not_there_is_refused(name):
    with pytest.raises(UserError, match="is not there"):
        devices.resolve_device(name)


def test_auto_is_a_device_that_works():
    device = devices.resolve_device("auto")
    assert torch.ones(2, device=device).sum() == 2


@given(st.lists(st.one_of(st.integers(), st.text()), max_size=4))
def test_seeds_depend_on_the_parts_alone_and_fit_a_generator(parts):
    seed = devices.derive_seed(*parts)
    assert seed == devices.derive_seed(*parts)
    assert 0 <= seed < 2**63


def test_streams_with_different_names_differ():
    draws = [torch.rand(4, generator=devices.generator("a", i)) for i in range(3)]
    assert not torch.equal(draws[0], draws[1]) and not torch.equal(draws[1], draws[2])


def test_autocast_computes_in_the_precision_named():
    cpu, x = torch.device("cpu"), torch.ones(2, 2)
    with devices.autocast(cpu, "bf16"):
        assert (x @ x).dtype == torch.bfloat16
    with devices.autocast(cpu, "fp32"):
        assert (x @ x).dtype == torch.float32


def test_a_named_precision_is_taken_as_it_is_and_an_unknown_one_refused():
    cpu = torch.device("cpu")
    assert devices.resolve_precision(cpu, "fp32") == "fp32"
    assert devices.resolve_precision(cpu, "auto") in ("fp32", "bf16")
    with pytest.raises(UserError, match="precision"):
        devices.resolve_precision(cpu, "fp8")
