"""What tools/benchmark measures: parts of one topic each, and what they share."""
