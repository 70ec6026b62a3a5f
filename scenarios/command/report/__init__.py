"""Commands `sqsim report` and `sqsim plot`: a result directory as a page, and its figures drawn again."""
