"""Which images make a batch: epochs without replacement, laid end to end.

Main function: `batch_rows`. It depends on seed and step alone, so that a resumed run needs no
generator's state, and every number of steps goes with every number of images.
"""

from functools import lru_cache

import torch

from testiculus.base.devices import generator


def batch_rows(n: int, batch_size: int, seed: int, step: int) -> torch.Tensor:
    """Return which of n images make the batch of a step (from 0), int64 (batch_size,) on the CPU.

    The epochs' permutations are laid end to end and cut into batches: every image comes once before
    any comes again. A batch that holds the end of one epoch and the start of the next may hold an
    image twice.
    """
    start = step * batch_size
    first, last = start // n, (start + batch_size - 1) // n
    order = torch.cat([_order(n, seed, epoch) for epoch in range(first, last + 1)])
    return order[start - first * n :][:batch_size]


@lru_cache(maxsize=4)
def _order(n: int, seed: int, epoch: int) -> torch.Tensor:
    return torch.randperm(n, generator=generator("pretrain", seed, epoch))
