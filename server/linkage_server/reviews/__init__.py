"""What officers do with tables that wait for release, before they let them go."""
