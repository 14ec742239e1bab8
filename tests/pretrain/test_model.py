import pytest
import torch
from torch import nn

from testiculus.models import build_classifier
from testiculus.pretrain.interface import PretrainSettings
from testiculus.pretrain.model import PretrainModel, lars, number_of_features

SETTINGS = PretrainSettings(steps=10, projection=(8, 4))


@pytest.fixture(scope="module")
def model():
    return PretrainModel(build_classifier("scratch-A", 0).encoder, 512, 3, SETTINGS)


def test_biases_and_normalisation_layers_and_nothing_else_are_excluded_from_decay_and_adaptation(
    model,
):
    excluded = {
        f"{name}.{kind}"
        for name, module in model.named_modules()
        for kind, _ in module.named_parameters(recurse=False)
        if isinstance(module, nn.BatchNorm2d) or kind == "bias"
    }
    names = {parameter: name for name, parameter in model.named_parameters()}

    adapted, plain = lars(model, SETTINGS).param_groups

    assert {names[parameter] for parameter in plain["params"]} == excluded
    assert {names[parameter] for parameter in adapted["params"]} == set(names.values()) - excluded
    assert (plain["weight_decay"], plain["always_adapt"]) == (0, False)
    assert (adapted["weight_decay"], adapted["always_adapt"]) == (1e-6, True)


def step_by_hand(value, gradients, adapted, decay, lr=0.1, momentum=0.9, trust=0.001):
    """LARS (You et al. 2017, eq. 6 and algorithm 1) for a tensor, in doubles."""
    value, velocity = value.double(), 0
    for gradient in gradients:
        gradient = gradient.double()
        if adapted:
            scale = trust * value.norm() / (gradient.norm() + decay * value.norm() + 1e-8)
            gradient = scale * (gradient + decay * value)
        velocity = momentum * velocity + gradient
        value = value - lr * velocity
    return value


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_weights_step_by_lars_and_biases_by_gradient_descent_with_momentum(decay):
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]))
        layer.bias.copy_(torch.tensor([0.3, -0.7]))
    gradients = [torch.full((2, 3), 0.2), torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])]
    before = {name: p.detach().clone() for name, p in layer.named_parameters()}
    optimiser = lars(layer, PretrainSettings(steps=2, weight_decay=decay))
    for gradient in gradients:
        layer.weight.grad, layer.bias.grad = gradient, gradient[:, 0].clone()
        for group in optimiser.param_groups:
            group["lr"] = 0.1
        optimiser.step()
    weight = step_by_hand(before["weight"], gradients, adapted=True, decay=decay)
    bias = step_by_hand(before["bias"], [g[:, 0] for g in gradients], adapted=False, decay=0)
    torch.testing.assert_close(layer.weight.double(), weight, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(layer.bias.double(), bias, rtol=1e-6, atol=1e-7)


def test_the_heads_depend_on_the_seed_alone_and_leave_global_random_state_alone():
    before = torch.random.get_rng_state()
    first, again = (PretrainModel(nn.Identity(), 6, 2, SETTINGS) for _ in range(2))
    other = PretrainModel(
        nn.Identity(), 6, 2, PretrainSettings(steps=10, projection=(8, 4), seed=1)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    for one, same, another in zip(
        first.parameters(), again.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(one, same) and not torch.equal(one, another)
        assert one.abs().max() <= 8**-0.5 or one.abs().max() <= 6**-0.5


def test_the_projection_head_has_a_relu_between_its_layers_and_none_at_its_end():
    kinds = [
        type(layer).__name__ for layer in PretrainModel(nn.Identity(), 6, 2, SETTINGS).projection
    ]
    assert kinds == ["Linear", "ReLU", "Linear"]


def test_the_number_of_features_is_found_without_moving_statistics(model):
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    assert number_of_features(model.encoder, torch.zeros(2, 1, 32, 32, dtype=torch.uint8)) == 512
    assert all(
        torch.equal(value, before[name]) for name, value in model.encoder.state_dict().items()
    )
