import torch
from hypothesis import given
from hypothesis import strategies as st

from testiculus.base.devices import generator
from testiculus.pretrain.batches import batch_rows


@given(n=st.integers(2, 40), data=st.data(), seed=st.integers(0, 3))
def test_batches_are_the_permutations_of_the_epochs_laid_end_to_end(n, data, seed):
    size = data.draw(st.integers(2, n))
    steps = 3 * n // size + 2
    rows = torch.cat([batch_rows(n, size, seed, step) for step in range(steps)])
    epochs = -(-len(rows) // n)
    whole = [torch.randperm(n, generator=generator("pretrain", seed, e)) for e in range(epochs)]
    assert torch.equal(rows, torch.cat(whole)[: len(rows)])


@given(n=st.integers(2, 40), data=st.data())
def test_an_epoch_shows_every_image_once(n, data):
    size = data.draw(st.integers(2, n))
    rows = torch.cat([batch_rows(n, size, 0, step) for step in range(-(-n // size))])
    assert sorted(rows[:n].tolist()) == list(range(n))
