"""Django's SQLite backend, with turns among the threads that write."""
