"""`python -m scenarios.command` is `sqsim`."""

import sys

from scenarios.command.cli import main

sys.exit(main())
