"""What the project's makers run; not part of the program."""
