"""The computation of one set of generated images: what the store's key of its run covers.

The images are written in shards as they are drawn: `samples-00000.safetensors` with the first 256,
and so on. Each is written in one step, so that after a kill the whole ones are read and the others
drawn, from the same noise: no image twice, none missing. Main functions: `samples_job` makes a run
of it, `read_samples` reads the images of a finished one.
"""

import hashlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from testiculus.base.devices import device_class
from testiculus.base.errors import InputWarning, UserError
from testiculus.base.files import write_json, write_tensors
from testiculus.base.store import Checkpoint, Job, Run
from testiculus.diffusion import SamplerSettings, draw_images, read_card, read_generator
from testiculus.diffusion.interface import checked_sampler

MODULE = "testiculus.experiments.sampling"
SHARD = 256  # images; what a kill loses at most
CARD = "card.json"

OnImages = Callable[[int, int], None]


@dataclass(frozen=True)
class SampleSettings:
    """What decides a set of generated images, beside its generator.

    `images` are numbered from 0 and have `pixels` x `pixels`; `shard` is how many share a file (and
    no batch goes over its end: with the batch size it decides rounding).
    """

    images: int
    pixels: int
    sampler: SamplerSettings
    shard: int = SHARD

    def shards(self) -> list[range]:
        """Return the numbers of the images of each shard."""
        starts = range(0, self.images, self.shard)
        return [range(first, min(first + self.shard, self.images)) for first in starts]


def draw_samples(
    generator: Path,
    settings: SampleSettings,
    device: torch.device,
    checkpoint: Checkpoint,
    on_images: OnImages | None = None,
    about: Mapping[str, str] | None = None,
) -> dict[str, np.ndarray]:
    """Draw all images that are not there yet into shards; return the `sha256` of each, (n, 32).

    `generator` is the file of `generator_file`. `on_images` is called with (images done, images),
    first with what an earlier attempt left. `card.json` says what they are: the generator's card,
    the sampler's settings and `about`. Errors are those of `read_generator` and `draw_images`.
    """
    folder, model, digests = checkpoint.folder, None, []
    show = on_images or (lambda done, images: None)
    for place, numbers in enumerate(settings.shards()):
        file = folder / shard_name(place)
        images = read_shard(file, numbers, settings.pixels)
        if images is None:
            model = read_generator(generator, device) if model is None else model
            show(numbers.start, settings.images)
            images = _drawn(model, numbers, settings, device, show)
            write_shard(file, numbers, images)
        digests.append(_digests(images))
    show(settings.images, settings.images)
    write_json(folder / CARD, _card(read_card(generator), settings, about))
    return {"sha256": np.concatenate(digests)}


def _drawn(
    model: torch.nn.Module,
    numbers: range,
    settings: SampleSettings,
    device: torch.device,
    show: OnImages,
) -> torch.Tensor:
    """Draw one shard; `show` hears of images as their share of the sampler's steps is done."""

    def on_step(done: int, steps: int) -> None:
        show(numbers.start + len(numbers) * done // steps, settings.images)

    return draw_images(
        model, numbers, settings.sampler, pixels=settings.pixels, device=device, on_step=on_step
    )


def shard_name(place: int) -> str:
    """Return the file name of the shard at `place`, from 0.

    >>> shard_name(3)
    'samples-00003.safetensors'
    """
    return f"samples-{place:05d}.safetensors"


def write_shard(file: Path, numbers: range, images: torch.Tensor) -> None:
    """Write images, uint8 (n, 1, h, w), with their numbers and a checksum, in one step."""
    facts = {"first": str(numbers.start), "sha256": _sha256(images)}
    write_tensors(file, {"pixels": images}, metadata=facts)


def read_shard(file: Path, numbers: range, pixels: int) -> torch.Tensor | None:
    """Return the images with these numbers, uint8 (n, 1, pixels, pixels), or None.

    None where the file is not there, and, with an `InputWarning`, where it is damaged or holds
    something else.
    """
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="pt") as stored:
            facts, images = stored.metadata() or {}, stored.get_tensor("pixels")
    except (SafetensorError, OSError) as error:
        return _damaged(file, str(error))
    if facts.get("first") != str(numbers.start) or facts.get("sha256") != _sha256(images):
        return _damaged(file, "its checksum does not hold")
    if images.dtype != torch.uint8 or images.shape != (len(numbers), 1, pixels, pixels):
        return _damaged(file, f"it holds {images.dtype} {tuple(images.shape)}")
    return images


def _damaged(file: Path, reason: str) -> None:
    what = f"generated images are damaged ({file.name}: {reason}); drawing them again"
    warnings.warn(what, InputWarning, stacklevel=3)


def _sha256(images: torch.Tensor) -> str:
    return hashlib.sha256(images.contiguous().numpy().data).hexdigest()


def _digests(images: torch.Tensor) -> np.ndarray:
    digests = [hashlib.sha256(image.numpy().tobytes()).digest() for image in images]
    return np.frombuffer(b"".join(digests), np.uint8).reshape(len(images), 32)


def _card(
    generator: Mapping[str, str], settings: SampleSettings, about: Mapping[str, str] | None
) -> dict[str, object]:
    """Return what a person wants to know of the images; the wall time is left out."""
    drawn = {name: value for name, value in asdict(settings).items() if name != "shard"}
    return {**drawn, "generator": dict(generator), **(about or {})}


def samples_job(
    generator: Path,
    fingerprint: str,
    n: int,
    sampler: SamplerSettings,
    pixels: int,
    device: torch.device,
    shard: int = SHARD,
    about: Mapping[str, str] | None = None,
) -> Job:
    """Return the run of `n` generated images, for a `Store` to finish; see `draw_samples`.

    `fingerprint` names the generator's weights (`models.weights_fingerprint`), wherever its file
    lies. Raises `UserError` for fewer than one image and for a sampler that cannot draw.
    """
    checked_samples(n, sampler)
    settings = SampleSettings(n, pixels, sampler, shard)
    compute = partial(draw_samples, generator, settings, device, about=about)
    return Job(settings, fingerprint, MODULE, device_class(device), compute)


def checked_samples(n: int, sampler: SamplerSettings) -> None:
    """Raise `UserError` for fewer than one image and for a sampler that cannot draw."""
    checked_sampler(sampler)
    if n < 1:
        raise UserError(
            f"cannot draw {n} images",
            where="generated images",
            remedy="ask for at least one: GENERATED=1000",
        )


def read_samples(run: Run) -> torch.Tensor:
    """Return the images of a finished run, uint8 (n, 1, h, w), image i at place i.

    Raises `UserError` where a shard is gone or damaged since the run was found in the store.
    """
    parts = [_pixels_of(file) for file in sorted(run.folder.glob("samples-*.safetensors"))]
    pixels = torch.cat(parts) if parts else torch.empty(0)
    if not np.array_equal(_digests(pixels), run.arrays["sha256"]):
        raise _incomplete(run.folder, "they are not those that were drawn")
    return pixels


def _pixels_of(shard: Path) -> torch.Tensor:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(shard)["pixels"]
    except (SafetensorError, OSError, KeyError) as error:
        raise _incomplete(shard, str(error)) from error


def _incomplete(where: Path, reason: str) -> UserError:
    return UserError(
        f"the generated images cannot be read: {reason}",
        where=str(where),
        remedy="run the same command again: what is missing or damaged is drawn anew",
    )
