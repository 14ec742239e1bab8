"""An encoder as a file: safetensors, with a small card that says what it is and how to load it.

Main functions: `write_encoder` and `read_card`; `encoder_card` words the card of a pretraining.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from testiculus.base.errors import UserError
from testiculus.base.files import atomic_write
from testiculus.pretrain.interface import PretrainResult, PretrainSettings

TITLE = "ResNet-18 encoder, pretrained on unlabelled images; one channel, 512 features"
INPUT = "float (n, 1, h, w), grey values in [0, 1] normalised as (x - 0.5) / 0.25"
NOTICE = (
    "Research software: not a medical device, not for diagnosis. The weights come under the "
    "licence of the images they were trained on."
)
NO_PART = "not part of the loss"
LOADING = 'testiculus.models.build_classifier("pretrained", seed, file=path).encoder'


def encoder_card(
    settings: PretrainSettings,
    result: PretrainResult,
    organs: np.ndarray,
    organ_names: Sequence[str],
    data_fingerprint: str,
    about: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the card of a pretrained encoder; `about` adds to it, for example data and commit.

    `organs` (N,) are indices into `organ_names`. The wall time is left out: the same training
    writes the same file.
    """
    counts = np.bincount(organs, minlength=len(organ_names))
    each = zip(organ_names, counts, strict=True)
    return {
        "title": TITLE,
        "data_fingerprint": data_fingerprint,
        "organs": ", ".join(f"{name} {count}" for name, count in each if count),
        "images": str(len(organs)),
        "steps": str(settings.steps),
        "batch_size": str(settings.batch_size),
        "loss": settings.loss_in_words(),
        "lambda": f"{settings.organ_weight:g}",
        "contrastive_loss": _figure(result.contrastive[-1]),
        "organ_loss": _figure(result.organ[-1]),
        "views": settings.views,
        "seed": str(settings.seed),
        "commit": "unknown",
        "input": INPUT,
        "load": LOADING,
        "notice": NOTICE,
        **(about or {}),
    }


def write_encoder(path: Path | str, encoder: nn.Module, card: Mapping[str, str]) -> Path:
    """Write an encoder with its card as safetensors, atomically; the same bytes for the same both.

    Raises `UserError` for a card that is not a flat dictionary of texts, and for a full disk.
    """
    from safetensors.torch import save

    odd = [name for name, value in card.items() if not isinstance(value, str)]
    if odd:
        raise UserError(f"an encoder's card holds texts only; {odd[0]!r} is none", str(path))
    tensors = {name: t.detach().cpu().contiguous() for name, t in encoder.state_dict().items()}
    content = _with_sorted_card(save(tensors, metadata=dict(card)))
    return atomic_write(path, lambda part: part.write_bytes(content))


def read_card(path: Path | str) -> dict[str, str]:
    """Return the card of an encoder's file; empty where it has none (a file of others).

    Raises `UserError` for a file that is absent, or is no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise UserError("encoder file not found", where=str(path), remedy="put the file there")
    try:
        with safe_open(path, framework="numpy") as stored:
            return dict(sorted((stored.metadata() or {}).items()))
    except SafetensorError as error:
        raise UserError(
            f"not a safetensors file, or a damaged one: {error}",
            where=str(path),
            remedy="copy the encoder again, or pretrain it anew",
        ) from error


def _with_sorted_card(content: bytes) -> bytes:
    """Sort the card of a safetensors file: the library shuffles it, and a file that is another
    every time would make other runs of all that start from it.

    Layout: 8 bytes length of the header, the header as JSON, padded to 8 bytes, the tensors.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    card = {"__metadata__": dict(sorted(header.pop("__metadata__").items()))}
    text = json.dumps(card | header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _figure(loss: float) -> str:
    return NO_PART if np.isnan(loss) else f"{loss:.4f}"
