"""The entropy coder in integers, alike on every machine: `arithmetic` codes symbols, `subsets` sets and compositions.

`fixed_point` has logarithms and powers, `bit_packing` numbers of a fixed width, `compiled` the compiler and its cache.
"""
