"""The decoding plane: which tokens a request gets, without a clock. Sessions of edge and cloud are pure steps.

The steps form a tree, from which later runs take what was decoded before, in memory and in a store on disk.
"""
