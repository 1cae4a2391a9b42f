"""The parts of `bench/run`. The standard library alone, so that it runs anywhere."""
