"""A bank of memories: the facade over its rooms, each of which works on one BankState."""
