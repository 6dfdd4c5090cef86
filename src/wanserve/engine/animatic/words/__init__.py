"""What the engine has words for: its subjects, activities and roles, and what it knows to have no picture for."""
