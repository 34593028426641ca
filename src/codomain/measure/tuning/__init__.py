"""Which pipeline is best on the user's own data: trials that share their work, compared by paired intervals."""
