"""What happens to the register store when the process is killed, the power fails, the disk is full or its bytes rot."""
