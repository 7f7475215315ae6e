"""The release desk: protected tables become deliveries, once an officer has said so."""
