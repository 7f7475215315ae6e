"""Orders at the desk: filed, checked against what is offered, approved by an officer or a written policy."""
