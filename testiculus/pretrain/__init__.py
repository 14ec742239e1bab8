"""Pretraining: an encoder learns from two views of unlabelled images, and from their organ.

Main function: `pretrain` (in `training`), with `PretrainSettings` and `PretrainResult` (in
`interface`). `write_encoder` and `read_card` keep an encoder as a file that says what it is.
"""

from testiculus.pretrain.encoder_files import encoder_card, read_card, write_encoder
from testiculus.pretrain.interface import PretrainResult, PretrainSettings
from testiculus.pretrain.training import pretrain

__all__ = [
    "PretrainResult",
    "PretrainSettings",
    "encoder_card",
    "pretrain",
    "read_card",
    "write_encoder",
]
