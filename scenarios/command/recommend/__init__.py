"""The command `sqsim recommend`: the schemes that are tried, their search, and the text of the answer."""
