"""Programs of the build, run from a checkout as `python -m tools.NAME`; what is installed imports none of them.

The language models that come along (train_sotu, train_smollm2, measure_law_shapes), tables that come along
(bundled_prior, derived_passes) and the pages (gallery, readme_tables, validation_page) are made by them.
"""
