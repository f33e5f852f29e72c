"""The one error that means "the input is at fault, not the program"."""


class InputError(ValueError):
    """Bad input, told in one sentence: what was found, what was expected, what to do.

    Scripts print it to standard error and exit with code 2, without a traceback.
    """
