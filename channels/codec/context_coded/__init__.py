"""Context-modelled arithmetic coding: both ends hold a prior of the language and code a draft by what it expects.

`expected_tokens` lists the expected tokens (by `context_model`), `walk` and `sized_walk` code a draft along them with
the probabilities of `network`; `prior_tables` is a prior's file, which `tools.build_prior` makes.
"""
