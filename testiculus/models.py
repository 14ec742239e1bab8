"""The classifier: a ResNet-18 encoder for one-channel images and one linear head.

Main functions: `build_classifier` makes one from a named initialisation, `missing_weights` says
beforehand which file an initialisation lacks and where to put it. Nothing is downloaded unless
`TESTICULUS_HUB=1` asks for it.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch
from torch import nn

from testiculus.base.convolution import faster_on_small_maps
from testiculus.base.devices import derive_seed
from testiculus.base.errors import UserError, one_of
from testiculus.base.files import load_state_dict
from testiculus.base.places import weights_folder

FEATURES = 512  # length of a ResNet-18 feature vector
SCRATCH = ("scratch-A", "scratch-B")  # two independent random encoders, for the noise protocol
PRETRAINED = "pretrained"  # an encoder whose file is handed over
HUB_MODEL = "resnet18.tv_in1k"  # torchvision's ImageNet-1k weights; the texts name no recipe
HUB_SWITCH = "TESTICULUS_HUB"

# Initialisation -> stem of its file in the weights folder, and where such a file comes from.
WEIGHTS = {
    "imagenet": (
        "resnet18_imagenet",
        f"ResNet-18 trained on ImageNet: `model.safetensors` of timm's {HUB_MODEL}, or "
        f"torchvision's resnet18 .pth; or set {HUB_SWITCH}=1 to fetch it from the hub",
    ),
    "uscl": ("uscl_resnet18", "the pretrained ResNet-18 (.pth) released with USCL"),
    "ud": ("ud_resnet18", "an encoder of this project, pretrained on unlabelled ultrasound"),
}
INITIALISATIONS = (*SCRATCH, *WEIGHTS)
SUFFIXES = (".safetensors", ".pth", ".pt")
# Released ultrasound weights keep torchvision's layers in a Sequential, by position.
SEQUENTIAL = {"0": "conv1", "1": "bn1", **{str(i + 3): f"layer{i}" for i in range(1, 5)}}
WRAPPERS = ("module.", "encoder.", "backbone.")
HEADS = ("fc", "fc1", "fc2", "l1", "l2", "linear", "head")  # of others, and of ours: never loaded


class Classifier(nn.Module):
    """Encoder f and head o of the article (section 4.3): logits = o(f(x)).

    `encoder` maps images (n, 1, h, w), normalised, to features (n, 512); `head` maps those to the
    logits (n, 2) of the negative and the positive class.
    """

    def __init__(self, encoder: nn.Module, head: nn.Linear):
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits, (n, 2)."""
        return self.head(self.encoder(images))


def build_classifier(
    initialisation: str, seed: int, weights: Path | None = None, file: Path | None = None
) -> Classifier:
    """Return a ResNet-18 classifier for one-channel images.

    Args:
        initialisation: "scratch-A" or "scratch-B" (random, drawn from the name and the seed),
            "imagenet", "uscl" or "ud" (files in the weights folder), the path of an encoder's
            file, or "pretrained", whose `file` is given.
        seed: decides the random encoder and the head, which is always new. The global random
            state is neither read nor changed.
        weights: the weights folder; the project's by default.
        file: the encoder's file of "pretrained".

    Raises:
        UserError: for an unknown initialisation, a missing or unreadable file, or weights that are
            not a ResNet-18's (the keys are named).
    """
    if initialisation != PRETRAINED:
        _require_weights(initialisation, weights)
        file = weights_file(initialisation, weights)
    with _random_stream("encoder", initialisation, seed):
        encoder = _encoder(from_hub=initialisation == "imagenet" and file is None)
    with _random_stream("head", seed):
        head = nn.Linear(FEATURES, 2)
    if file is not None:
        encoder.load_state_dict(encoder_weights(load_state_dict(file), encoder, file))
    return Classifier(encoder, head)


def missing_weights(initialisation: str, weights: Path | None = None) -> str | None:
    """Return which file to put where for this initialisation, or None if nothing is missing.

    Raises `UserError` for a name that is neither an initialisation nor a weights file.
    """
    if initialisation in SCRATCH or weights_file(initialisation, weights) is not None:
        return None
    if initialisation == "imagenet" and os.environ.get(HUB_SWITCH) == "1":
        return None
    if initialisation not in WEIGHTS:
        return f"put the checkpoint at {initialisation}"
    stem, source = WEIGHTS[initialisation]
    places = " or ".join(_place(stem + suffix, weights) for suffix in SUFFIXES[:2])
    return f"put a file at {places} ({source})"


def weights_file(initialisation: str, weights: Path | None = None) -> Path | None:
    """Return the file an initialisation is read from; None if it needs none or it is absent.

    Raises `UserError` for a name that is neither an initialisation nor a weights file.
    """
    if initialisation in SCRATCH:
        return None
    if initialisation in WEIGHTS:
        stem = (weights or weights_folder()) / WEIGHTS[initialisation][0]
        files = [stem.with_name(stem.name + suffix) for suffix in SUFFIXES]
    elif Path(initialisation).suffix in SUFFIXES:
        files = [Path(initialisation)]
    else:
        one_of(initialisation, (*INITIALISATIONS, "<file>.safetensors"), "initialisation")
    return next((file for file in files if file.is_file()), None)


def weights_fingerprint(
    initialisation: str, weights: Path | None = None, file: Path | None = None
) -> str:
    """Return what names the weights an initialisation starts from, for the key of a run.

    The sha256 of its file's tensors (`file` for "pretrained"), whatever else the file says; "hub"
    with the model's name where the hub gives them; "" for random ones. Raises `UserError` where
    they are missing or unreadable.
    """
    if initialisation != PRETRAINED:
        _require_weights(initialisation, weights)
        file = weights_file(initialisation, weights)
    if file is None:
        return "" if initialisation in SCRATCH else f"hub:{HUB_MODEL}"
    found = file.stat() if file.is_file() else None
    return _tensors_sha256(file, *((found.st_size, found.st_mtime_ns) if found else (0, 0)))


@cache
def _tensors_sha256(file: Path, size: int, changed: int) -> str:
    """Return the sha256 of a file's tensors; size and time notice another file in its place."""
    digest = hashlib.sha256()
    for name, tensor in sorted(load_state_dict(file).items()):
        if isinstance(tensor, torch.Tensor):
            plain = tensor.contiguous()
            digest.update(f"{name} {plain.dtype} {tuple(plain.shape)}|".encode())
            digest.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _require_weights(initialisation: str, weights: Path | None = None) -> None:
    if lacking := missing_weights(initialisation, weights):
        raise UserError(f"weights for {initialisation!r} are missing", remedy=lacking)


def encoder_weights(
    raw: Mapping[str, torch.Tensor], encoder: nn.Module, file: Path | str = ""
) -> dict[str, torch.Tensor]:
    """Return the weights in `raw` under the names and shapes of `encoder`.

    Takes timm's and torchvision's names, ours, and those of a ResNet kept in a Sequential called
    `features` (USCL). Heads are left out. A first convolution over three colours is summed to one
    channel: its response to a grey image given three times.

    Raises:
        UserError: naming the keys that are missing, left over, or of another shape.
    """
    found = {}
    for name, tensor in raw.items():
        plain = _plain_name(name)
        if isinstance(tensor, torch.Tensor) and plain.split(".")[0] not in HEADS:
            found[plain] = tensor
    first = found.get("conv1.weight")
    if first is not None and first.ndim == 4 and first.shape[1] == 3:
        found["conv1.weight"] = first.float().sum(dim=1, keepdim=True)
    wanted = encoder.state_dict()
    for name in wanted:  # files older than PyTorch 0.4.1 lack these counters, which nothing reads
        if name.endswith("num_batches_tracked"):
            found.setdefault(name, torch.zeros_like(wanted[name]))
    _require_same_layout(found, wanted, file)
    return found


def _require_same_layout(
    found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], file: Path | str
) -> None:
    both = found.keys() & wanted.keys()
    wrong = {
        "missing": sorted(wanted.keys() - found.keys()),
        "left over": sorted(found.keys() - wanted.keys()),
        "of another shape": sorted(k for k in both if found[k].shape != wanted[k].shape),
    }
    told = "; ".join(f"{_some(keys)} {what}" for what, keys in wrong.items() if keys)
    if told:
        raise UserError(
            f"these weights are not a ResNet-18 encoder's: {told}",
            where=str(file),
            remedy="use the weights of a ResNet-18 (timm, torchvision, USCL, or ours)",
        )


def _some(keys: list[str], most: int = 4) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more


def _plain_name(name: str) -> str:
    """Strip wrappers' prefixes; turn `features.4.0...` into `layer1.0...`."""
    while name.startswith(WRAPPERS):
        name = name.partition(".")[2]
    if name.startswith("features."):
        position, _, rest = name.removeprefix("features.").partition(".")
        name = f"{SEQUENTIAL.get(position, 'features.' + position)}.{rest}"
    return name


def _place(name: str, weights: Path | None) -> str:
    """Where a weights file is expected, relative to the working directory where it is below it."""
    file = (weights or weights_folder()) / name
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)


def _encoder(from_hub: bool) -> nn.Module:
    import timm

    name = HUB_MODEL if from_hub else "resnet18"
    try:
        encoder = timm.create_model(name, pretrained=from_hub, in_chans=1, num_classes=0)
    except Exception as error:
        if not from_hub:
            raise
        raise UserError(
            f"the hub did not give {HUB_MODEL}: {type(error).__name__}",
            remedy=f"check the connection, or unset {HUB_SWITCH} and put the file in place by hand",
        ) from error
    return faster_on_small_maps(encoder)


@contextmanager
def _random_stream(*parts: object) -> Iterator[None]:
    """Initialise layers from a stream of their own: PyTorch's initialisers only know the global."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(*parts))
        yield
