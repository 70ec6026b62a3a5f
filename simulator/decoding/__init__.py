"""The decoding plane: which tokens a request gets, without a clock. Sessions are pure steps, which form a tree."""
