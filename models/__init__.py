"""Language models, the law of acceptance, and how long compute takes. No SimPy, no packets."""
