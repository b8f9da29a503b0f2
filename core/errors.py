"""The one exception family a user ever reads: a sentence that says what was wrong, where, and what to do."""


class CoreError(Exception):
    """A problem the user can act on. Its text is shown as it is: whole sentences, no trace."""


class BankBusy(CoreError):
    """Another process is writing the bank file."""


class BankDamaged(CoreError):
    """The bank's file is not whole any more; ``repair`` copies what can be read of it."""


class EndpointRefuses(CoreError):
    """A language model's endpoint refuses every request: wrong key, model or address."""


class EngineMissing(CoreError):
    """An engine's files are not on this machine, or its name is unknown."""


class EngineMismatch(CoreError):
    """Codes of one engine were about to meet codes of another."""
