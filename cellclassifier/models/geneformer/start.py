"""What training starts from: refused before anything is done where it does not fit."""

from __future__ import annotations

from pathlib import Path

from cellclassifier.data.digests import sha256
from cellclassifier.errors import InputError
from cellclassifier.models.geneformer import files
from cellclassifier.models.geneformer.options import GeneformerOptions
from cellclassifier.models.geneformer.stored_tokens import AGAIN, StoredTokens
from cellclassifier.models.geneformer.vocabulary import published_vocabulary


def require_start(
    options: GeneformerOptions,
    names,
    tokens: StoredTokens | None = None,
    folder: Path = files.FOLDER,
) -> dict[str, str]:
    """Digests of the weights and the tokens' vocabulary that results depend on.

    names: of the cells' genes; folder: of the dictionaries. Raises InputError where files are
    missing, damaged or of different versions, so that training could not start.
    """
    depends_on = {}
    if options.pretrained:
        files.read_model_config(options.pretrained)  # a wrong folder is named first
        vocabulary = published_vocabulary(names, folder)
        files.check_fit(len(vocabulary), options.pretrained)
        if tokens and tokens.vocabulary.digest != vocabulary.digest:
            raise InputError(
                f"the tokens were made by another vocabulary ({len(tokens.vocabulary.genes):,} "
                f"genes) than that of {folder} ({len(vocabulary.genes):,} genes, or other "
                f"medians): {AGAIN}"
            )
        depends_on["weights"] = sha256(options.pretrained / files.WEIGHTS)
    elif tokens:
        depends_on["vocabulary"] = tokens.vocabulary.digest
    return depends_on
