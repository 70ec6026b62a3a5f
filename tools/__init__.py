"""Programs of the build, run from a checkout as `python -m tools.NAME`; nothing that is installed imports them.

They make the bundled language models (train_sotu, train_smollm2), bundled tables
(build_prior from drafter_distributions, derived_passes) and pages (gallery, readme_tables, validation_page).
"""
