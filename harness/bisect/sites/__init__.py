"""From a setting or compiler switch to the places in a program that need it.

Go speaks the protocol of golang.org/x/tools/cmd/bisect: a pattern selects places by the last bits
of their hashes, and a program, or a compiler, reports the places that a pattern selects.
"""
