"""A generator as a file: safetensors, with the network's shape and a card that says what it is.

Main functions: `write_generator`, `read_generator` and `read_card`; `generator_card` words the card
of a training.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from testiculus.base.errors import UserError
from testiculus.base.files import load_state_dict, write_tensors
from testiculus.diffusion.interface import DiffusionResult, DiffusionSettings
from testiculus.diffusion.model import Shape, unet

TITLE = "Diffusion model that draws ultrasound-like images; ADM's U-Net, learned variance"
NOTICE = (
    "Research software: not a medical device, not for diagnosis. The images it draws show no "
    "patient; the weights come under the licence of the images they were trained on."
)
LOADING = "testiculus.diffusion.read_generator(path, device)"
TAIL = 100  # last steps that the card's losses are means of


def generator_card(
    settings: DiffusionSettings,
    result: DiffusionResult,
    images: int,
    fingerprint: str,
    about: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the card of a trained generator; `about` adds to it, for example data and commit.

    `images` is the number of training images, `fingerprint` names their content. The wall time is
    left out: the same training writes the same file.
    """
    return {
        "title": TITLE,
        "data_fingerprint": fingerprint,
        "images": str(images),
        "steps": str(settings.steps),
        "batch_size": str(settings.batch_size),
        "lr": f"{settings.lr:g}",
        "loss": f"L_simple + {settings.vlb_weight:g} L_vlb (bits per dimension)",
        "chain": f"{settings.chain} steps, cosine",
        "ema_decay": f"{settings.ema_decay:g}",
        "flip": "yes" if settings.flip else "no",
        "precision": settings.precision,
        "simple_loss": f"{result.simple[-TAIL:].mean():.4f}",
        "variational_bound": f"{result.vlb[-TAIL:].mean():.4f} bits per dimension",
        "seed": str(settings.seed),
        "commit": "unknown",
        "load": LOADING,
        "notice": NOTICE,
        **(about or {}),
    }


def write_generator(file: Path | str, model: nn.Module, card: Mapping[str, str]) -> Path:
    """Write a network of `model.build_unet` with its card, atomically; same content, same bytes.

    Raises `UserError` for a card that is not a flat dictionary of texts, and for a full disk.
    """
    odd = [name for name, value in card.items() if not isinstance(value, str)]
    if odd:
        raise UserError(f"a generator's card holds texts only; {odd[0]!r} is none", str(file))
    # One entry alone: safetensors writes several in an order that changes from file to file.
    about = {"shape": asdict(model.shape), "card": dict(card)}
    return write_tensors(file, model.state_dict(), {"generator": json.dumps(about, sort_keys=True)})


def read_card(file: Path | str) -> dict[str, str]:
    """Return the card of a generator's file. Raises as `read_generator` does."""
    return dict(sorted(_about(file)["card"].items()))


def read_generator(file: Path | str, device: torch.device | str = "cpu") -> nn.Module:
    """Return the network of a generator's file, on the device, in evaluation mode.

    Raises `UserError` for a file that is absent or damaged, is no generator of ours, or whose
    weights are not those of the shape it names (the keys are named).
    """
    fields = _about(file)["shape"]
    shape = Shape(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
    with torch.device("meta"):  # no weights are drawn only to be replaced
        model = unet(shape)
    found = load_state_dict(file)
    _require_same_layout(found, model.state_dict(), file)
    model.load_state_dict(found, assign=True)
    return model.to(device).eval()


def _about(file: Path | str) -> dict:
    """Return shape and card as they are in the file."""
    from safetensors import SafetensorError, safe_open

    if not Path(file).is_file():
        raise UserError("generator file not found", where=str(file), remedy="put the file there")
    try:
        with safe_open(file, framework="numpy") as stored:
            about = json.loads((stored.metadata() or {})["generator"])
        if set(about) >= {"shape", "card"} and set(about["shape"]) == set(Shape.__annotations__):
            return about
    except SafetensorError as error:
        raise UserError(
            f"not a safetensors file, or a damaged one: {error}",
            where=str(file),
            remedy="copy the generator again, or train it anew",
        ) from error
    except (KeyError, ValueError, TypeError):
        pass
    raise UserError(
        "these weights are not a generator of this project: the file does not say its shape",
        where=str(file),
        remedy="use a generator.safetensors that a training of ours has written",
    )


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
            f"these weights are not those of the network that the file names: {told}",
            where=str(file),
            remedy="copy the generator again, or train it anew",
        )


def _some(keys: list[str], most: int = 4) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more
