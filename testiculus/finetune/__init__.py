"""Fine-tuning: train a classifier on the images of two folds, predict every image of the third.

Main function: `finetune` (in `training`), with `FinetuneSettings` and `FinetuneResult` (in
`interface`). It records the loss of every sample at every draw, which the noise protocol reads.
"""

from testiculus.finetune.interface import Checkpoint, FinetuneResult, FinetuneSettings
from testiculus.finetune.training import finetune

__all__ = ["Checkpoint", "FinetuneResult", "FinetuneSettings", "finetune"]
