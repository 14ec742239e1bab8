"""Copies of images, changed a little, to test a search for duplicates with: `planted_copies`."""

import torch

from testiculus.data.resize import resize_square

PLANTED = ("mirrored", "displaced", "cut out", "brighter", "noisy")
EDGE = 0.12  # of the side: the most that a planted copy loses at each edge, or is displaced


def planted_copies(pixels: torch.Tensor, kind: str, rng: torch.Generator) -> torch.Tensor:
    """Return copies of images, uint8 n x 1 x h x w, changed as `kind` of `PLANTED` says.

    mirrored: left and right. displaced: by up to 12 % of the side each way, the edge repeated. cut
    out: up to 12 % of each edge is gone, the rest stretched to the old size. brighter: times 1.25,
    saturating. noisy: normal noise of 5 % of the full scale.
    """
    size = pixels.shape[-1]
    reach = max(1, round(EDGE * size))
    if kind == "mirrored":
        return pixels.flip(-1)
    if kind == "brighter":
        return (pixels.float() * 1.25).clamp(0, 255).to(torch.uint8)
    if kind == "noisy":
        noise = 0.05 * 255 * torch.randn(pixels.shape, generator=rng)
        return (pixels + noise).round().clamp(0, 255).to(torch.uint8)
    edges = torch.randint(0, reach + 1, (len(pixels), 4), generator=rng).tolist()
    if kind == "displaced":
        wide = torch.nn.functional.pad(pixels.float(), [reach] * 4, mode="replicate")
        cuts = [(reach + a - b, reach + c - d) for a, b, c, d in edges]
        parts = [w[:, t : t + size, s : s + size] for w, (t, s) in zip(wide, cuts, strict=True)]
        return torch.stack(parts).to(torch.uint8)
    parts = [
        p[None, :, t : size - b, s : size - r]
        for p, (t, b, s, r) in zip(pixels, edges, strict=True)
    ]
    return torch.cat([resize_square(part.contiguous(), size) for part in parts])
