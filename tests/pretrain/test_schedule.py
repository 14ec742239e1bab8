import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from testiculus.base.errors import UserError
from testiculus.pretrain.schedule import SCHEDULES, learning_rate_factor


def factors(steps, warmup, schedule, power=1.0):
    return [learning_rate_factor(s, steps, warmup, schedule, power) for s in range(steps)]


def torch_factors(steps, make):
    """What one of torch's own schedulers makes of a learning rate of 1."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimiser)
    found = []
    for _ in range(steps):
        found.append(scheduler.get_last_lr()[0])
        optimiser.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("steps", [1, 7, 40])
def test_the_polynomial_is_that_of_torch(steps, power):
    theirs = torch_factors(steps, lambda o: lr_scheduler.PolynomialLR(o, steps, power))
    assert factors(steps, 0, "polynomial", power) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("steps", [1, 7, 40])
def test_the_cosine_is_that_of_torch(steps):
    theirs = torch_factors(steps, lambda o: lr_scheduler.CosineAnnealingLR(o, steps))
    assert factors(steps, 0, "cosine") == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("schedule", ["polynomial", "cosine"])
def test_a_warm_up_is_that_of_torch_followed_by_the_decay(schedule):
    steps, warmup = 30, 6

    def make(optimiser):
        left = steps - warmup
        rise = lr_scheduler.LinearLR(optimiser, 1 / (warmup + 1), total_iters=warmup)
        fall = (
            lr_scheduler.PolynomialLR(optimiser, left)
            if schedule == "polynomial"
            else lr_scheduler.CosineAnnealingLR(optimiser, left)
        )
        return lr_scheduler.SequentialLR(optimiser, [rise, fall], milestones=[warmup])

    assert factors(steps, warmup, schedule) == pytest.approx(torch_factors(steps, make), abs=1e-9)


def test_it_can_drive_torch_s_scheduler():
    def make(optimiser):
        return lr_scheduler.LambdaLR(
            optimiser, lambda step: learning_rate_factor(step, 12, 3, "cosine")
        )

    assert torch_factors(12, make) == factors(12, 3, "cosine")


def test_power_1_is_a_line_to_zero():
    falls = [a - b for a, b in itertools.pairwise(factors(20, 0, "polynomial") + [0.0])]
    assert falls == pytest.approx([1 / 20] * 20)


def test_half_way_a_cosine_stands_at_a_half():
    assert learning_rate_factor(55, 100, 10, "cosine") == pytest.approx(0.5)


def test_a_constant_rate_stays():
    assert factors(5, 0, "constant") == [1.0] * 5


@given(
    st.integers(2, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))),
    st.sampled_from(SCHEDULES),
    st.floats(0.3, 4.0),
)
def test_it_rises_in_equal_steps_to_1_and_never_rises_again(lengths, schedule, power):
    steps, warmup = lengths
    found = factors(steps, warmup, schedule, power)
    rises = [b - a for a, b in itertools.pairwise([0.0, *found[: warmup + 1]])]
    assert rises == pytest.approx([1 / (warmup + 1)] * (warmup + 1))
    assert found[warmup] == max(found) == 1.0
    assert all(a >= b for a, b in itertools.pairwise(found[warmup:]))
    assert min(found) > 0


@pytest.mark.parametrize("schedule", ["polynomial", "cosine"])
def test_a_decay_ends_near_zero_and_then_is_there(schedule):
    assert factors(1000, 100, schedule)[-1] < 2e-3
    assert learning_rate_factor(1000, 1000, 100, schedule) == pytest.approx(0.0, abs=1e-12)


def test_a_run_may_be_all_warm_up():
    assert factors(4, 4, "polynomial") == pytest.approx([0.2, 0.4, 0.6, 0.8])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((0, 0, 0, "cosine"), "pretraining of 0 steps"),
        ((0, 5, 6, "cosine"), "warm-up of 6 steps in a pretraining of 5"),
        ((0, 5, -1, "cosine"), "warm-up of -1"),
        ((6, 5, 0, "cosine"), "step 6 of"),
        ((-1, 5, 0, "cosine"), "step -1 of"),
        ((0, 5, 0, "cosin"), "did you mean 'cosine'"),
        ((0, 5, 0, "polynomial", 0.0), "power 0.0"),
        ((0, 5, 0, "polynomial", math.nan), "power nan"),
    ],
)
def test_values_out_of_range_are_refused(values, words):
    with pytest.raises(UserError, match=words):
        learning_rate_factor(*values)
