"""What ``wsmon doctor`` looks at: facts are read in one place, and judged by functions that touch nothing."""
