"""Distributions and token ids as bytes: `wire` is the interface, `packet` the format, `sparsify` and `quantizers` cut.

`coder/` has the integer entropy coder, `context_coded/` the code that a context model makes shorter, `priors/` tables.
No file here knows what a token means, or when bytes are sent.
"""
