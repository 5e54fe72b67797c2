"""What autonn costs, beside other engines: `python -m benchmarks`, `.growth`, `.profiles`."""
