from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small_models import classifier, noise, without_maps

from testiculus.base.errors import UserError
from testiculus.explain import enlarge, gradcam_plus_plus
from testiculus.finetune.training import normalise, predict, to_float

MODEL = classifier()
FOUR = noise(4)


def cells_and_gradients(model, images, layer, target=1):
    """The layer's maps A and dS/dA of every image by autograd, in float64."""
    model, kept = deepcopy(model).double(), []
    model.encoder.get_submodule(layer).register_forward_hook(lambda *seen: kept.append(seen[-1]))
    score = model(images.double())[:, target].sum()
    (gradients,) = torch.autograd.grad(score, kept)
    return kept[0].detach(), gradients


def formula(model, images, layer, target=1) -> np.ndarray:
    """Grad-CAM++ as it is written: one image, one channel, one cell after the other."""
    found = []
    for a, g in zip(*cells_and_gradients(model, images, layer, target), strict=True):
        total = np.zeros(a.shape[1:])
        for channel, slopes in zip(a.numpy(), g.numpy(), strict=True):
            weight, energy = 0.0, channel.sum()
            for s in slopes.flatten().tolist():
                if s > 0:
                    weight += s**2 / (2 * s**2 + energy * s**3) * s
            total += weight * channel
        found.append(np.maximum(total, 0))
    return np.stack(found)


@pytest.mark.parametrize("layer", ["layer2", "layer3", "layer4"])
def test_maps_are_those_of_the_formula(layer):
    maps, _ = gradcam_plus_plus(MODEL, FOUR, layer, batch_size=3)
    assert maps.dtype == np.float32 and maps.shape == (4, 64, 64)
    np.testing.assert_allclose(maps, enlarge(formula(MODEL, FOUR, layer), 64), atol=2e-5)
    assert (maps.max(axis=(1, 2)) == 1).all() and (maps.min(axis=(1, 2)) > 0.05).all()


def test_a_map_of_the_other_class_is_another_map_with_the_other_probability():
    maps, p = gradcam_plus_plus(MODEL, FOUR, "layer2", target=0)
    np.testing.assert_allclose(maps, enlarge(formula(MODEL, FOUR, "layer2", 0), 64), atol=2e-5)
    positive_maps, positive = gradcam_plus_plus(MODEL, FOUR, "layer2")
    np.testing.assert_allclose(p + positive, 1, atol=1e-6)
    assert np.abs(maps - positive_maps).max() > 0.01


def test_the_librarys_own_call_gives_these_maps_less_their_minimum():
    from pytorch_grad_cam import GradCAMPlusPlus
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model = deepcopy(MODEL)
    library = GradCAMPlusPlus(model, [model.encoder.layer2])
    theirs = library(FOUR, [ClassifierOutputTarget(1)] * 4)
    maps, _ = gradcam_plus_plus(MODEL, FOUR, "layer2")
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose((maps - low) / (high - low), theirs, atol=0.02)  # their 1e-6
    assert np.abs(maps - theirs).max() > 0.1


def test_small_gradients_leave_the_formula_where_the_librarys_constant_would_not():
    model = deepcopy(MODEL)
    with torch.no_grad():
        model.head.weight.mul_(1e-3)
    maps, _ = gradcam_plus_plus(model, FOUR, "layer2")
    np.testing.assert_allclose(maps, enlarge(formula(model, FOUR, "layer2"), 64), atol=2e-5)


@pytest.mark.parametrize("size, layer", [(64, "layer2"), (32, "layer1"), (32, "layer4")])
def test_an_images_map_does_not_depend_on_the_images_beside_it(size, layer):
    images = noise(5, size)
    maps, p = gradcam_plus_plus(MODEL, images, layer, batch_size=5)
    for i in (0, 4):  # 32 px alone: layer4 has a single cell
        alone, p_alone = gradcam_plus_plus(MODEL, images[i : i + 1], layer)
        np.testing.assert_allclose(alone[0], maps[i], atol=1e-5)
        np.testing.assert_allclose(p_alone[0], p[i], atol=1e-6)
    order = [3, 0, 4, 1, 2]
    others, _ = gradcam_plus_plus(MODEL, images[order], layer, batch_size=2)
    np.testing.assert_allclose(others, maps[order], atol=1e-5)


def test_the_default_layer_is_the_resolved_one():
    maps, _ = gradcam_plus_plus(MODEL, FOUR[:2])
    np.testing.assert_array_equal(maps, gradcam_plus_plus(MODEL, FOUR[:2], "layer2")[0])


def test_probabilities_are_those_of_the_prediction():
    pixels = (noise(5, 32) * 255 / 4 + 127.5).to(torch.uint8)
    _, p = gradcam_plus_plus(MODEL, normalise(to_float(pixels)), "layer1", batch_size=2)
    assert p.dtype == np.float32
    np.testing.assert_allclose(p, predict(deepcopy(MODEL), pixels, np.arange(5)), atol=1e-6)


def test_images_that_are_not_square_keep_their_shape():
    images = noise(2, (48, 80))
    maps, _ = gradcam_plus_plus(MODEL, images, "layer3")
    expected = formula(MODEL, images, "layer3")
    assert expected.shape == (2, 3, 5) and maps.shape == (2, 48, 80)
    np.testing.assert_allclose(maps, enlarge(expected, (48, 80)), atol=2e-5)


@pytest.mark.parametrize("weight", [-1.0, 0.0])
def test_a_layer_that_says_nothing_for_the_class_gives_a_map_of_zeros(weight):
    model = deepcopy(MODEL)
    with torch.no_grad():
        model.head.weight[1] = weight  # dS/dA of the last stage is this over its cells
    maps, p = gradcam_plus_plus(model, FOUR, "layer4")
    assert (maps == 0).all() and np.isfinite(p).all()


def test_a_dead_layer_gives_a_map_of_zeros():
    model = deepcopy(MODEL)
    with torch.no_grad():
        for bn in (model.encoder.layer2[1].bn2, model.encoder.layer2[0].downsample[1]):
            bn.weight.zero_(), bn.bias.zero_()
        model.encoder.layer2[0].bn2.weight.zero_(), model.encoder.layer2[0].bn2.bias.zero_()
    assert (gradcam_plus_plus(model, FOUR, "layer2")[0] == 0).all()


def state_of(model):
    hooks = [len(m._forward_hooks) + len(m._backward_hooks) for m in model.modules()]
    asks = [p.requires_grad for p in model.parameters()]
    slopes = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    modes = [m.training for m in model.modules()]
    return deepcopy(model.state_dict()), hooks, asks, slopes, modes


@pytest.mark.parametrize("target", [1, 7])  # also after an error
def test_the_model_is_left_as_it_was(target):
    model = deepcopy(MODEL).train()
    model.encoder.layer1.eval()  # a frozen part stays frozen
    model.encoder.conv1.weight.requires_grad_(False)
    model.head.weight.grad = torch.ones_like(model.head.weight)
    weights, *rest = state_of(model)
    try:
        gradcam_plus_plus(model, FOUR[:2], "layer2", target=target)
    except UserError:
        assert target == 7
    after, *rest_after = state_of(model)
    assert all(torch.equal(value, after[name]) for name, value in weights.items())
    assert rest[:2] == rest_after[:2] and rest[3] == rest_after[3]
    assert torch.equal(rest_after[2][-2], torch.ones_like(model.head.weight))
    assert sum(slope is not None for slope in rest_after[2]) == 1


@pytest.mark.parametrize(
    "around",
    [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu", dtype=torch.bfloat16)],
)
def test_what_surrounds_the_call_changes_nothing(around):
    expected = gradcam_plus_plus(MODEL, FOUR[:2], "layer2")
    with around():
        maps, p = gradcam_plus_plus(MODEL, FOUR[:2].clone(), "layer2")
    np.testing.assert_array_equal(maps, expected[0])
    np.testing.assert_array_equal(p, expected[1])


def test_progress_is_told_after_every_batch():
    told = []
    gradcam_plus_plus(
        MODEL, noise(5, 32), "layer1", batch_size=2, on_batch=lambda *done: told.append(done)
    )
    assert told == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize(
    "images", [FOUR.to(torch.uint8), FOUR[:, 0], FOUR.repeat(1, 3, 1, 1), FOUR[:0]]
)
def test_images_of_another_kind_are_refused(images):
    with pytest.raises(UserError, match="maps need"):
        gradcam_plus_plus(MODEL, images, "layer2")


@pytest.mark.parametrize("target", [2, -1])
def test_a_class_that_does_not_exist_is_refused(target):
    with pytest.raises(UserError, match=f"no class {target}: the model has 2"):
        gradcam_plus_plus(MODEL, FOUR, "layer2", target=target)


def test_an_unknown_layer_and_a_model_without_maps_are_refused():
    with pytest.raises(UserError, match="unknown layer 'layer7'(.|\n)*layer1, layer2"):
        gradcam_plus_plus(MODEL, FOUR, "layer7")
    with pytest.raises(UserError, match="needs a model with convolutional maps"):
        gradcam_plus_plus(without_maps(), noise(2, 8), "layer2")


@pytest.mark.parametrize("part", ["encoder.layer1.0.conv1.weight", "head.bias"])
def test_a_model_that_has_diverged_is_refused(part):
    model = deepcopy(MODEL)
    model.get_parameter(part).data.fill_(torch.nan)
    with pytest.raises(UserError, match="not finite"):
        gradcam_plus_plus(model, FOUR, "layer2")


def plain_enlarged(cells: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear by hand: each pixel's centre, in cells, between the centres of its neighbours."""
    rows, columns = cells.shape
    out = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            v = min(max((y + 0.5) * rows / height - 0.5, 0), rows - 1)
            u = min(max((x + 0.5) * columns / width - 0.5, 0), columns - 1)
            top, left = int(v), int(u)
            low, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            fv, fu = v - top, u - left
            out[y, x] = (1 - fv) * ((1 - fu) * cells[top, left] + fu * cells[top, right])
            out[y, x] += fv * ((1 - fu) * cells[low, left] + fu * cells[low, right])
    return out / out.max() if out.max() > 0 else out


@settings(max_examples=20)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 2), st.integers(1, 5), st.integers(1, 5)),
        elements=st.floats(0.01, 100) | st.just(0.0),
    ),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_enlarging_is_bilinear_between_the_centres_of_cells(cells, height, width):
    expected = [plain_enlarged(map_, height, width) for map_ in cells]
    np.testing.assert_allclose(enlarge(cells, (height, width)), expected, atol=2e-5)
