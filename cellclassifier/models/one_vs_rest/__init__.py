"""One model per label: of this type or not."""
