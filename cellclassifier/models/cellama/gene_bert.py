"""A small BERT whose words are genes: what word order is worth, without any language."""

from __future__ import annotations

import torch

from cellclassifier.models.cellama.bert import TokenBert, new_bert
from cellclassifier.models.cellama.encoder import Lesson
from cellclassifier.models.cellama.token_encoder import TokenEncoder
from cellclassifier.models.cellama.vocabulary import GeneWords


class GeneBert(TokenEncoder):
    """Two layers over a vocabulary of genes, from random weights."""

    @torch.random.fork_rng([])  # the caller's random numbers stay as they are
    def learn(self, lesson: Lesson) -> None:
        """Learn what the options say; all layers."""
        self.words_ = GeneWords.learn(lesson.sentences)
        torch.manual_seed(self.seed)
        n_places = self.words_.n_places(self.options.n_top) + 2
        self.network_ = TokenBert(new_bert(len(self.words_) + 2, n_places, self.options.width))
        self.learn_by(lesson)
