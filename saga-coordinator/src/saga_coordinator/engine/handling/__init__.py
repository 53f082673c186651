"""What each kind of input does, by who it comes from; each module has a table `HANDLE` of input type -> function.

A function returns False where a message wants another receiver.
"""
