import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.pretrain.losses import nt_xent, organ_loss


def pair(n=5, d=7, dtype=torch.float64, name="pair"):
    return torch.randn(2, n, d, generator=generator(name, n, d), dtype=torch.float64).to(dtype)


def formula(a, b, temperature):
    """Equations 1 and 2 of the article term by term: views 2i - 1 and 2i are neighbours."""
    z = [view for both in zip(a, b, strict=True) for view in both]

    def s(j, k):
        return torch.dot(z[j], z[k]) / (z[j].norm() * z[k].norm())

    def loss(j, k):
        others = [torch.exp(s(j, m) / temperature) for m in range(len(z)) if m != j]
        return -torch.log(torch.exp(s(j, k) / temperature) / sum(others))

    terms = [loss(2 * i, 2 * i + 1) + loss(2 * i + 1, 2 * i) for i in range(len(a))]
    return sum(terms) / len(z)


@given(st.integers(1, 7), st.integers(1, 9), st.floats(0.02, 20.0))
def test_nt_xent_is_the_formula_summed_in_a_double_loop(n, d, temperature):
    a, b = pair(n, d)
    expected = formula(a, b, temperature)
    torch.testing.assert_close(nt_xent(a, b, temperature), expected, atol=1e-12, rtol=1e-10)
    single = nt_xent(a.float(), b.float(), temperature)
    torch.testing.assert_close(single.double(), expected, atol=1e-5, rtol=2e-4)


@pytest.mark.parametrize("temperature", [0.05, 0.5, 3.0])
def test_its_gradient_is_that_of_the_double_loop(temperature):
    ours, theirs = (pair().requires_grad_() for _ in range(2))
    nt_xent(*ours, temperature).backward()
    formula(*theirs, temperature).backward()
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-12, rtol=1e-9)


def test_its_gradient_is_that_of_finite_differences():
    a, b = pair(3, 4)
    views = (a.clone().requires_grad_(), b.clone().requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: nt_xent(a, b, 0.3), views)


@pytest.mark.parametrize("n", [1, 2, 17, 300])
@pytest.mark.parametrize("temperature", [0.01, 0.5, 100.0])
def test_where_all_projections_are_one_the_loss_is_that_of_a_guess(n, temperature):
    same = torch.randn(1, 6, generator=generator("same")).expand(n, 6)
    assert float(nt_xent(same, same, temperature)) == pytest.approx(math.log(2 * n - 1), abs=1e-4)


@pytest.mark.parametrize("n", [1, 2, 9, 64])
@pytest.mark.parametrize("temperature", [0.1, 0.5, 4.0])
def test_pairs_that_agree_and_stand_square_to_all_others_have_a_closed_form(n, temperature):
    axes = torch.eye(n, 64) * torch.arange(1, n + 1)[:, None]
    expected = math.log1p((2 * n - 2) * math.exp(-1 / temperature))
    assert float(nt_xent(axes, 3 * axes, temperature)) == pytest.approx(expected, abs=1e-6)
    exact = nt_xent(axes.double(), 3 * axes.double(), temperature)
    assert float(exact) == pytest.approx(expected, rel=1e-9)


def test_pairs_that_are_opposite_have_a_closed_form():
    axis = torch.tensor([[1.0, 0.0], [0.0, 1.0]])  # the partner at -1, two others at 0
    expected = math.log(math.exp(-2) + 2) + 2
    assert float(nt_xent(axis, -axis, 0.5)) == pytest.approx(expected, rel=1e-6)


def test_one_image_alone_has_no_loss_and_no_gradient():
    views = pair(1, 5, torch.float32).requires_grad_()
    loss = nt_xent(*views, 0.5)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert not views.grad.any()


@given(st.integers(1, 12), st.integers(1, 16), st.floats(0.05, 5.0))
def test_neither_the_order_of_views_nor_of_images_nor_their_length_matters(n, d, temperature):
    a, b = pair(n, d)
    loss = nt_xent(a, b, temperature)
    order = torch.randperm(n, generator=generator("order", n))
    lengths = torch.rand(2, n, 1, generator=generator("lengths", n)) * 100 + 0.01
    for other in ((b, a), (a[order], b[order]), (a * lengths[0], b * lengths[1])):
        torch.testing.assert_close(nt_xent(*other, temperature), loss, atol=1e-12, rtol=1e-10)


def test_pairing_the_wrong_images_costs_more():
    a, _ = pair(16, 8)
    assert nt_xent(a, a + 0.01, 0.5) < nt_xent(a, a.roll(1, dims=0), 0.5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits_are_computed_in_32(dtype):
    a, b = pair(200, 32, dtype)
    loss = nt_xent(a, b, 0.1)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(
        loss.double(), nt_xent(a.double(), b.double(), 0.1), rtol=1e-5, atol=0
    )


def test_autocast_changes_nothing():
    a, b = pair(50, 16, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = nt_xent(a, b, 0.05), organ_loss(a, b, torch.arange(50) % 16)
    assert inside == (nt_xent(a, b, 0.05), organ_loss(a, b, torch.arange(50) % 16))


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        (torch.float16, 1e4),
        (torch.float16, 1e-6),
        (torch.bfloat16, 1e37),
        (torch.bfloat16, 1e-36),
        (torch.float32, 1e37),
        (torch.float32, 1e-36),
    ],
)
def test_huge_and_tiny_projections_have_the_loss_of_plain_ones(dtype, scale):
    a, b = (pair(20, 8).clamp(-5, 5) * scale).to(dtype)
    a.requires_grad_()
    loss = nt_xent(a, b, 0.1)
    loss.backward()
    plain = nt_xent(a.detach().double(), b.double(), 0.1)
    torch.testing.assert_close(loss.detach().double(), plain, rtol=1e-4, atol=0)
    if scale > 1 or dtype != torch.float16:  # a gradient of 1e6 is more than 16 bits hold
        assert torch.isfinite(a.grad).all()


def test_a_projection_of_zeros_has_similarity_zero_to_all():
    a, b = torch.zeros(3, 4), torch.zeros(3, 4)
    views = (a.requires_grad_(), b)
    loss = nt_xent(*views, 0.5)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(math.log(5))
    assert torch.isfinite(a.grad).all()


@pytest.mark.parametrize("temperature", [0.0, -0.5, math.nan, math.inf])
def test_a_temperature_that_is_no_number_above_0_is_refused(temperature):
    with pytest.raises(UserError, match="not a number above 0"):
        nt_xent(*pair(), temperature)


@pytest.mark.parametrize(
    "shapes", [((3, 4), (2, 4)), ((3, 4), (3, 5)), ((3,), (3,)), ((0, 4),) * 2]
)
def test_projections_that_do_not_pair_up_are_refused(shapes):
    with pytest.raises(UserError, match="projections of shapes"):
        nt_xent(*(torch.zeros(shape) for shape in shapes), 0.5)


def heads(n=6, k=3):
    logits = torch.randn(2, n, k, generator=generator("heads", n, k))
    return *logits, torch.arange(n) % k


@given(st.integers(1, 9), st.integers(2, 5))
def test_the_organ_loss_is_the_mean_over_all_views_of_minus_the_log_probability(n, k):
    a, b, organs = heads(n, k)
    terms = [
        -math.log(math.exp(row[organ]) / sum(math.exp(value) for value in row))
        for view in (a, b)
        for row, organ in zip(view.tolist(), organs.tolist(), strict=True)
    ]
    assert float(organ_loss(a, b, organs)) == pytest.approx(sum(terms) / (2 * n), rel=1e-5)


def test_a_head_that_knows_nothing_loses_the_log_of_the_number_of_organs():
    flat = torch.zeros(8, 4)
    assert float(organ_loss(flat, flat, torch.arange(8) % 4)) == pytest.approx(math.log(4))


def test_the_released_sum_at_lambda_02_is_the_article_s_mean_at_04():
    a, b, organs = heads()
    released = 0.2 * organ_loss(a, b, organs, doubled=True)
    torch.testing.assert_close(released, 0.4 * organ_loss(a, b, organs))
    torch.testing.assert_close(
        released, 0.2 * (cross_entropy(a, organs) + cross_entropy(b, organs))
    )


def test_the_organ_loss_is_computed_in_32_bits():
    a, b, organs = heads(400)
    half = organ_loss(a.bfloat16(), b.bfloat16(), organs)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, organ_loss(a.bfloat16().float(), b.bfloat16().float(), organs))


def test_logits_that_do_not_go_with_the_organs_are_refused():
    a, b, organs = heads()
    for wrong in ((a, b[:-1], organs), (a, b, organs[:-1]), (a[0], b[0], organs)):
        with pytest.raises(UserError, match="logits of shapes"):
            organ_loss(*wrong)
