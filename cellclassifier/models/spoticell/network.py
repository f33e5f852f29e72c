"""Networks that look at the picture of a cell, and one that does not.

All are given values and trust of every gene, (B, n_genes), and the evidence of counts for every
type, (B, n_types + 1), as ``values`` and ``evidence`` have them.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import pad

PATCH = 8  # pixels along each side of what the transformer takes for a word
WIDTHS = (24, 48, 64)  # channels of the convolutions, each of which halves the picture
TOKEN_WIDTH, KEPT_OF_TOKEN = 64, 16
HIDDEN = 128
WEIGHING = 64  # units that weigh the evidence of counts by how many they are


class Picture(nn.Module):
    """Standardised values of genes at their places, beside how far each is to be trusted.

    places: (n_genes,) pixels, row by row; side: pixels along each side.
    """

    def __init__(self, places: torch.Tensor, side: int):
        super().__init__()
        self.side = side
        self.register_buffer("places", places, persistent=False)

    def forward(self, values: torch.Tensor, trust: torch.Tensor) -> torch.Tensor:
        """values, trust: (B, G); returns (B, 2, side, side), 0 where no gene is."""
        both = torch.stack([values, trust], dim=1)  # (B, 2, G)
        pixels = both.new_zeros(len(values), 2, self.side**2)
        pixels[:, :, self.places] = both
        return pixels.view(-1, 2, self.side, self.side)


class Convolutions(nn.Sequential):
    """Three convolutions that halve the picture, flattened: what is where is kept."""

    def __init__(self, side: int, dropout: float):
        layers, before = [], 2
        for width in WIDTHS:
            layers += [nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(width), nn.ReLU()]
            before, side = width, -(-side // 2)
        flat = before * side**2
        super().__init__(*layers, nn.Flatten(), nn.Dropout(dropout), nn.Linear(flat, HIDDEN))


class Patches(nn.Module):
    """One layer of a transformer over all patches of the picture, flattened, too."""

    def __init__(self, side: int, dropout: float):
        super().__init__()
        n_patches = (-(-side // PATCH)) ** 2
        self.embed = nn.Conv2d(2, TOKEN_WIDTH, PATCH, stride=PATCH)
        self.position = nn.Parameter(0.02 * torch.randn(n_patches, TOKEN_WIDTH))
        self.layer = nn.TransformerEncoderLayer(
            TOKEN_WIDTH, 4, 2 * TOKEN_WIDTH, dropout=0.1, batch_first=True, norm_first=True
        )
        self.keep = nn.Linear(TOKEN_WIDTH, KEPT_OF_TOKEN)
        flat = n_patches * KEPT_OF_TOKEN
        self.out = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(flat, HIDDEN))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """picture: (B, 2, side, side); returns (B, HIDDEN)."""
        more = -picture.shape[-1] % PATCH
        tokens = self.embed(pad(picture, (0, more, 0, more))).flatten(2).transpose(1, 2)
        return self.out(self.keep(self.layer(tokens + self.position)))  # from (B, patches, width)


class Fingerprint(nn.Module):
    """Convolutions and patches of the picture, fused, beside a straight way from every pixel."""

    def __init__(self, places: torch.Tensor, side: int, n_out: int, n_types: int, dropout: float):
        super().__init__()
        self.n_out = n_out
        self.picture = Picture(places, side)
        self.convolutions = Convolutions(side, dropout)
        self.patches = Patches(side, dropout)
        self.fuse = nn.Sequential(nn.ReLU(), nn.Dropout(dropout), nn.Linear(2 * HIDDEN, n_out))
        self.straight = nn.Linear(side**2, n_out)
        nn.init.zeros_(self.straight.weight)
        self.counted = counted(n_types, n_out)

    def forward(self, values, trust, evidence) -> torch.Tensor:
        """Scores, (B, n_out)."""
        picture = self.picture(values, trust)
        looked = torch.cat([self.convolutions(picture), self.patches(picture)], dim=1)
        straight = self.straight(picture[:, 0].flatten(1))
        return self.fuse(looked) + straight + self.counted(evidence)


class Residual(nn.Module):
    """Two 3 x 3 convolutions with a shortcut."""

    def __init__(self, before: int, width: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.shortcut = nn.Conv2d(before, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (B, before, H, W); returns (B, width, H, W)."""
        return torch.relu(self.body(x) + self.shortcut(x))


class Documented(nn.Module):
    """Spoticell as its document says: blocks of 16, 32, 64 and 128, pooled to 128 numbers.

    The transformer's words are the pooled picture's pixels, so that it sees all of it.
    """

    def __init__(self, places: torch.Tensor, side: int, n_out: int, n_types: int, dropout: float):
        super().__init__()
        self.n_out = n_out
        self.picture = Picture(places, side)
        widths = (2, 16, 32, 64)
        pooled = [
            nn.Sequential(Residual(before, width), nn.MaxPool2d(2, ceil_mode=True))
            for before, width in pairwise(widths)
        ]
        self.blocks = nn.Sequential(*pooled, Residual(64, 128))
        self.embed = nn.Conv2d(2, 128, 8, stride=8)
        n_words = (-(-side // 8)) ** 2
        self.position = nn.Parameter(0.02 * torch.randn(n_words, 128))
        self.layer = nn.TransformerEncoderLayer(128, 4, 256, dropout=0.1, batch_first=True)
        self.fuse = nn.Sequential(
            nn.Linear(256, 128), nn.ReLU(), nn.Dropout(dropout), nn.Linear(128, 64), nn.ReLU()
        )
        self.head = nn.Linear(64, n_out)

    def forward(self, values, trust, evidence) -> torch.Tensor:
        """Scores, (B, n_out)."""
        picture = self.picture(values, trust)
        more = -picture.shape[-1] % 8
        words = self.embed(pad(picture, (0, more, 0, more))).flatten(2).transpose(1, 2)
        seen_by_both = [
            self.blocks(picture).mean((2, 3)),
            self.layer(words + self.position).mean(1),
        ]
        return self.head(self.fuse(torch.cat(seen_by_both, dim=1)))


class Mlp(nn.Module):
    """The same genes without a picture: one hidden layer."""

    def __init__(self, places: torch.Tensor, side: int, n_out: int, n_types: int, dropout: float):
        super().__init__()
        self.n_out = n_out
        self.body = nn.Sequential(
            nn.Linear(2 * len(places), HIDDEN),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(HIDDEN, n_out),
        )
        self.counted = counted(n_types, n_out)

    def forward(self, values, trust, evidence) -> torch.Tensor:
        """Scores, (B, n_out)."""
        return self.body(torch.cat([values, trust], dim=1)) + self.counted(evidence)


def counted(n_types: int, n_out: int) -> nn.Sequential:
    """From evidence of counts, and how many they are, to scores."""
    return nn.Sequential(nn.Linear(n_types + 1, WEIGHING), nn.ReLU(), nn.Linear(WEIGHING, n_out))


KINDS = {"fingerprint": Fingerprint, "documented": Documented, "mlp": Mlp}
