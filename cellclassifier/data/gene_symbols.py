"""The symbols that people know genes by: Geneformer's dictionary, a cache, and mygene.info.

Ids identify genes; symbols are labels for people, shown in tables and plots. So no result depends
on a symbol, duplicate symbols are left as they are, and a gene without one keeps its id.
"""

import json
import logging
import os
import socket
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import platformdirs

from cellclassifier.data.gene_names import ENSEMBL, ENSEMBL_ID, kind_of_ids, strip_version
from cellclassifier.data.safe_pickle.load import load_pickle
from cellclassifier.errors import InputError

if TYPE_CHECKING:
    import anndata

SERVER = "https://mygene.info/v3"
BATCH = 1000  # the most ids that mygene.info takes at once
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 20.0

log = logging.getLogger(__name__)


def symbols_of(
    gene_ids: Sequence[str] | np.ndarray,
    dictionary_folder: str | Path = Path("geneformer_files"),
    cache_folder: str | Path | None = None,
    server: str | None = None,
) -> np.ndarray:
    """Return the symbol of every gene, or its id where none is known.

    Unless most ids are Ensembl ids they are returned as they are. Symbols come from Geneformer's
    dictionary in `dictionary_folder` if it is there, then from the cache, then from mygene.info;
    what it answers is cached, "no symbol known" included, so that a second run asks nothing. When
    it does not answer, it is tried no second time, and one line says so.

    Parameters
    ----------
    gene_ids
        Ids, shape (n_genes,).
    dictionary_folder
        Where to look for gene_name_id_dict*.pkl (symbol -> Ensembl id).
    cache_folder
        Where gene_symbols.json is kept; by default the user's cache folder.
    server
        Address of mygene; by default the environment's CELLCLASSIFIER_MYGENE or mygene.info.

    Returns
    -------
    Symbols, shape (n_genes,), in the order of `gene_ids`. Two genes may share one.

    Raises
    ------
    InputError
        If the dictionary is damaged or is not one.
    """
    gene_ids = np.array([str(gene_id) for gene_id in gene_ids], dtype=str)
    if kind_of_ids(gene_ids) != ENSEMBL:
        return gene_ids
    bare_ids = strip_version(gene_ids)
    known: dict[str, str | None] = _from_dictionary(Path(dictionary_folder))
    missing = [
        g for g in dict.fromkeys(bare_ids.tolist()) if g not in known and ENSEMBL_ID.fullmatch(g)
    ]
    if missing:
        folder = cache_folder or platformdirs.user_cache_dir("cellclassifier", appauthor=False)
        cache_file = Path(folder) / "gene_symbols.json"
        server = server or os.environ.get("CELLCLASSIFIER_MYGENE") or SERVER
        known |= _from_cache_or_mygene(missing, cache_file, server)
    return np.array(
        [known.get(bare) or full for bare, full in zip(bare_ids, gene_ids, strict=True)], dtype=str
    )


def drop_unmapped(cells: "anndata.AnnData") -> "anndata.AnnData":
    """Return the cells without the genes that have no symbol: `var["gene_symbol"]` is the id.

    Cells whose genes are not named by Ensembl ids are returned as they are.

    Raises
    ------
    InputError
        If no gene would remain.
    """
    if kind_of_ids(cells.var_names) != ENSEMBL:
        return cells
    names = zip(cells.var_names, cells.var["gene_symbol"], strict=True)
    keep = np.array(
        [symbol != gene_id or not ENSEMBL_ID.match(gene_id) for gene_id, symbol in names]
    )
    if not keep.any():
        raise InputError(
            f"None of the {len(keep):,} genes has a known symbol, so --drop-unmapped-genes would "
            "remove them all. Without network no symbols can be looked up: leave the option out, "
            "or put gene_name_id_dict_gc30M.pkl into geneformer_files/."
        )
    return cells if keep.all() else cells[:, keep].copy()


def _from_dictionary(folder: Path) -> dict[str, str | None]:
    """Return Ensembl id -> symbol from Geneformer's dictionary, empty without one."""
    paths = sorted(folder.glob("gene_name_id_dict*.pkl"))
    if not paths:
        return {}
    ids = load_pickle(paths[0])
    if not _is_dictionary(ids, str):
        raise InputError(f"{paths[0]} is not a dictionary of gene symbol -> Ensembl id.")
    # The first of several symbols of a gene wins, so go backwards.
    return {strip_version(ids[symbol]): symbol for symbol in reversed(ids)}


def _from_cache_or_mygene(
    missing: list[str], cache_file: Path, server: str
) -> dict[str, str | None]:
    known = _read_cache(cache_file)
    missing = [gene_id for gene_id in missing if gene_id not in known]
    if not missing:
        return known
    answers: dict[str, str | None] = {}
    host = urlsplit(server).hostname or server
    try:
        client = _client(server)
        for start in range(0, len(missing), BATCH):
            answers |= _ask(client, missing[start : start + BATCH])
    except Exception as error:  # no network, no mygene, a broken answer: symbols are only labels
        log.info(
            f"{len(missing) - len(answers):,} genes keep their Ensembl ids as names, since {host} "
            f"did not answer ({_reason(error)}). Names are labels: only --drop-unmapped-genes "
            "makes results depend on them."
        )
    else:
        named = sum(symbol is not None for symbol in answers.values())
        log.info(f"{host} named {named:,} of {len(missing):,} genes.")
    finally:  # also on Ctrl-C: finished batches need not be asked for again
        if answers:
            _write_cache(cache_file, known | answers)
    return known | answers


def _client(server: str) -> Any:
    """Return a mygene client with timeouts, after one short try to reach the server."""
    _connect(server)
    import httpx  # with mygene, half a second that only those who ask should spend
    import mygene

    client = mygene.MyGeneInfo()
    client.url = server.rstrip("/")
    client.delay = 0  # it would sleep a second after every batch, the last one too
    # mygene's own HTTP client has no timeout; it is made only while this flag is unset.
    client.http_client = httpx.Client(
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    )
    client.http_client_setup = True
    return client


def _connect(server: str) -> None:
    """Raise at once, or in a second more than `CONNECT_SECONDS`, if nobody is there.

    In a thread, since looking up a name has no timeout, and every address of a name has its own.
    """
    url = urlsplit(server)
    proxy = urllib.request.getproxies().get(url.scheme)
    if proxy and not urllib.request.proxy_bypass(url.hostname or ""):
        url = urlsplit(proxy)
    address = url.hostname, url.port or (443 if url.scheme == "https" else 80)
    failure: list[Exception] = [TimeoutError("no connection")]

    def connect() -> None:
        try:
            socket.create_connection(address, timeout=CONNECT_SECONDS).close()
            failure.clear()
        except Exception as error:  # raised below, in the thread that asked
            failure[0] = error

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS + 1)
    if failure:
        raise failure[0]


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:120].rstrip(": ")


def _ask(client: Any, gene_ids: list[str]) -> dict[str, str | None]:
    """Return the symbols mygene gives one batch, None for genes it says it has none for.

    Genes that the answer leaves out are left out here, so that they are asked for again.
    """
    hits = client.querymany(
        gene_ids, scopes="ensembl.gene", fields="symbol", species="human", verbose=False
    )
    symbols: dict[str, str | None] = {}
    for hit in hits:  # best first, where a gene has several
        symbol = hit.get("symbol")
        if not isinstance(symbol, str | None):
            raise ValueError("an answer whose symbols are not text")
        symbols[hit["query"]] = symbols.get(hit["query"]) or symbol or None
    return {gene_id: symbols[gene_id] for gene_id in gene_ids if gene_id in symbols}


def _is_dictionary(content: Any, *value_types: type) -> bool:
    return isinstance(content, dict) and all(
        isinstance(key, str) and isinstance(value, value_types) for key, value in content.items()
    )


def _read_cache(path: Path) -> dict[str, str | None]:
    try:
        cache = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return cache if _is_dictionary(cache, str, type(None)) else {}


def _write_cache(path: Path, cache: Mapping[str, str | None]) -> None:
    """Write in one step, so that a run beside or after this one never reads half a file."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):  # without a cache, the next run asks again
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(cache, indent=0, sort_keys=True), encoding="utf-8")
        part.replace(path)
