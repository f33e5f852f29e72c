"""What ``benchmarks.fuzz`` is made of: kinds of files, ways to damage them, and a child process.

Importing it leaves numerical libraries one thread each: the threads of a pool that was started here
would be missing in a forked child, which would wait for them for ever. It also keeps in mind which
versions of libraries are installed.
"""

import functools
import importlib.metadata
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["CELLCLASSIFIER_MYGENE"] = "http://127.0.0.1:9/v3"  # where nobody listens

# Most of the time that a small model is read in goes into looking up which versions are installed.
importlib.metadata.version = functools.cache(importlib.metadata.version)
