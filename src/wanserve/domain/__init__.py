"""The pure core: tasks, generations, the catalogue, the rules. Standard library only, no I/O, no clock."""
