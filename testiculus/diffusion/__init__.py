"""Generation: a diffusion model learns to draw images like those of a training set.

Main functions: `train_generator` (in `training`) and `draw_images` (in `sampling`), with
`DiffusionSettings`, `DiffusionResult` and `SamplerSettings` (in `interface`). `write_generator`,
`read_generator` and `read_card` keep a generator as a file that says what it is.
"""

from testiculus.diffusion.generator_files import (
    generator_card,
    read_card,
    read_generator,
    write_generator,
)
from testiculus.diffusion.interface import (
    DiffusionResult,
    DiffusionSettings,
    SamplerSettings,
    checked_inputs,
)
from testiculus.diffusion.sampling import draw_images
from testiculus.diffusion.training import train_generator

__all__ = [
    "DiffusionResult",
    "DiffusionSettings",
    "SamplerSettings",
    "checked_inputs",
    "draw_images",
    "generator_card",
    "read_card",
    "read_generator",
    "train_generator",
    "write_generator",
]
