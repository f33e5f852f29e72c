"""Where and how outputs are written: always whole files."""
