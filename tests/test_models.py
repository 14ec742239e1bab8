import pytest
import timm
import torch
from safetensors.torch import save_file

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.models import (
    FEATURES,
    build_classifier,
    missing_weights,
    weights_file,
    weights_fingerprint,
)
from testiculus.pretrain.encoder_files import write_encoder


@pytest.fixture(scope="module")
def colour_weights():
    """The weights of a three-channel ResNet-18 with a 1,000-class head, as ImageNet's have."""
    model = timm.create_model("resnet18", num_classes=1000)
    random = generator("colour")
    return {
        name: torch.rand(w.shape, generator=random) * 0.1 if w.is_floating_point() else w
        for name, w in model.state_dict().items()
    }


def uscl_names(weights):
    """The same weights as a torchvision ResNet-18 without its head inside `features`."""
    children = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"]
    renamed = {}
    for name, tensor in weights.items():
        first, _, rest = name.partition(".")
        if first != "fc":
            renamed[f"features.{children.index(first)}.{rest}"] = tensor
    heads = {"linear.weight": torch.zeros(256, 512), "fc.bias": torch.zeros(12)}
    return renamed | {"l1.weight": torch.zeros(512, 512)} | heads


def same(first, second):
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_a_classifier_maps_one_channel_images_to_features_and_two_logits():
    model = build_classifier("scratch-A", 0).eval()
    images = torch.rand(3, 1, 40, 48, generator=generator("images"))
    features = model.encoder(images)
    assert features.shape == (3, FEATURES)
    assert torch.equal(model(images), model.head(features))
    assert model(images).shape == (3, 2)


def test_random_encoders_are_drawn_from_their_name_and_their_seed():
    first = build_classifier("scratch-A", 0)
    assert same(first, build_classifier("scratch-A", 0))
    assert not same(first.encoder, build_classifier("scratch-A", 1).encoder)
    other = build_classifier("scratch-B", 0)
    assert not same(first.encoder, other.encoder)
    assert same(first.head, other.head)  # the head depends on the seed alone


def test_the_global_random_state_is_neither_read_nor_changed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        before = torch.random.get_rng_state()
        first = build_classifier("scratch-A", 3)
        assert torch.equal(before, torch.random.get_rng_state())
        torch.manual_seed(2)
        assert same(first, build_classifier("scratch-A", 3))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_imagenet_comes_from_a_local_file_as_timm_would_load_it(tmp_path, colour_weights, suffix):
    file = tmp_path / f"resnet18_imagenet{suffix}"
    if suffix == ".pth":
        torch.save(colour_weights, file)
    else:
        save_file(colour_weights, file)
    theirs = timm.create_model(
        "resnet18", pretrained=True, in_chans=1, num_classes=0,
        pretrained_cfg_overlay={"file": str(file)},
    )  # fmt: skip
    ours = build_classifier("imagenet", 0, weights=tmp_path)
    assert same(ours.encoder, theirs)
    assert same(ours.head, build_classifier("scratch-A", 0).head)


def test_the_folded_first_convolution_sees_grey_as_it_saw_it_in_colour(tmp_path, colour_weights):
    save_file(colour_weights, tmp_path / "resnet18_imagenet.safetensors")
    ours = build_classifier("imagenet", 0, weights=tmp_path).encoder.eval()
    theirs = timm.create_model("resnet18", num_classes=0)
    theirs.load_state_dict(colour_weights, strict=False)
    grey = torch.rand(2, 1, 32, 32, generator=generator("grey"))
    expected = theirs.eval()(grey.repeat(1, 3, 1, 1))
    torch.testing.assert_close(ours(grey), expected, rtol=1e-3, atol=1e-4)


def test_uscl_weights_are_renamed_folded_and_freed_of_their_heads(tmp_path, colour_weights):
    torch.save(uscl_names(colour_weights), tmp_path / "uscl_resnet18.pth")
    save_file(colour_weights, tmp_path / "resnet18_imagenet.safetensors")
    uscl = build_classifier("uscl", 0, weights=tmp_path)
    assert same(uscl.encoder, build_classifier("imagenet", 0, weights=tmp_path).encoder)


def test_weights_may_be_wrapped_and_may_lack_batch_counters(tmp_path, colour_weights):
    old = {k: v for k, v in colour_weights.items() if not k.endswith("num_batches_tracked")}
    wrapped = {f"module.encoder.{name}": tensor for name, tensor in old.items()}
    torch.save({"state_dict": wrapped, "epoch": 3}, tmp_path / "wrapped.pth")
    model = build_classifier(str(tmp_path / "wrapped.pth"), 0)
    assert torch.equal(model.encoder.bn1.weight, colour_weights["bn1.weight"])


def test_a_saved_encoder_is_an_initialisation(tmp_path):
    trained = build_classifier("scratch-B", 5)
    path = write_encoder(tmp_path / "mine.safetensors", trained.encoder, {"steps": "150"})
    again = build_classifier(str(path), 5)
    assert same(again, trained)
    assert not same(build_classifier(str(path), 6).head, trained.head)


@pytest.mark.parametrize("name", ["imagenet", "uscl", "ud"])
def test_missing_weights_are_named_with_their_place(tmp_path, monkeypatch, name):
    monkeypatch.delenv("TESTICULUS_HUB", raising=False)
    told = missing_weights(name, tmp_path)
    assert name in told
    assert str(tmp_path) in told and ".pth" in told
    with pytest.raises(UserError, match=f"weights for '{name}' are missing") as error:
        build_classifier(name, 0, weights=tmp_path)
    assert told in str(error.value)


def test_places_below_the_working_directory_are_told_relative_to_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "put a file at weights/uscl_resnet18" in missing_weights("uscl", tmp_path / "weights")


def test_the_hub_is_asked_only_when_the_switch_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("TESTICULUS_HUB", "1")
    assert missing_weights("imagenet", tmp_path) is None
    assert weights_fingerprint("imagenet", tmp_path).startswith("hub:")
    asked = []
    real = timm.create_model

    def create(name, pretrained=False, **settings):
        asked.append((name, pretrained))
        if pretrained:
            raise OSError("no network")
        return real(name, **settings)

    monkeypatch.setattr(timm, "create_model", create)
    build_classifier("scratch-A", 0)
    assert asked == [("resnet18", False)]
    with pytest.raises(UserError, match="the hub did not give"):
        build_classifier("imagenet", 0, weights=tmp_path)
    assert asked[1][1]


def test_a_local_file_goes_before_the_hub(tmp_path, colour_weights, monkeypatch):
    monkeypatch.setenv("TESTICULUS_HUB", "1")
    save_file(colour_weights, tmp_path / "resnet18_imagenet.safetensors")
    model = build_classifier("imagenet", 0, weights=tmp_path)
    assert torch.equal(model.encoder.bn1.bias, colour_weights["bn1.bias"])


def test_weights_of_another_network_are_refused_by_their_keys(tmp_path, colour_weights):
    wrong = {name: t for name, t in colour_weights.items() if not name.startswith("layer4")}
    wrong["extra.weight"] = torch.zeros(2)
    wrong["bn1.weight"] = torch.zeros(3)
    save_file(wrong, tmp_path / "wrong.safetensors")
    with pytest.raises(UserError) as error:
        build_classifier(str(tmp_path / "wrong.safetensors"), 0)
    told = str(error.value)
    assert "layer4.0.bn1.bias" in told and "missing" in told
    assert "extra.weight left over" in told
    assert "bn1.weight of another shape" in told
    assert "wrong.safetensors" in told


def test_an_unknown_initialisation_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="scratch-A, scratch-B, imagenet, uscl, ud"):
        missing_weights("imagnet")


def test_an_absent_checkpoint_is_said_to_be_missing(tmp_path):
    path = tmp_path / "absent.safetensors"
    assert missing_weights(str(path)) == f"put the checkpoint at {path}"
    assert weights_file(str(path)) is None


def test_the_fingerprint_follows_the_content_of_the_file(tmp_path, colour_weights):
    path = tmp_path / "mine.safetensors"
    save_file(colour_weights, path)
    first = weights_fingerprint(str(path))
    assert first == weights_fingerprint(str(path)) and len(first) == 64
    save_file({**colour_weights, "bn1.bias": torch.ones(64)}, path)
    assert weights_fingerprint(str(path)) != first
    assert weights_fingerprint("scratch-A") == ""
    with pytest.raises(UserError, match="missing"):
        weights_fingerprint("uscl", tmp_path)


def test_a_pretrained_encoder_is_loaded_from_the_file_that_is_handed_over(tmp_path):
    trained = build_classifier("scratch-B", 5).encoder
    path = write_encoder(tmp_path / "any_name.safetensors", trained, {"steps": "3"})
    built = build_classifier("pretrained", seed=0, file=path)
    images = torch.rand(2, 1, 32, 32, generator=generator("pretrained"))
    assert torch.equal(built.eval().encoder(images), trained.eval()(images))
    head = build_classifier("scratch-A", seed=0).head.weight
    assert torch.equal(built.head.weight, head)  # the head depends on the seed alone


def test_a_fingerprint_is_of_the_weights_and_not_of_the_card_or_the_name(tmp_path):
    encoder = build_classifier("scratch-A", 0).encoder
    first = write_encoder(tmp_path / "a.safetensors", encoder, {"commit": "1"})
    second = write_encoder(tmp_path / "b.safetensors", encoder, {"commit": "2"})
    found = weights_fingerprint("pretrained", file=first)
    assert found == weights_fingerprint("pretrained", file=second)
    encoder.conv1.weight.data[0, 0, 0, 0] += 1
    write_encoder(first, encoder, {"commit": "1"})
    assert weights_fingerprint("pretrained", file=first) != found
