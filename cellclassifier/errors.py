"""The one error that means "the input is at fault, not the program"."""

BEGINNING, END = 600, 300  # characters that are kept of a sentence that is longer than both


class InputError(ValueError):
    """Bad input, told in one sentence: what was found, what was expected, what to do.

    Scripts print it to standard error and exit with code 2, without a traceback. Sentences repeat
    names and labels of strangers' files, so that every one is made a line of bounded length that
    no terminal takes for commands.
    """

    def __init__(self, sentence: str) -> None:
        if len(sentence) > BEGINNING + END:
            sentence = f"{sentence[:BEGINNING]} ... {sentence[-END:]}"
        super().__init__(escaped(sentence))


def escaped(text: str) -> str:
    """The text with escapes for line ends, control characters and halves of characters."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
