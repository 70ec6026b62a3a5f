"""The timing plane: when things happen. SimPy processes of devices, links, the cloud and users move a run forward.

Tokens come from `simulator.decoding`; durations come from latency models, rates, losses and delays.
"""
