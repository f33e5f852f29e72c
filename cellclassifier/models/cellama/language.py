"""all-MiniLM-L6-v2, or another BERT from a folder, reading sentences of genes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import BertModel, PreTrainedTokenizerFast

from cellclassifier.errors import InputError
from cellclassifier.models.cellama.bert import TokenBert, with_words
from cellclassifier.models.cellama.encoder import Lesson
from cellclassifier.models.cellama.minilm_files import find_minilm
from cellclassifier.models.cellama.reading import TokenRows
from cellclassifier.models.cellama.sentences import CellSentences, require_symbols
from cellclassifier.models.cellama.token_encoder import TokenEncoder
from cellclassifier.models.cellama.vocabulary import GeneWords
from cellclassifier.models.geneformer import weights

MINILM = "minilm"
MOST_PIECES = 256  # of a sentence, as all-MiniLM-L6-v2 was trained
TOKENIZER = "tokenizer.json"
NEEDED = ("model.safetensors", "config.json", TOKENIZER)
UNUSED = ("pooler.", "embeddings.position_ids")
LONGEST_LOOKED_AT = 50  # sentences, to find out how many genes fit


class LanguageModel(TokenEncoder):
    """A BERT that was trained on language; zero-shot, or its upper layers fine-tuned.

    words "genes": a gene is one token, whose vector is the mean of its word pieces'; "pieces": the
    sentence is read as text, and a sentence that is too long is refused.
    """

    contrasts = True

    @torch.random.fork_rng([])  # the caller's random numbers stay as they are
    def learn(self, lesson: Lesson) -> None:
        """Read the weights; then learn what the options say, if anything."""
        require_symbols(lesson.sentences.symbols)
        folder = folder_of(self.options.encoder)
        self.tokenizer_ = read_tokenizer(folder / TOKENIZER)
        bert, _ = weights.load(BertModel, folder, new=UNUSED, unused=UNUSED)
        self.words_ = GeneWords.learn(lesson.sentences)
        if self.options.words == "genes":
            bert = with_words(bert, self._word_vectors(bert, lesson.sentences.symbols))
        self.most_pieces_ = min(MOST_PIECES, bert.config.max_position_embeddings)
        torch.manual_seed(self.seed)
        self.network_ = TokenBert(bert, self.options.frozen_layers).eval()
        if self.options.fine_tune != "none":
            self.learn_by(lesson)

    def _word_vectors(self, bert: BertModel, symbols: np.ndarray) -> np.ndarray:
        """Of padding, genes, clause words, and the first and last token, (n_words + 2, width)."""
        table = bert.embeddings.word_embeddings.weight.detach().numpy()
        texts = [*symbols.tolist(), *(word.replace("=", " ") for word in self.words_.clause_words)]
        first, *_, last = self.tokenizer_.encode("a").ids
        pieces = [[0], *self._pieces(texts), [first], [last]]
        return np.array([table[ids].mean(axis=0) for ids in pieces])

    def _pieces(self, texts: list[str]) -> list[list[int]]:
        """Word pieces of each text alone; the unknown one for a text of none."""
        found = self.tokenizer_.encode_batch(texts, add_special_tokens=False)
        unknown = self.tokenizer_.token_to_id("[UNK]") or 0
        return [one.ids or [unknown] for one in found]

    def rows(self, sentences: CellSentences) -> TokenRows:
        """Genes as tokens, or word pieces of the texts, between the first and the last token."""
        if self.options.words == "genes":
            return super().rows(sentences)
        ids = self._ids(sentences)
        longest = max(map(len, ids), default=0)
        if longest > self.most_pieces_:
            raise InputError(self._too_long(sentences, ids, longest))
        tokens = np.zeros((len(ids), longest), dtype=np.int32)
        for row, own in zip(tokens, ids, strict=True):
            row[: len(own)] = own
        return TokenRows(tokens, first_special=0)

    def _ids(self, sentences: CellSentences) -> list[list[int]]:
        texts = sentences.texts(self.options.style)
        return [one.ids for one in self.tokenizer_.encode_batch(texts)]

    def _too_long(self, sentences: CellSentences, ids: list[list[int]], longest: int) -> str:
        """Says how many genes fit into the longest sentences."""
        order = np.argsort([-len(own) for own in ids], kind="stable")[:LONGEST_LOOKED_AT]
        some, fits = sentences[order], self.options.n_top
        while fits and max(map(len, self._ids(some.cut(fits)))) > self.most_pieces_:
            fits -= 1
        return (
            f"a sentence of {self.options.n_top} genes has up to {longest} word pieces, and "
            f"{self.options.encoder} reads {self.most_pieces_}: {fits} genes fit (--n-top {fits}), "
            "or let it read one token per gene (--words genes)"
        )

    def save(self, folder: Path) -> dict:
        """The weights and, where texts are read, the tokenizer."""
        known = super().save(folder) | {"most_pieces": self.most_pieces_}
        if self.options.words == "pieces":
            self.tokenizer_.save(str(folder / TOKENIZER))
        return known

    @classmethod
    def load(cls, folder: Path, options, known: dict, n_genes: int) -> LanguageModel:
        """Read what ``save`` wrote."""
        encoder = super().load(folder, options, known, n_genes)
        encoder.most_pieces_ = int(known["most_pieces"])
        if options.words == "pieces":
            encoder.tokenizer_ = read_tokenizer(folder / TOKENIZER)
        return encoder


def folder_of(encoder: str) -> Path:
    """The folder of a model of language; InputError where it holds none."""
    if encoder == MINILM:
        return find_minilm()
    folder = Path(encoder)
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"--encoder {encoder}: expected bag, gene-bert, minilm, or a folder with "
            f"{', '.join(NEEDED)}; {missing[0]} is not there"
        )
    return folder


def read_tokenizer(path: Path):
    """A tokenizer that neither cuts nor fills up; InputError for a file that is none."""
    try:
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(path)).backend_tokenizer
    except Exception as error:  # the library raises no kind of its own
        raise InputError(f"{path} is no tokenizer ({str(error)[:100]})") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
