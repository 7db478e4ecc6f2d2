"""The errors that a person can cause and put right."""


class UserError(RuntimeError):
    """One line that says what is wrong and what to do; the command line prints it and exits with 1."""
