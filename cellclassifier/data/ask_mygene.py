"""A process of its own that asks mygene.info once: ``mygene`` knows no time limit, a process does.

Reads [server, ids] from standard input and writes the list of hits to standard output, as JSON.
"""

from __future__ import annotations

import json
import sys

import mygene

if __name__ == "__main__":
    server, gene_ids = json.load(sys.stdin)
    client = mygene.MyGeneInfo()
    client.url = server
    client.delay = 0  # seconds after a batch, the only one too
    hits = client.querymany(
        gene_ids, scopes="ensembl.gene", fields="symbol", species="human", verbose=False
    )
    json.dump(hits, sys.stdout)
