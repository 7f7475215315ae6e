"""What an officer has to know before a table is let go: why cells are blank, what was lost, what would lose less."""
