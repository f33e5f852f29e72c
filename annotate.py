"""Annotate new cells: the command ``cellclassifier annotate``, from a clone of the repository.

    python annotate.py --model model_output/models/soft_vote --cells new.h5ad
    python annotate.py --model model_output/models/geneformer --cells a.h5ad b.npy --umap
    python annotate.py --model model_output/models/gbdt --cells big.h5ad --write-h5ad

The story is told in cellclassifier/annotation/command.py: open a file, find the model's genes in
it, predict chunk by chunk, write. From a notebook: ``cellclassifier.annotate(adata, model)``.
"""

from cellclassifier import cli
from cellclassifier.annotation import command
from cellclassifier.annotation.command import Config, main

if __name__ == "__main__":
    cli.run(main, Config, f"{__doc__}\n{command.__doc__}", command.WHEN_STOPPED)
