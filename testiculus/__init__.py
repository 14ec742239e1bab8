"""Companion to the article "Enhancing Testicular Ultrasound Image Classification Through
Synthetic Data and Pretraining Strategies" (ICIAP 2025).

The package computes what the notebooks show: `testiculus.data` (images and the phantom),
`testiculus.finetune` (training), `testiculus.noise` (suspicious labels), `testiculus.experiments`
(one module per table) and, around them, what it takes to run, judge and report them. Importing it
needs the standard library alone. Research software, not a medical device.
"""

__version__ = "0.1.0"
