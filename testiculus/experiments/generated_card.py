"""The data card of an exported set of generated images, as a page of text."""

from collections.abc import Mapping

CARD = """\
# {name}

{images} generated images, {pixels} x {pixels} px, 8-bit grey. None is a picture that was taken;
all come from a network that learnt from such pictures: see "Privacy and limits".

| | |
|---|---|
| drawn by | a diffusion model (U-Net, cosine schedule, learned variance), trained here |
| trained on | {trained} images of `{data}` ({patients}), fingerprint `{fingerprint}` |
| training | {steps} steps of {batch} images, {loss} |
| sampler | {sampler_steps} of {chain} steps, seed {seed}; image i from noise of its own |
| organ | {organ} |
| licence | that of the training images: {licence} |
| source of these | {source} |
| code | commit {commit} |
| run | `{key}` |

## Files

`manifest.csv` lists one image a row: `image`, `patient` (a number of its own for every image: there
is no patient to group by), `organ`, and `number`, the image's number in the sampler's stream of
noise. `manifest.json` holds the settings, and this card as data. All images that were drawn are
here; none was chosen or left out.

## Use

Give `manifest.csv` as `SYNTHETIC` to an experiment of the project, or as `UNLABELLED`. Images carry
no label. Pretraining on them is what they were made for.

## Privacy and limits

- A generator can copy images that it was trained on. Nothing here says that this one does not: the
  experiment `fig4` measures it.
- Where the training images are private, these are to be treated as private too, and come under the
  same terms.
- They look like ultrasound and carry no diagnosis. Research only; no medical device.
"""


def data_card(
    name: str, settings: Mapping[str, object], card: Mapping[str, object], key: str
) -> str:
    """Return the page for a set called `name`.

    `settings` are those of its manifest, `card` what `sampling` wrote beside the images, `key` its
    run's key.
    """
    generator, sampler = card["generator"], card["sampler"]
    return CARD.format(
        name=name,
        images=card["images"],
        pixels=card["pixels"],
        trained=generator.get("images", "an unknown number of"),
        data=settings["trained_on"],
        patients=card.get("patients", "not stated"),
        fingerprint=generator.get("data_fingerprint", "unknown")[:16],
        steps=generator.get("steps", "?"),
        batch=generator.get("batch_size", "?"),
        loss=generator.get("loss", "loss not stated"),
        sampler_steps=sampler["steps"],
        chain=sampler["chain"],
        seed=sampler["seed"],
        organ=card.get("organ", "not stated"),
        licence=settings["licence"],
        source=card.get("source", "not stated"),
        commit=card.get("commit", "unknown"),
        key=key,
    )
