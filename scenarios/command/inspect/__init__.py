"""Commands that look at one thing: a request, a payload, a scheme, a pair on this machine, remembered rounds, the
lists."""
