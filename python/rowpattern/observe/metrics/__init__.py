"""The cache's figures for monitoring systems: one module each, which needs the package of the extra named alike."""
