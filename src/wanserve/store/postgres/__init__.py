"""The stores on a PostgreSQL database, which several machines share."""
