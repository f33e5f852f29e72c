"""How well can a machine name each cell's type from single-cell RNA counts, with what, and why?

    import cellclassifier as cc

    cc.annotate(adata, "model_output/models/soft_vote")     # writes adata.obs, obsm and uns

What is imported, and how fast, is what is asked for: ``import cellclassifier`` alone takes no more
than Python's own modules.
"""

import os

from cellclassifier.lazy import expose

# OpenMP threads that wait must sleep, not spin: where two pools (scikit-learn's and XGBoost's), or
# another process, want the same cores, spinning costs a factor of 5 to 10. Read by every OpenMP
# library when it loads, hence here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "annotation.adata": ["annotate"],
        "annotation.model": ["load_model"],
        "data.read": ["read_cells"],
    },
)
__all__ += ["__version__"]
