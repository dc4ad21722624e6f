"""The command line, through real processes and through click's runner."""
