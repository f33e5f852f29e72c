"""What the experiment scripts share: reading cells, splits, features, models, metrics, outputs."""

import os

# OpenMP threads that wait must sleep, not spin: where two pools (scikit-learn's and XGBoost's), or
# another process, want the same cores, spinning costs a factor of 5 to 10. Read by every OpenMP
# library when it loads, hence here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
