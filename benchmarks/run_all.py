"""Every benchmark, one after the other (make bench); about an hour on 2 cores."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.common import ROOT

MODULES = (
    "full_size",
    "real_data",
    "real_forests",
    "interviews",
    "boosting",
    "binary_rf",
    "side_by_side",
    "growth",
    "annotation",
    "incomplete",
    "unknown",
    "across",
    "quick_fine_tuning",
    "cellular",
    "comparison",
    "cellama",
    "cellama_niche",
    "cellular_cost",
    "embedding",
    "geneformer_tokens",
    "geneformer",
    "protein_atlas",
)


def main() -> None:
    """Run the modules as commands of their own, so that memory is each one's."""
    failed = []
    for name in MODULES:
        print(f"== benchmarks.{name}", flush=True)
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=ROOT)
        print(f"== {name}: {time.perf_counter() - start:.0f} s", flush=True)
        if done.returncode:
            failed.append(name)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
