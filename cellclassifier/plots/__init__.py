"""Arrays in, matplotlib figures out; nothing is saved or shown here."""
