"""Symbols of human genes from mygene.info, asked for once and then kept on disk."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import platformdirs

SERVER = "https://mygene.info/v3"
LARGEST_REQUEST = 1000  # ids that mygene.info takes at once
SECONDS = 15.0  # in all, the start of a process included
CLIENT = Path(__file__).with_name("ask_mygene.py")
CACHE = "gene_symbols.json"

log = logging.getLogger(__name__)


def cached_symbols(folder: Path | None = None) -> dict[str, str | None]:
    """What mygene.info said before: Ensembl id -> symbol, None where it knows of none.

    folder: where gene_symbols.json is kept; by default the user's cache folder.
    """
    try:
        cache = json.loads(_cache_file(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    is_cache = isinstance(cache, dict) and all(isinstance(s, str | None) for s in cache.values())
    return cache if is_cache else {}


def ask_mygene(
    gene_ids: list[str], folder: Path | None = None, server: str | None = None
) -> dict[str, str | None]:
    """Symbols of the first ``LARGEST_REQUEST`` of these Ensembl ids, empty without an answer.

    What is answered is kept in ``folder`` (see ``cached_symbols``), "no symbol known" included, so
    that another run asks for the rest. One line says what came of it.

    server: address of the service; default: the environment's CELLCLASSIFIER_MYGENE, mygene.info.
    """
    server = (server or os.environ.get("CELLCLASSIFIER_MYGENE") or SERVER).rstrip("/")
    asked = gene_ids[:LARGEST_REQUEST]
    try:
        symbols = _symbols_in(json.loads(_answer(server, asked)), asked)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        log.info(f"{server} did not answer ({_reason(error)}): genes keep their Ensembl ids.")
        return {}
    _keep(cached_symbols(folder) | symbols, _cache_file(folder))
    log.info(
        f"{server} named {sum(map(bool, symbols.values())):,} of {len(asked):,} genes that it was "
        f"asked for{'; the next run asks for more' if len(asked) < len(gene_ids) else ''}."
    )
    return symbols


def _answer(server: str, gene_ids: list[str]) -> str:
    """What the client's process prints; subprocess.SubprocessError where it fails or hangs."""
    done = subprocess.run(
        [sys.executable, "-P", CLIENT],  # -P: of modules of one name, the installed one
        input=json.dumps([server, gene_ids]),
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=True,
    )
    return done.stdout


def _reason(error: Exception) -> str:
    """Its last line, or that of the client's process, in which the cause is told."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"nothing within {SECONDS:g} seconds"
    text = getattr(error, "stderr", None) or f"{type(error).__name__}: {error}"
    return text.strip().splitlines()[-1][:120]


def _symbols_in(hits: object, asked: list[str]) -> dict[str, str | None]:
    """The symbol of every gene in the answer, None for those that it has none for.

    Genes that the answer leaves out are left out here, so that they are asked for again.
    """
    if not isinstance(hits, list) or not all(isinstance(hit, dict) for hit in hits):
        raise ValueError("an answer that is no list of genes")
    symbols: dict[str, str | None] = {}
    for hit in hits:  # best first, where a gene has several
        gene_id, symbol = hit.get("query"), hit.get("symbol")
        if not isinstance(gene_id, str) or not isinstance(symbol, str | None):
            raise ValueError("an answer whose symbols are not text")
        symbols[gene_id] = symbols.get(gene_id) or symbol or None
    return {gene_id: symbols[gene_id] for gene_id in asked if gene_id in symbols}


def _cache_file(folder: Path | None) -> Path:
    return Path(folder or platformdirs.user_cache_dir("cellclassifier", appauthor=False)) / CACHE


def _keep(symbols: Mapping[str, str | None], path: Path) -> None:
    """Write in one step, so that a run beside or after this one never reads half a file."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):  # without a cache, the next run asks again
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(symbols, indent=0, sort_keys=True), encoding="utf-8")
        part.replace(path)
