"""Takes sealed populations in, opens them in a process of their own, and keeps only hashed ids."""
