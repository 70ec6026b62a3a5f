"""Uplink schemes, presets of a few lines each, and the families that they are made of.

A class with a `kind` is registered by being imported: a preset, or a kind of a family, in a file of its own is one line
here; in a user's file it is none.
"""

from kinds.tunable import Tunable as Tunable
from simulator.cell.scheme import Scheme as Scheme
from simulator.schemes.acceptance import Acceptance as Acceptance
from simulator.schemes.branching import BranchingScheme as BranchingScheme
from simulator.schemes.c_sqs import CSqs as CSqs
from simulator.schemes.code import Code as Code
from simulator.schemes.composed import Composed as Composed
from simulator.schemes.draft_scheme import DraftScheme as DraftScheme
from simulator.schemes.draw import Draw as Draw
from simulator.schemes.families import Families as Families
from simulator.schemes.foreseeing import Foreseeing as Foreseeing
from simulator.schemes.hosted import CloudOnly as CloudOnly
from simulator.schemes.hosted import Colocated as Colocated
from simulator.schemes.hosted import EdgeOnly as EdgeOnly
from simulator.schemes.ids_only_greedy import IdsOnlyGreedy as IdsOnlyGreedy
from simulator.schemes.k_sqs import KSqs as KSqs
from simulator.schemes.lattice_scheme import LatticeScheme as LatticeScheme
from simulator.schemes.mirrored import Mirrored as Mirrored
from simulator.schemes.oracle import Oracle as Oracle
from simulator.schemes.policies import ConfidenceStop as ConfidenceStop
from simulator.schemes.policies import DisableByBatchSize as DisableByBatchSize
from simulator.schemes.policies import DualThreshold as DualThreshold
from simulator.schemes.policies import Goodput as Goodput
from simulator.schemes.policies import QsHeuristic as QsHeuristic
from simulator.schemes.policies import RunningAcceptance as RunningAcceptance
from simulator.schemes.policies import UcbSpecStop as UcbSpecStop
from simulator.schemes.policy import Policy as Policy
from simulator.schemes.quantizer import LatticeCounts as LatticeCounts
from simulator.schemes.quantizer import Quantizer as Quantizer
from simulator.schemes.reply import Reply as Reply
from simulator.schemes.rivals.asym import Asym as Asym
from simulator.schemes.rivals.coupled import Coupled as Coupled
from simulator.schemes.rivals.coupled_tree import CoupledTree as CoupledTree
from simulator.schemes.rivals.dense import Dense as Dense
from simulator.schemes.rivals.dssd import Dssd as Dssd
from simulator.schemes.rivals.dssd_candidates import DssdCandidates as DssdCandidates
from simulator.schemes.rivals.half_precision import HalfDense as HalfDense
from simulator.schemes.rivals.half_precision import TruncatedFp16 as TruncatedFp16
from simulator.schemes.rivals.pipesd import PipeSd as PipeSd
from simulator.schemes.rivals.remote_drafter import RemoteDrafter as RemoteDrafter
from simulator.schemes.rivals.s_q import SQ as SQ
from simulator.schemes.rivals.skip_when_confident import SkipWhenConfident as SkipWhenConfident
from simulator.schemes.rivals.tree import LikelyTree as LikelyTree
from simulator.schemes.rivals.tree import MultiCandidate as MultiCandidate
from simulator.schemes.rivals.tree import TreeDrafts as TreeDrafts
from simulator.schemes.rivals.tree import TreeScheme as TreeScheme
from simulator.schemes.rungs import Rungs as Rungs
from simulator.schemes.scalars import Scalars as Scalars
from simulator.schemes.sparsifier import Sparsifier as Sparsifier
from simulator.schemes.token_ids import TokenIds as TokenIds
