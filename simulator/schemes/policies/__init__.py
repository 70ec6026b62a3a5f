"""Policies that look, a file each. A policy of yours is a file here and a line below; in a user's file it is none."""

from simulator.schemes.policies.drafts_by_load import DraftsByLoad as DraftsByLoad
from simulator.schemes.policies.entropy_exit import EntropyExit as EntropyExit
from simulator.schemes.policies.goodput import Goodput as Goodput
from simulator.schemes.policies.qs_heuristic import QsHeuristic as QsHeuristic
from simulator.schemes.policies.running_acceptance import RunningAcceptance as RunningAcceptance
from simulator.schemes.policies.ucb_specstop import UcbSpecStop as UcbSpecStop
