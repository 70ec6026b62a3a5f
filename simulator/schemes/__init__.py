"""Uplink schemes, presets of a few lines each, and the families that they are made of.

A class with a `kind` is registered by being imported: a preset or a kind of a family in a file of its own is one line
here, in a user's file it is none.
"""

from simulator.cell.scheme import Scheme
from simulator.schemes.acceptance import Acceptance
from simulator.schemes.c_sqs import CSqs
from simulator.schemes.code import Code
from simulator.schemes.composed import Composed
from simulator.schemes.coupled import Coupled
from simulator.schemes.dense import Dense
from simulator.schemes.draft_scheme import DraftScheme, Families, LatticeScheme
from simulator.schemes.draw import Draw
from simulator.schemes.half import HalfDense, HalfTopK
from simulator.schemes.hosted import CloudOnly, Colocated, EdgeOnly
from simulator.schemes.k_sqs import KSqs
from simulator.schemes.policy import Policy
from simulator.schemes.quantizer import Quantizer
from simulator.schemes.s_q import SQ
from simulator.schemes.sparsifier import Sparsifier

__all__ = [
    "SQ",
    "Acceptance",
    "CSqs",
    "CloudOnly",
    "Code",
    "Colocated",
    "Composed",
    "Coupled",
    "Dense",
    "DraftScheme",
    "Draw",
    "EdgeOnly",
    "Families",
    "HalfDense",
    "HalfTopK",
    "KSqs",
    "LatticeScheme",
    "Policy",
    "Quantizer",
    "Scheme",
    "Sparsifier",
]
