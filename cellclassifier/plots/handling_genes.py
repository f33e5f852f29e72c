"""Genes that tell how cells were handled and how deeply read, rather than what they are."""

from __future__ import annotations

import re
from collections.abc import Iterable

FLAG = " †"
# Proteins of the ribosome by their symbols (RPL13A, Rps4x, RPLP0, RPSA), not its kinases (RPS6KA1).
RIBOSOMAL = r"RP[LS](A|P\d|\d+(AL|A|X|Y\d|L\d*)?)"
HANDLING = re.compile(rf"({RIBOSOMAL}|MALAT1|MT-.+)", re.IGNORECASE)
NOTE = "† ribosomal, mitochondrial or MALAT1: rather depth and handling than identity"


def flagged(symbol: str) -> str:
    """The symbol, with a sign behind it where the gene is one of depth and handling."""
    return symbol + FLAG if HANDLING.fullmatch(symbol) else symbol


def note_on(symbols: Iterable[str]) -> str:
    """What the sign means, where one of the symbols has it; else nothing."""
    return NOTE if any(map(HANDLING.fullmatch, symbols)) else ""
