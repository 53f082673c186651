"""What tests of processes and of the engine need: processes drawn in Python, and a world that answers commands."""
