"""The two losses of pretraining: NT-Xent between two views, and the classification of organs.

`nt_xent` is the article's equations 1 and 2 (thesis 5.2 to 5.4) for a whole batch at once,
`organ_loss` its equation 3 (thesis 5.6). Both are computed in 32 bits whatever they are given,
under autocast too: in 16 bits a sum over thousands of exponentials loses the positive pair.
"""

import math

import torch
from torch.nn import functional

from testiculus.base.errors import UserError


def nt_xent(a: torch.Tensor, b: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the NT-Xent loss of two views of the same images, a scalar.

    The mean over the 2N ordered positive pairs (j, k) of
    -log(exp(s(z_j, z_k) / t) / sum over m != j of exp(s(z_j, z_m) / t)), with s the cosine
    similarity, z the 2N projections and t the temperature (article, equations 1 and 2).

    Args:
        a, b: float (N, d), N >= 1: the projections of the first and of the second views; rows
            of one number are of one image. They need not be normalised; a row of zeros has
            similarity 0 to all.
        temperature: above 0.

    Computed in float32, or in float64 where the projections are. At one image there is nothing to
    tell the pair from, and the loss is 0. Raises `UserError` for other shapes and temperatures.

    >>> alike = torch.ones(4, 3)  # nothing to choose between 2 x 4 - 1 others
    >>> round(float(nt_xent(alike, alike, 0.5).exp()), 4)
    7.0
    """
    _check_projections(a, b)
    if not (math.isfinite(temperature) and temperature > 0):
        raise UserError(
            f"temperature {temperature} is not a number above 0",
            where="NT-Xent",
            remedy="the released code uses 0.5",
        )
    n = len(a)
    with torch.autocast(a.device.type, enabled=False):
        z = _unit_rows(torch.cat([_wide(a), _wide(b)]))  # 2N x d
        logits = (z / temperature) @ z.T  # 2N x 2N
        logits.fill_diagonal_(-math.inf)  # the sum leaves m = j out
        partner = torch.arange(2 * n, device=z.device).roll(n)
        return functional.cross_entropy(logits, partner)


def organ_loss(
    logits_a: torch.Tensor, logits_b: torch.Tensor, organs: torch.Tensor, doubled: bool = False
) -> torch.Tensor:
    """Return the cross-entropy of the organs, averaged over the 2N views, a scalar.

    Args:
        logits_a, logits_b: float (N, K): the organ head's outputs for the two views.
        organs: int64 (N,), 0 to K - 1.
        doubled: add the two views' means, as the released code does, instead of averaging them:
            twice as much, so that a lambda of 0.2 weighs as 0.4 does in the article's formula [8].

    Article, equation 3; thesis 5.6. Raises `UserError` where the shapes do not go together.
    """
    if logits_a.ndim != 2 or logits_a.shape != logits_b.shape or organs.shape != logits_a.shape[:1]:
        raise UserError(
            f"logits of shapes {tuple(logits_a.shape)} and {tuple(logits_b.shape)} for organs of "
            f"shape {tuple(organs.shape)}",
            where="organ loss",
            remedy="give both views' logits as (N, K) and the organs as (N,)",
        )
    with torch.autocast(logits_a.device.type, enabled=False):
        both = (functional.cross_entropy(_wide(view), organs) for view in (logits_a, logits_b))
        total = sum(both, start=logits_a.new_zeros((), dtype=torch.float32))
        return total if doubled else total / 2


def _check_projections(a: torch.Tensor, b: torch.Tensor) -> None:
    if a.ndim != 2 or a.shape != b.shape or 0 in a.shape:
        raise UserError(
            f"projections of shapes {tuple(a.shape)} and {tuple(b.shape)}",
            where="NT-Xent",
            remedy="give both views' projections as (N, d), with N and d at least 1",
        )


def _wide(values: torch.Tensor) -> torch.Tensor:
    return values if values.dtype == torch.float64 else values.float()


def _unit_rows(x: torch.Tensor) -> torch.Tensor:
    """Rows of length 1, also where the sum of the squares would overflow or vanish.

    The largest entry is taken out first, as a constant: the loss does not depend on a row's
    length, so nothing is missing from the gradient.
    """
    largest = x.detach().abs().amax(dim=1, keepdim=True)
    return functional.normalize(x / largest.clamp_min(torch.finfo(x.dtype).tiny), dim=1)
