"""The kinds of sparsifier. One of yours is a file here and a line below; in a user's file it is none."""

from simulator.schemes.sparsifiers.by_count import KeepAll as KeepAll
from simulator.schemes.sparsifiers.by_count import KeepByEntropy as KeepByEntropy
from simulator.schemes.sparsifiers.by_count import KeepTopK as KeepTopK
from simulator.schemes.sparsifiers.by_probability import KeepAbove as KeepAbove
from simulator.schemes.sparsifiers.by_probability import KeepMinP as KeepMinP
from simulator.schemes.sparsifiers.by_probability import KeepTopP as KeepTopP
from simulator.schemes.sparsifiers.conformal import KeepConformal as KeepConformal
from simulator.schemes.sparsifiers.running_quantile import KeepRunningQuantile as KeepRunningQuantile
