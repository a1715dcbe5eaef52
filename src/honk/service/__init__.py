"""What every door may ask of Honk."""
