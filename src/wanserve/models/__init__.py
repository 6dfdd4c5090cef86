"""Which weights there are on this machine, which engine serves which model, and how the weights are sampled."""
