"""Diagnosis: where the memory sits by which two variants differ.

Each rule looks at paired differences in bytes between candidate and baseline: the account of
resident memory, the kernel's numbers, the runtime's, and bytes by class of mapping. A rule holds
only if its difference is shown to be material, and it gives the numbers. Several rules may hold, or
none. Each byte is booked as the account books it; runs without an account are judged by what they
have.

A function or a class of memory is named only if its own change has the sign of the whole and makes
at least half of it.
"""
