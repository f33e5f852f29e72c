"""Every method on the same cells: as they are, and in trials; what they get wrong together."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "measure": ["measured"],
        "parts": ["finished_parts"],
        "peers": ["peer_rows"],
        "plan": ["planned"],
        "present": ["installed_methods"],
        "results": ["Results"],
    },
)
