"""The sentences that findings print, a kind of question a file."""
