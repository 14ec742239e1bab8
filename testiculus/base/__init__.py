"""Ground floor: errors people can act on, safe files, progress, devices, the store of runs."""
