import io
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.base.places import weights_folder
from testiculus.manifold import inception, inception_weights, missing_inception


@pytest.fixture(scope="module")
def random_weights():
    """Inception's layout with random numbers: torch-fidelity's, made without its weights file."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    load, nn.Module.load_state_dict = nn.Module.load_state_dict, lambda self, state: None
    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = FeatureExtractorInceptionV3(
                "x", ["2048"], feature_extractor_weights_path=empty
            )
    finally:
        nn.Module.load_state_dict = load
    return network.state_dict()


@pytest.fixture(scope="module")
def file(random_weights, tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "inception_fid.pth"
    torch.save(random_weights, file)
    return file


PIXELS = torch.randint(0, 256, (3, 1, 20, 24), dtype=torch.uint8, generator=generator("pixels"))


def test_features_and_probabilities_are_torch_fidelity_s_of_three_equal_channels(file):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    told = []
    features, probabilities = inception(PIXELS, file, "cpu", lambda done, n: told.append((done, n)))
    theirs = FeatureExtractorInceptionV3(
        "y", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(file)
    )
    pooled, logits = theirs(PIXELS.repeat(1, 3, 1, 1))
    assert features.shape == (3, 2048) and probabilities.shape == (3, 1008)
    assert features.dtype == probabilities.dtype == np.float32
    np.testing.assert_allclose(features, pooled, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(probabilities, logits.softmax(dim=1), rtol=1e-4)
    assert told == [(3, 3)]


def test_the_global_random_state_is_untouched(file):
    before = torch.random.get_rng_state()
    inception(PIXELS[:1], file, "cpu")
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_missing_file_is_named_with_its_place(tmp_path):
    assert inception_weights(tmp_path) is None
    assert str(tmp_path / "inception_fid.pth") in missing_inception(tmp_path)
    assert "weights-inception-2015-12-05" in missing_inception(tmp_path)
    with pytest.raises(UserError, match="weights file not found"):
        inception(PIXELS, tmp_path / "inception_fid.pth", "cpu")


def test_the_project_s_weights_folder_is_where_the_file_is_looked_for(tmp_path, monkeypatch):
    assert str(weights_folder()) in missing_inception()
    monkeypatch.setenv("TESTICULUS_WEIGHTS", str(tmp_path))
    (tmp_path / "inception_fid.safetensors").touch()
    assert inception_weights() == tmp_path / "inception_fid.safetensors"
    assert missing_inception() is None


def test_weights_of_another_network_are_refused_by_name(tmp_path):
    save_file({"conv1.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="not Inception's: Missing key.*Conv2d_1a_3x3") as caught:
        inception(PIXELS, tmp_path / "other.safetensors", "cpu")
    assert "other.safetensors" in str(caught.value) and len(str(caught.value)) < 1000


def test_a_layer_of_another_shape_is_refused_by_name(random_weights, tmp_path):
    save_file(random_weights | {"fc.bias": torch.zeros(10)}, tmp_path / "odd.safetensors")
    with pytest.raises(UserError, match="size mismatch for fc.bias"):
        inception(PIXELS, tmp_path / "odd.safetensors", "cpu")


class Code:
    def __reduce__(self):
        return exec, ("raise SystemExit('it ran')",)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    (tmp_path / "bad.pth").write_bytes(pickle.dumps({"a": Code()}))
    with pytest.raises(UserError, match="cannot read these weights safely"):
        inception(PIXELS, tmp_path / "bad.pth", "cpu")


@pytest.mark.parametrize(
    "pixels", [PIXELS.float(), PIXELS[:, 0], PIXELS.repeat(1, 3, 1, 1), PIXELS[:0]]
)
def test_pixels_of_another_kind_are_refused(pixels, file):
    with pytest.raises(UserError, match="Inception needs"):
        inception(pixels, file, "cpu")
