"""The parts of `bench/run`. They use the standard library only."""
