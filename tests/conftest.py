"""Tests decode what they check: rounds on disk are kept in the store's own tests alone, in folders of their own."""

import os

os.environ["SQSIM_ROUNDS_GB"] = "0"
