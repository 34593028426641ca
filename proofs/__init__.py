"""What the papers claim, run again on real data: one folder for each room of src/codomain, and what proofs share in lib/."""
