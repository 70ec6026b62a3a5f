"""Uplink schemes, one a file. A class under `Scheme` that fixes a `kind` is registered by being imported."""

from simulator.schemes.c_sqs import CSqs
from simulator.schemes.dense import Dense
from simulator.schemes.draft_scheme import DraftScheme, LatticeScheme, Scheme
from simulator.schemes.half import HalfDense, HalfTopK
from simulator.schemes.hosted import CloudOnly, Colocated, EdgeOnly
from simulator.schemes.k_sqs import KSqs
from simulator.schemes.s_q import SQ

__all__ = [
    "SQ",
    "CSqs",
    "CloudOnly",
    "Colocated",
    "Dense",
    "DraftScheme",
    "EdgeOnly",
    "HalfDense",
    "HalfTopK",
    "KSqs",
    "LatticeScheme",
    "Scheme",
]
