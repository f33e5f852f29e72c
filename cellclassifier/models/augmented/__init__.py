"""Networks that learn from cells as another laboratory might have measured them."""
