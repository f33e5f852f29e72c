"""The default encoder: a vector per gene, summed with a weight per rank."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from cellclassifier.models.cellama.encoder import Encoder, Lesson
from cellclassifier.models.cellama.sentences import CellSentences
from cellclassifier.models.cellama.vocabulary import GeneWords
from cellclassifier.trust.arrays import read_arrays

ARRAYS = "bag.npz"
LSA_WIDTH = 30


class Bag(Encoder):
    """A sentence's vector is the weighted mean of its words' vectors.

    words_: the vocabulary; word_vectors_: (n_words, width) float32, 0 for the padding;
    rank_weights_: (n_places,) float32 > 0, of the first word of a sentence, the second, and so on.
    """

    def learn(self, lesson: Lesson) -> None:
        """Vectors by truncated SVD of the bags (LSA), or by what the options say."""
        self.words_ = GeneWords.learn(lesson.sentences)
        tokens = self.words_.tokens(lesson.sentences)
        if self.options.fine_tune == "none":
            return self._learn_lsa(tokens)
        from cellclassifier.models.cellama.learning import learn_bag  # torch

        self.word_vectors_, self.rank_weights_, self.history_ = learn_bag(self, tokens, lesson)

    def _learn_lsa(self, tokens: np.ndarray) -> None:
        """Deerwester et al. 1990: singular vectors of the cells x words matrix.

        All ranks weigh the same and no word more for being rare, which validation cells preferred:
        the order of the ranking has told the telling genes already.
        """
        self.rank_weights_ = np.ones(tokens.shape[1], dtype=np.float32)
        bags = normalize(self._bags(tokens))
        n_components = min(LSA_WIDTH, *(n - 1 for n in bags.shape))
        with threadpool_limits(1, user_api="blas"):
            svd = TruncatedSVD(n_components, algorithm="arpack", random_state=self.seed).fit(bags)
        self.word_vectors_ = np.ascontiguousarray(svd.components_.T, dtype=np.float32)

    def vectors(self, sentences: CellSentences) -> np.ndarray:
        """Weighted means, by a product of sparse bags and word vectors."""
        bags = self._bags(self.words_.tokens(sentences))
        return bags @ self.word_vectors_

    def _bags(self, tokens: np.ndarray) -> sp.csr_matrix:
        """Weights of the words of every sentence, which add up to 1, (n_cells, n_words) float32."""
        real = tokens > 0
        weights = np.where(real, self.rank_weights_, 0)
        weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
        ends = np.concatenate([[0], np.cumsum(real.sum(axis=1))])
        shape = len(tokens), len(self.words_)
        return sp.csr_matrix((weights[real].astype(np.float32), tokens[real], ends), shape=shape)

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return self.word_vectors_.shape[1]

    def save(self, folder: Path) -> dict:
        """Write the two arrays."""
        arrays = {"word_vectors": self.word_vectors_, "rank_weights": self.rank_weights_}
        np.savez(folder / ARRAYS, **arrays)
        return {"clause_words": list(self.words_.clause_words)}

    @classmethod
    def load(cls, folder: Path, options, known: dict, n_genes: int) -> Bag:
        """Read them; ValueError where they are not of this vocabulary."""
        bag = cls(options)
        bag.words_ = GeneWords(n_genes, tuple(known["clause_words"]))
        arrays = read_arrays(folder / ARRAYS, ["word_vectors", "rank_weights"])
        bag.word_vectors_, bag.rank_weights_ = arrays["word_vectors"], arrays["rank_weights"]
        if bag.word_vectors_.ndim != 2 or len(bag.word_vectors_) != len(bag.words_):
            raise ValueError(f"{ARRAYS}: word vectors of another vocabulary")
        if any(a.dtype != np.float32 or not np.isfinite(a).all() for a in arrays.values()):
            raise ValueError(f"{ARRAYS}: values that are no numbers")
        n_places = bag.words_.n_places(options.n_top)
        if bag.rank_weights_.shape != (n_places,) or (bag.rank_weights_ <= 0).any():
            raise ValueError(f"{ARRAYS}: no weight above 0 for each of {n_places} places")
        return bag
